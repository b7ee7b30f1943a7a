/* control: who connects waits in the handshake until its request is there; only then is a Lua state made for it. */
#include "app/control/parts.h"

#include "base/container_of.h"
#include "base/log.h"
#include "base/reserve.h"
#include "script/door.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CLIENTS_MOST = 16,
    MEMORY_MOST = 64 << 20,  /* bytes of the Lua state that answers */
    MESSAGE_MOST = 1 << 20,  /* bytes of a message to it */
    ANSWERS_MOST = 16 << 20, /* bytes of answers that wait for a client */
    READ_MOST = 4096,        /* bytes in each turn of the loop: the rest of it is the bot's */
    IDLE_AFTER = 2,          /* seconds without a client until that state ends */
};

/* ---- the Lua state that answers ---- */

static void never_ends(void *app, int status) { (void)app, (void)status; }
static const char *never_reloads(void *app) { return (void)app, "this is no script"; }

static const luaL_Reg modules[] = {{"wsbot.control.core", luaopen_control_core}, {NULL, NULL}};
static const struct engine_host host = {
    .modules = modules, .stop = never_ends, .mark = never_ends, .exit = never_ends, .reload = never_reloads};

struct engine *control_engine_new(struct control *c, struct net *net, size_t memory) {
    struct engine *e = engine_new(net, &host, c, true);
    if (e) engine_limit_memory(e, memory);
    return e;
}

static bool begin_engine(struct control *c) {
    if (!c->engine) c->engine = control_engine_new(c, &c->net, MEMORY_MOST);
    return c->engine != NULL;
}

static void end_engine(struct control *c) {
    clock_cancel(&c->net.clock, &c->idle);
    if (c->engine) engine_free(c->engine);
    c->engine = NULL;
    run_end_all(c);
    watch_end_all(c);
}

/* Is nobody connected, and no server of --status there? */
static bool is_idle(const struct control *c) {
    return c->engine && LIST_EMPTY(&c->net.all) && LIST_EMPTY(&c->net.http_servers);
}

static void on_idle(struct deadline *d) {
    struct control *c = container_of(d, struct control, idle);
    if (is_idle(c)) end_engine(c);
}

static void on_turn_ends(struct net *net) {
    struct control *c = container_of(net, struct control, net);
    if (is_idle(c) && !clock_is_set(&c->idle))
        clock_set(&net->clock, &c->idle, clock_now(&net->clock) + IDLE_AFTER * CLOCK_SECOND, on_idle);
    else if (!is_idle(c))
        clock_cancel(&net->clock, &c->idle);
}

/* ---- clients ---- */

/* Gives a connection to Lua: control(conn). */
static int l_take(lua_State *L) {
    struct conn *conn = l_door_given(L, l_take);
    l_engine_require(L, "wsbot.control");
    l_conn_push_accepted(L, conn);
    lua_call(L, 1, 0);
    return 0;
}

static void on_requested(void *arg, struct conn *conn) {
    struct control *c = arg;
    if (!begin_engine(c) || !door_call(c->engine, l_take, conn, NULL)) conn_destroy(conn);
}

static void on_closed(void *arg, struct conn *conn, const struct conn_end *end) { (void)arg, (void)conn, (void)end; }

static const struct conn_sink waiting_sink = {.requested = on_requested, .closed = on_closed};

static unsigned clients(const struct control *c) {
    unsigned n = 0;
    const struct conn *conn;
    LIST_FOREACH(conn, &c->net.all, link) n++;
    return n;
}

static void on_accepted(void *arg, struct conn *conn) {
    struct control *c = arg;
    struct plan *plan = conn_plan(conn);
    if (!plan || clients(c) > CLIENTS_MOST) {
        conn_destroy(conn);
        return;
    }
    plan->settings.max_message_size = MESSAGE_MOST;
    plan->settings.max_send_buffer = ANSWERS_MOST;
    plan->offer.deflate.on = false;
    stream_read_at_most(conn->stream, READ_MOST);
}

/* ---- the socket ---- */

static int listen_there(struct control *c, struct fault *fault) {
    folder_socket(c->path, c->folder, c->number ? c->worker->pool : getpid(), c->number);
    struct listener_options o = {.path = c->path, .sink = &waiting_sink, .accepted = on_accepted, .arg = c};
    unlink(c->path); /* of a process that had this number before */
    int rc = listener_open(&c->listener, &c->net, &o, fault);
    if (rc == 0) listener_unref(c->listener);
    return rc;
}

static void begin(void *arg) {
    struct control *c = arg;
    struct fault fault = {0};
    const struct engine *e = c->worker->engine;
    if (e && (e->ends_with_main || e->test)) return; /* it runs tests */
    if (folder_open(c->folder, &fault) < 0 || listen_there(c, &fault) < 0)
        log_line(LOG_WARN,
                 "no control socket, so `wsbot ps` does not show this program: %s (WSBOT_CONTROL=off: "
                 "none is wanted)",
                 fault.text);
}

/* The program ends, in whatever way: its socket goes. */
static void on_end(struct net *net) {
    const struct control *c = container_of(net, struct worker, net)->control;
    if (c && c->listener) unlink(c->path);
}

void control_init(struct control *c, struct worker *w, const char *script, unsigned number) {
    c->worker = w;
    c->script = script;
    c->number = number;
    c->started = clock_wall(&w->net.clock);
}

void control_open(struct control *c) {
    static const struct net_room inside = {.turn_ends = on_turn_ends}, outside = {.end = on_end};
    const char *wanted = getenv("WSBOT_CONTROL");
    bool is_off = wanted && strcmp(wanted, "off") == 0;
    struct worker *w = c->worker;
    if ((is_off && !c->status_host) || net_open_beside(&c->net, &w->net) < 0) return;
    net_join(&c->net, &inside);
    net_join(&w->net, &outside);
    w->control = c;
    if (is_off) return;
    w->begins = begin;
    w->begins_arg = c;
}

/* ---- --status ---- */

static int l_serve(lua_State *L) {
    struct control *c = l_door_given(L, l_serve);
    l_engine_require(L, "wsbot.control.status");
    lua_pushstring(L, c->status_host);
    lua_pushinteger(L, c->status_port);
    lua_call(L, 2, 1);
    c->status_url = reserve_copy(lua_tostring(L, -1));
    log_line(LOG_INFO, "status on %s", c->status_url);
    return 0;
}

int control_open_status(struct control *c, struct fault *fault) {
    char *why = NULL;
    if (c->worker->control && begin_engine(c) && door_call(c->engine, l_serve, c, &why)) return 0;
    if (why)
        fault_put(fault, FAULT_LISTEN, "%.*s", (int)strcspn(why, "\n"), why);
    else
        fault_put(fault, FAULT_LISTEN, "--status: not enough memory");
    free(why);
    return ERR_SYSTEM;
}

void control_close(struct control *c) {
    free(c->name);
    free(c->status_url);
    c->status_url = NULL;
    c->name = NULL;
    if (!c->worker || !c->worker->control) return;
    c->worker->begins = NULL;
    c->worker->control = NULL;
    c->net.stopping = true;
    if (c->listener) listener_close(c->listener);
    end_engine(c);
    for (struct conn *conn = LIST_FIRST(&c->net.all), *next; conn; conn = next) {
        next = LIST_NEXT(conn, link);
        conn_detach(conn);
        conn_destroy(conn);
    }
    net_close(&c->net); /* which releases them; the loop must not turn, as the bot's timers are still there */
}

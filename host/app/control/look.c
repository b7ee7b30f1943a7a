/* look: reads the worker and its running generation, and changes nothing there: no value of its Lua state is touched,
 * and no memory of it taken. */
#include "app/control/parts.h"

#include "script/l_metrics.h"
#include "script/l_push.h"
#include "script/l_timer.h"
#include "script/task_trace.h"
#include "script/ws/conn.h"
#include "wire/secret.h"
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>

static void add(lua_State *L) { lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); }

/* ends = { { code = 1006, word = "reset", count = 3 }, ... }; without `word`: in order. */
static void push_ends(lua_State *L, const struct tally *t) {
    if (!t || t->used == 0) return;
    lua_newtable(L);
    for (uint32_t i = 0; i < t->used; i++) {
        const struct tally_entry *e = &t->entries[i];
        lua_createtable(L, 0, 3);
        l_set_integer(L, "code", e->code);
        l_set_string(L, "word", fault_words[e->fault]);
        l_set_integer(L, "count", e->count);
        add(L);
    }
    lua_setfield(L, -2, "ends");
}

/* ---- the program ---- */

static double seconds_of(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

/* Descriptors that are open; below 0: the system does not say. */
static lua_Integer descriptors(void) {
    DIR *all = opendir("/dev/fd");
    if (!all) return -1;
    lua_Integer n = -1; /* without the one that reads */
    for (struct dirent *one; (one = readdir(all));) n += one->d_name[0] != '.';
    closedir(all);
    return n;
}

static void push_process(lua_State *L) {
    struct rusage used = {0};
    size_t resident = 0;
    getrusage(RUSAGE_SELF, &used);
    uv_resident_set_memory(&resident);
    l_set_integer(L, "pid", getpid());
    l_set_number(L, "cpu", seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
    l_set_integer(L, "memory", (lua_Integer)resident);
    l_set_integer(L, "peak_memory", (lua_Integer)used.ru_maxrss * 1024);
    l_set_integer(L, "descriptors", descriptors());
}

/* { open = 3, waiting = 1 } */
static void push_states(lua_State *L, const struct engine *e) {
    lua_newtable(L);
    for (const struct conn_box *b = e ? e->boxes : NULL; b; b = b->next) {
        const char *state = conn_state(b->conn);
        if (strcmp(state, "closed") == 0 && !b->spent) continue; /* an object that is not used any more */
        lua_getfield(L, -1, state);
        lua_pushinteger(L, lua_tointeger(L, -1) + 1);
        lua_setfield(L, -3, state);
        lua_pop(L, 1);
    }
    lua_setfield(L, -2, "connections");
}

/* What all connections have counted, those that are gone included; the peers of an echo peer within are none of the
 * script's. */
static void push_sums(lua_State *L, const struct net *net) {
    struct net_sums sums = net->gone;
    const struct conn *c;
    LIST_FOREACH(c, &net->all, link) {
        if (c->role == WS_CLIENT) conn_add_sums(c, &sums);
    }
    l_set_integer(L, "messages_in", (lua_Integer)sums.messages_in);
    l_set_integer(L, "messages_out", (lua_Integer)sums.messages_out);
    l_set_integer(L, "bytes_in", (lua_Integer)sums.bytes_in);
    l_set_integer(L, "bytes_out", (lua_Integer)sums.bytes_out);
}

static lua_Integer count_tasks(const struct engine *e) {
    lua_Integer n = 0;
    for (const struct task *t = e->tasks.all; t; t = t->all_next) n++;
    return n;
}

static void count_timer(void *arg, const struct timer_told *t) {
    (void)t;
    ++*(lua_Integer *)arg;
}

static void push_generation(lua_State *L, const struct engine *e) {
    lua_Integer timers = 0;
    l_timer_each(e, count_timer, &timers);
    l_set_integer(L, "generation", (lua_Integer)e->reloads);
    l_set_number(L, "lua_time", clock_to_seconds(e->lua_time));
    l_set_integer(L, "collections", (lua_Integer)e->collections);
    l_set_integer(L, "lua_memory", (lua_Integer)e->memory);
    l_set_integer(L, "script_memory", (lua_Integer)e->account->bytes);
    l_set_integer(L, "tasks", count_tasks(e));
    l_set_integer(L, "timers", timers);
}

void l_look_program(lua_State *L, const struct control *c) {
    const struct worker *w = c->worker;
    lua_newtable(L);
    l_set_string(L, "name", c->name);
    l_set_string(L, "script", c->script);
    l_set_string(L, "version", WSBOT_VERSION);
    l_set_string(L, "state", w->stopping ? "stopping" : "running");
    l_set_number(L, "since", c->started);
    l_set_number(L, "now", clock_to_seconds(uv_hrtime()));
    if (c->number) l_set_integer(L, "worker", c->number);
    push_process(L);
    push_states(L, w->engine);
    push_sums(L, &w->net);
    l_set_integer(L, "attempts", (lua_Integer)w->net.attempts);
    l_set_integer(L, "opened", (lua_Integer)w->net.opened);
    push_ends(L, w->net.ends);
    l_set_integer(L, "turns", (lua_Integer)w->net.turns);
    l_set_number(L, "lag", w->engine ? clock_to_seconds(net_lag_since(&w->net, 0)) : 0);
    if (w->engine) push_generation(L, w->engine);
}

static void set_histogram(lua_State *L, const char *name, const struct histogram *h) {
    l_metrics_push_histogram(L, h);
    lua_setfield(L, -2, name);
}

/* What the script counts, or has counted, and how long things took. */
void l_look_metrics(lua_State *L, const struct control *c) {
    const struct worker *w = c->worker;
    const struct net_times *t = &w->net.times;
    lua_newtable(L);
    l_metrics_push(L, w->engine ? w->engine->metrics : w->counted);
    lua_setfield(L, -2, "script");
    set_histogram(L, "turns", &t->turns);
    set_histogram(L, "connects", &t->connects);
    set_histogram(L, "pings", &t->pings);
}

/* ---- connections ---- */

static void set_address(lua_State *L, const char *field, union address address) {
    char text[ADDRESS_TEXT];
    address_print(&address, text, sizeof text);
    if (text[0]) l_set_string(L, field, text);
}

static void set_seconds_since(lua_State *L, const char *field, const struct conn *c, uint64_t when) {
    if (when) l_set_number(L, field, clock_to_seconds(clock_now(&c->net->clock) - when));
}

static void push_transport(lua_State *L, const struct conn *c) {
    l_set_string(L, "state", conn_state(c));
    l_set_string(L, "phase", conn_phase_word(c));
    l_set_string(L, "protocol", c->protocol);
    l_set_integer(L, "attempts", c->attempt);
    set_address(L, "remote_address", c->remote_address);
    if (conn_is_open(c)) set_seconds_since(L, "open_for", c, c->opened_at);
    set_seconds_since(L, "since_in", c, c->last_in);
    set_seconds_since(L, "since_out", c, c->last_out);
    if (conn_latency(c) >= 0) l_set_number(L, "latency", conn_latency(c));
    uint64_t step = conn_next_step(c), now = clock_now(&c->net->clock);
    if (step) l_set_number(L, "next_step_in", step > now ? clock_to_seconds(step - now) : 0);
}

/* Frames, and of what is compressed how many bytes of a message one of its packed bytes stands for. */
static void push_frames(lua_State *L, const struct conn *c) {
    const struct deflate *d = c->ws.deflate;
    l_set_integer(L, "frames_in", (lua_Integer)(c->frames_in + c->ws.frames_in));
    l_set_integer(L, "frames_out", (lua_Integer)(c->frames_out + c->ws.frames_out));
    if (d && d->packed_in) l_set_number(L, "ratio_in", (double)d->plain_in / (double)d->packed_in);
    if (d && d->packed_out) l_set_number(L, "ratio_out", (double)d->plain_out / (double)d->packed_out);
}

/* How its last attempt has ended. */
static void push_last_end(lua_State *L, const struct conn_box *b) {
    const struct conn_end *e = arguments_last_end(b);
    if (!e) return;
    lua_createtable(L, 0, 5);
    l_set_integer(L, "code", e->code);
    l_set_string(L, "word", fault_word(&e->fault));
    if (e->fault.kind) l_set_string(L, "message", e->fault.text);
    l_set_number(L, "uptime", e->uptime);
    l_set_integer(L, "attempt", (lua_Integer)e->attempt);
    lua_setfield(L, -2, "last_end");
}

static void push_connection(lua_State *L, const struct conn_box *b) {
    const struct conn *c = b->conn, *old = rotation_old(b);
    struct net_sums sums = {0};
    char shown[SECRET_SHOWN_SIZE];
    conn_add_sums(c, &sums);
    if (old) conn_add_sums(old, &sums);
    lua_createtable(L, 0, 24);
    l_set_integer(L, "id", (lua_Integer)rotation_id(b));
    l_set_string(L, "name", b->name);
    if (c->plan->url.text) l_set_string(L, "url", secret_shown(slice_str(c->plan->url.text), shown));
    push_transport(L, c);
    l_set_integer(L, "messages_in", (lua_Integer)sums.messages_in);
    l_set_integer(L, "messages_out", (lua_Integer)sums.messages_out);
    l_set_integer(L, "bytes_in", (lua_Integer)sums.bytes_in);
    l_set_integer(L, "bytes_out", (lua_Integer)sums.bytes_out);
    push_frames(L, c);
    push_ends(L, c->more ? &c->more->ends : NULL);
    push_last_end(L, b);
    if (c->more && c->more->pings.count) set_histogram(L, "pings", &c->more->pings);
    l_set_number(L, "callback_time", clock_to_seconds(b->lua_time));
    l_set_integer(L, "buffered", (lua_Integer)rotation_buffered(b));
    l_set_integer(L, "inbox", (lua_Integer)inbox_size(&b->inbox));
    l_set_integer(L, "rotation", b->number);
    l_set_flag(L, "paused", c->paused & CONN_PAUSED_BY_SCRIPT);
    l_set_flag(L, "behind", c->paused & CONN_PAUSED_BY_SINK);
}

void l_look_connections(lua_State *L, const struct control *c) {
    lua_newtable(L);
    for (const struct conn_box *b = c->worker->engine ? c->worker->engine->boxes : NULL; b; b = b->next) {
        if (b->conn->phase == CONN_CLOSED && !b->spent) continue;
        push_connection(L, b);
        add(L);
    }
}

/* ---- tasks and timers ---- */

static const char *const task_states[] = {
    [TASK_IDLE] = "idle", [TASK_READY] = "ready", [TASK_RUNNING] = "running", [TASK_WAITING] = "waiting"};

static void push_task(lua_State *L, const struct task *t) {
    lua_Debug frame;
    lua_createtable(L, 0, 8);
    l_set_integer(L, "id", (lua_Integer)t->born);
    l_set_string(L, "kind", t->what);
    l_set_string(L, "state", task_states[t->state]);
    if (t->state == TASK_WAITING) l_set_string(L, "waits_in", t->waits_in);
    if (t->state == TASK_WAITING && clock_is_set(&t->limit)) {
        uint64_t now = clock_now(&t->engine->net->clock);
        l_set_number(L, "left", t->limit.due > now ? clock_to_seconds(t->limit.due - now) : 0);
    }
    if (!task_line(t->co, &frame)) return;
    l_set_string(L, "file", frame.short_src);
    l_set_integer(L, "line", frame.currentline);
}

void l_look_tasks(lua_State *L, const struct control *c) {
    lua_newtable(L);
    for (const struct task *t = c->worker->engine ? c->worker->engine->tasks.all : NULL; t; t = t->all_next) {
        push_task(L, t);
        add(L);
    }
}

static void add_timer(void *arg, const struct timer_told *t) {
    lua_State *L = arg;
    lua_createtable(L, 0, 4);
    l_set_string(L, "name", t->name);
    if (t->every) l_set_number(L, "every", clock_to_seconds(t->every));
    l_set_number(L, "left", clock_to_seconds(t->in));
    add(L);
}

void l_look_timers(lua_State *L, const struct control *c) {
    lua_newtable(L);
    if (c->worker->engine) l_timer_each(c->worker->engine, add_timer, L);
}

/* ---- generations ---- */

void l_look_generations(lua_State *L, const struct control *c) {
    const struct history *h = &c->worker->history;
    lua_newtable(L);
    for (unsigned i = 0; i < h->count; i++) {
        const struct history_entry *e = &h->entries[i];
        lua_createtable(L, 0, 6);
        l_set_integer(L, "generation", (lua_Integer)e->generation);
        l_set_number(L, "time", e->time);
        l_set_number(L, "took", e->took);
        l_set_flag(L, "ok", e->ok);
        l_set_string(L, "cause", e->cause);
        l_set_string(L, "report", e->report);
        add(L);
    }
}

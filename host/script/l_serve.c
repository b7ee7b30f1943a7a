/* l_serve: the C part of http.serve. A server is in a box, anchored until its last connection has ended; each request
 * is an exchange, whose handler runs as a task and so may wait. Where a take-over cancels a handler before it has
 * answered, the request is given to the next generation. Options are checked, and answers written out, in
 * lualib/wsbot/http/serve.lua. */
#include "script/l_serve.h"

#include "net/http/server.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_push.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <stdlib.h>

struct serving {
    struct box box;
    struct engine *engine;
    struct http_server *server; /* NULL: it gets that of the running generation at the take-over, or has ended */
    union address address;      /* as asked for */
    size_t max_body;
    bool patient;
    bool adopted;  /* it was taken over from the last generation */
    uint64_t born; /* see engine->births */
    LIST_HEAD(, exchange) exchanges;
    struct serving *next, **at; /* of the same engine, in order; `at` NULL: it has ended */
};

/* One request, as long as its handler runs or waits. */
struct exchange {
    struct engine *engine;
    struct serving *serving;    /* NULL: the server is gone */
    struct http_caller *caller; /* NULL: it was answered, or the client has left */
    struct http_asked *asked;   /* held until its handler has it; then NULL */
    struct task *task;          /* NULL: it has not begun */
    LIST_ENTRY(exchange) link;  /* of the same server */
};

static void unlink_serving(struct serving *s) {
    if (!s->at) return;
    *s->at = s->next;
    if (s->next) s->next->at = s->at;
    s->at = NULL;
}

static void link_serving(struct engine *e, struct serving *s) {
    struct serving **last = &e->servings;
    while (*last) last = &(*last)->next;
    s->at = last;
    *last = s;
}

static void unlink_exchange(struct exchange *x) {
    if (!x->serving) return;
    LIST_REMOVE(x, link);
    x->serving = NULL;
}

static void link_exchange(struct serving *s, struct exchange *x) {
    x->serving = s;
    LIST_INSERT_HEAD(&s->exchanges, x, link);
}

static void end_serving(void *object) {
    struct serving *s = object;
    unlink_serving(s);
    while (!LIST_EMPTY(&s->exchanges)) unlink_exchange(LIST_FIRST(&s->exchanges));
    if (s->server) http_server_disown(s->server);
    free(s);
}

static const struct box_type serving_type = {
    .name = "wsbot.http.server", .size = sizeof(struct serving), .values = 1, .end = end_serving};

/* Separates the box from its HTTP server, which may go on in C. */
static void let_go(struct serving *s) {
    s->server = NULL;
    unlink_serving(s);
    box_unanchor(s->engine->L, s);
}

/* The same, and requests under way get no answer. */
static void drop(struct serving *s) {
    if (s->server) http_server_disown(s->server);
    let_go(s);
}

/* ---- a request ---- */

/* Pushes { method =, path =, query =, body =, and its fields: name, value, name, value ... }. */
static void push_request(lua_State *L, const struct http_asked *a) {
    const struct {
        const char *name;
        struct slice value;
    } parts[] = {
        {"method", a->parts.method}, {"path", a->parts.path}, {"query", a->parts.query}, {"body", buf_slice(&a->body)}};
    lua_createtable(L, (int)a->head.field_count * 2, 8);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        lua_pushlstring(L, (const char *)parts[i].value.p, parts[i].value.n);
        lua_setfield(L, -2, parts[i].name);
    }
    for (size_t i = 0; i < a->head.field_count; i++) {
        const struct http1_field *f = &a->head.fields[i];
        lua_pushlstring(L, (const char *)f->name.p, f->name.n);
        lua_rawseti(L, -2, (lua_Integer)i * 2 + 1);
        lua_pushlstring(L, (const char *)f->value.p, f->value.n);
        lua_rawseti(L, -2, (lua_Integer)i * 2 + 2);
    }
}

static struct slice check_slice(lua_State *L, int index) {
    size_t n;
    const char *text = luaL_checklstring(L, index, &n);
    return slice_of(text, n);
}

/* The handler has returned; stack: ..., status, fields, whether Date is among them, body. */
static int l_handled(lua_State *L, int status, lua_KContext ctx) {
    struct exchange *x = (struct exchange *)ctx;
    int first = lua_gettop(L) - 3;
    (void)status;
    const struct serve_answer a = {.status = (unsigned)luaL_checkinteger(L, first) % 1000,
                                   .fields = check_slice(L, first + 1),
                                   .dated = lua_toboolean(L, first + 2),
                                   .body = check_slice(L, first + 3)};
    l_engine_need(L, x->engine, a.fields.n + a.body.n); /* a finalizer may close the server */
    struct http_caller *c = x->caller;
    x->caller = NULL;
    if (c) http_caller_answer(c, &a);
    return 0;
}

static void drop_asked(struct exchange *x) {
    http_asked_release(x->asked);
    x->asked = NULL;
}

static int l_handle(lua_State *L) {
    struct exchange *x = l_door_given(L, l_handle);
    if (!x->caller) return 0;                          /* a finalizer has closed the server, while this task was made */
    x->engine->tasks.current->born = x->serving->born; /* a test ends it with its server, and not before */
    x->task = x->engine->tasks.current;
    if (!box_push(L, x->serving)) return luaL_error(L, "the server is gone");
    lua_getiuservalue(L, -1, 1); /* server, fn */
    push_request(L, x->asked);
    drop_asked(x);
    if (!x->caller) return 0; /* or while the request was pushed */
    lua_callk(L, 1, 4, (lua_KContext)x, l_handled);
    return l_handled(L, LUA_OK, (lua_KContext)x);
}

static void free_exchange(struct exchange *x) {
    unlink_exchange(x);
    drop_asked(x);
    free(x);
}

static void on_ended(struct task *task, void *arg, enum task_end how) {
    struct exchange *x = arg;
    if (how == TASK_FAILED) task_report(task, NULL);
    struct http_caller *c = x->caller;
    bool cut = x->engine->ended;
    free_exchange(x);
    if (!c) return;
    if (how == TASK_CANCELLED && cut)
        http_caller_give_back(c);
    else if (how == TASK_CANCELLED)
        http_caller_refuse(c, 503, "the handler of this request was cancelled");
    else
        http_caller_refuse(c, 500, "the handler of this request failed");
}

static void on_left(void *arg) { ((struct exchange *)arg)->caller = NULL; }

static void on_requested(void *arg, struct http_caller *c) {
    struct serving *s = arg;
    struct engine *e = s->engine;
    if (e->holds) return;
    struct exchange *x = calloc(1, sizeof *x);
    if (x) {
        x->engine = e;
        x->caller = c;
        x->asked = http_caller_hold_asked(c);
        link_exchange(s, x);
        http_caller_take(c, on_left, x);
        if (task_run(e, "request", l_handle, x, on_ended, x)) return;
        c = x->caller;
        free_exchange(x);
    }
    if (c) http_caller_refuse(c, 503, "there is no memory for the request");
}

static void on_closed(void *arg) { let_go(arg); }

static const struct http_server_sink sink = {.requested = on_requested, .closed = on_closed};

/* ---- its life ---- */

static void own(struct serving *s) {
    http_server_own(s->server, &sink, s, s->engine->account, s->max_body);
    if (s->patient) http_server_be_patient(s->server);
}

/* 0, or ERR_SYSTEM with `fault`. */
static int open_server(struct serving *s, struct fault *fault) {
    struct engine *e = s->engine;
    if (!s->server && http_server_bind(&s->server, e->net, &s->address, fault) < 0) return ERR_SYSTEM;
    own(s);
    return e->staged ? 0 : http_server_listen(s->server, fault);
}

/* Does this server belong to the running generation, which `staged` is to replace? */
static bool is_of_running(const struct http_server *server, const struct engine *staged) {
    const struct serving *has = server ? http_server_owner(server, &sink) : NULL;
    const struct engine *e = has ? has->engine : NULL;
    return e && e != staged && e->app == staged->app && e->host == staged->host;
}

/* Is its port in use by the running generation, so that it cannot be opened before the take-over? `wsbot check` opens
 * no port at all. */
static bool waits_for_take_over(const struct serving *s) {
    const struct engine *e = s->engine;
    uint16_t port = address_port(&s->address);
    return e->staged && port && (e->is_checked || is_of_running(http_server_on(e->net, port), e));
}

/* Is that address promised to another server of the same staged generation? */
static bool is_promised(const struct serving *s) {
    for (const struct serving *o = s->engine->servings; o; o = o->next)
        if (!o->server && address_is_same(&o->address, &s->address)) return true;
    return false;
}

static const union address *address_of(const struct serving *s) {
    return s->server ? http_server_address(s->server) : &s->address;
}

/* serve { host =, port =, max_body =, patient =, handler = }: a server, or nil and why there is none. */
static int l_serve(lua_State *L) {
    struct fault fault = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    l_engine_check(L, "http.serve");
    struct serving *s = l_box_new(L, &serving_type);
    s->engine = engine_of(L);
    lua_getfield(L, 1, "host");
    lua_getfield(L, 1, "port");
    lua_getfield(L, 1, "max_body");
    lua_getfield(L, 1, "patient");
    s->max_body = (size_t)luaL_checkinteger(L, 5);
    s->patient = lua_toboolean(L, 6);
    int rc = http_server_read_address(&s->address, luaL_checkstring(L, 3), (uint16_t)luaL_checkinteger(L, 4), &fault);
    lua_getfield(L, 1, "handler");
    lua_setiuservalue(L, 2, 1);
    box_anchor(L, 2, s);
    bool waits = rc == 0 && waits_for_take_over(s);
    if (waits && is_promised(s))
        fault_put(&fault, FAULT_LISTEN, "cannot listen twice on %s port %d", lua_tostring(L, 3),
                  (int)lua_tointeger(L, 4));
    else if (rc == 0 && !waits)
        open_server(s, &fault);
    if (fault_set(&fault)) {
        drop(s);
        return l_push_failure(L, fault.text, NULL);
    }
    s->born = ++s->engine->births;
    link_serving(s->engine, s);
    lua_settop(L, 2);
    return 1;
}

/* address() -> "127.0.0.1:80", and the port. */
static int l_address(lua_State *L) {
    const union address *address = address_of(l_box_get(L, 1, &serving_type));
    char text[ADDRESS_TEXT];
    address_print(address, text, sizeof text);
    lua_pushstring(L, text);
    lua_pushinteger(L, address_port(address));
    return 2;
}

/* Cancels a handler, but not the one that has called this. */
static bool cancel(struct exchange *x) { return x->task && !x->task->cancelled && task_cancel(x->task); }

/* Runs Lua code: their <close> variables. */
static void cancel_handlers(struct serving *s) {
    struct exchange *x = LIST_FIRST(&s->exchanges);
    while (x) x = cancel(x) ? LIST_FIRST(&s->exchanges) : LIST_NEXT(x, link);
}

static void end_at_once(struct serving *s) {
    cancel_handlers(s);
    drop(s);
}

/* close(at_once): ends when the requests under way are answered; with `at_once` it ends now, handlers included. */
static int l_close(lua_State *L) {
    struct serving *s = l_box_get(L, 1, &serving_type);
    if (lua_toboolean(L, 2) || s->engine->staged)
        end_at_once(s);
    else if (s->server)
        http_server_close(s->server, UINT64_MAX);
    return 0;
}

/* ---- for the engine ---- */

void l_serve_each(const struct engine *e, void (*tell)(void *arg, const char *address), void *arg) {
    char text[ADDRESS_TEXT];
    for (const struct serving *s = e->servings; s; s = s->next) {
        address_print(&s->address, text, sizeof text);
        tell(arg, text);
    }
}

void l_serve_offer(struct engine *e) {
    for (struct serving *s = e->servings; s; s = s->next)
        if (s->server) http_server_offer(s->server);
}

void l_serve_stop(struct engine *e) {
    for (struct serving *s = e->servings; s; s = s->next)
        if (s->server) http_server_close(s->server, HTTP_SERVER_STOP_S * CLOCK_SECOND);
}

unsigned l_serve_end_since(lua_State *L, uint64_t mark) {
    unsigned n = 0;
    for (struct serving *s = engine_of(L)->servings; s;) {
        bool is_newer = s->born > mark;
        n += is_newer;
        if (is_newer) end_at_once(s);
        s = is_newer ? engine_of(L)->servings : s->next;
    }
    return n;
}

/* Takes over the server of `last` at the same address. False: there is none. */
static bool adopt(struct serving *s, const struct engine *last) {
    struct http_server *kept = s->server ? NULL : http_server_at(s->engine->net, &s->address);
    struct serving *before = kept ? http_server_owner(kept, &sink) : NULL;
    if (!before || before->engine != last) return false;
    before->server = NULL;
    s->server = kept;
    own(s);
    return true;
}

static void report(struct engine *e, const struct fault *fault) {
    char text[sizeof fault->text + 16];
    snprintf(text, sizeof text, "http.serve: %s", fault->text);
    engine_report(e, text);
}

static void tell_of(const struct serving *s, enum serve_fate fate, serve_tell *tell, void *arg) {
    char text[ADDRESS_TEXT];
    address_print(address_of(s), text, sizeof text);
    tell(arg, fate, text);
}

void l_serve_take_over(struct engine *last, struct engine *next, serve_tell *tell, void *arg) {
    for (struct serving *s = next->servings; s; s = s->next) {
        s->adopted = adopt(s, last);
        if (s->adopted) tell_of(s, SERVE_KEPT, tell, arg);
    }
    for (const struct serving *s = last->servings; s; s = s->next) {
        if (!s->server) continue;
        http_server_close(s->server, UINT64_MAX); /* its port may be wanted, at another address */
        tell_of(s, SERVE_CLOSED, tell, arg);
    }
    for (struct serving *s = next->servings, *then; s; s = then) {
        struct fault fault = {0};
        then = s->next;
        if (s->adopted) continue;
        if (open_server(s, &fault) == 0) {
            tell_of(s, SERVE_OPENED, tell, arg);
        } else {
            report(next, &fault);
            drop(s);
        }
    }
}

int luaopen_serve_core(lua_State *L) {
    static const luaL_Reg methods[] = {{"address", l_address}, {"close", l_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"serve", l_serve}, {NULL, NULL}};
    l_box_open(L, &serving_type, NULL, methods);
    luaL_newlib(L, functions);
    return 1;
}

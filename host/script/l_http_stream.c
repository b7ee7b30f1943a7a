/* l_http_stream: http.stream: an answer that is taken in pieces, or as server-sent events. A task that waits for more
 * keeps the program alive; a stream that nobody waits for does not, and its server is not read further than
 * HTTP_STREAM_AHEAD. */
#include "script/l_http.h"

#include "script/box.h"
#include "script/engine.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/task.h"
#include "wire/sse.h"

#include <lauxlib.h>
#include <stdlib.h>

struct stream {
    struct box box;
    struct http_transfer
        *transfer; /* NULL: it has not begun, or was ended on this side, or by an error in its events */
    struct waiters waiters;
    struct engine *engine;
    struct buf taken; /* bytes that came, and that the script does not have yet */
    struct sse events;
    struct fault fault; /* of the events */
    uint64_t born;      /* see engine->births */
    bool closed;        /* by the script */
    size_t kept;        /* bytes that are counted in the account */
};

/* Is on the stack of a task that waits, so that the wait is over when the task is cancelled, too. */
struct listening {
    struct box box;
    struct net *net;
};

static void count(struct stream *s) {
    size_t now = (s->transfer ? http_size(s->transfer) : 0) + s->taken.size + sse_size(&s->events);
    account_add(s->engine->account, now - s->kept);
    s->kept = now;
}

/* Ends the transfer; what was taken stays. */
static void cut(struct stream *s) {
    if (s->transfer) http_free(s->transfer);
    s->transfer = NULL;
    task_wake_all(&s->waiters);
    count(s);
}

static void end_stream(void *object) {
    struct stream *s = object;
    buf_clear(&s->taken);
    sse_clear(&s->events);
    cut(s);
    free(s);
}

static void end_listening(void *object) {
    struct listening *l = object;
    if (l->net) http_listen(l->net, -1);
    free(l);
}

static const struct box_type stream_type = {
    .name = "wsbot.http.stream", .size = sizeof(struct stream), .end = end_stream};
static const struct box_type listening_type = {
    .name = "wsbot.http.listening", .size = sizeof(struct listening), .closes = true, .end = end_listening};

/* The stream at index 1, or that of the response there (its field `core`), which it takes the place of. */
static struct stream *check(lua_State *L) {
    if (lua_istable(L, 1)) {
        lua_pushliteral(L, "core");
        lua_rawget(L, 1);
        lua_replace(L, 1);
    }
    return l_box_get(L, 1, &stream_type);
}

static void on_news(void *arg) {
    struct stream *s = arg;
    task_wake_all(&s->waiters);
}

/* ---- the beginning ---- */

/* stream(options) -> a stream that has begun, or nil, word, message. Its head is to be waited for. */
static int l_stream(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    l_task_check(L, "http.stream");
    struct stream *s = l_box_new(L, &stream_type);
    s->engine = engine_of(L);
    s->born = ++s->engine->births;
    struct http_request r = l_http_request(L);
    struct fault fault = {0};
    r.stream = true;
    sse_init(&s->events, r.max_size);
    buf_init(&s->taken, (size_t)2 * HTTP_STREAM_AHEAD);
    l_engine_need(L, s->engine, r.body.n + (size_t)2 * HTTP_STREAM_AHEAD);
    s->transfer = http_start(s->engine->net, &r, on_news, s, &fault);
    if (!s->transfer) return l_push_failure(L, fault_word(&fault), fault.text);
    count(s);
    lua_pushvalue(L, 2);
    return 1;
}

/* Nil and how it was ended on this side; no value where it was not. */
static int push_ended(lua_State *L, const struct stream *s) {
    if (fault_set(&s->fault)) return l_push_failure(L, fault_word(&s->fault), s->fault.text);
    if (s->closed) return l_push_failure(L, err_word(ERR_CLOSED), "the stream was closed by the script");
    return 0;
}

/* Stack: stream, when the wait ends, its seconds. */
static int l_head_on(lua_State *L, int status, lua_KContext waited) {
    struct stream *s = check(L);
    (void)status;
    if (!s->transfer) return push_ended(L, s);
    if (http_stream_has_head(s->transfer)) {
        count(s);
        l_http_push_answer(L, s->transfer);
        return 1;
    }
    if (http_is_done(s->transfer)) {
        const struct fault *fault = http_fault(s->transfer);
        return l_push_failure(L, fault_word(fault), fault->text);
    }
    if (waited && l_task_timed_out(L)) return l_http_late(L, s->transfer, lua_tonumber(L, 3));
    return l_task_wait(L, "http.stream", &s->waiters, l_seconds_left(L, &s->engine->net->clock), 1, l_head_on);
}

/* head(stream, left, timeout) -> a table for wsbot.response, or nil, word, message; within `left` seconds. `timeout` is
 * for the message. */
static int l_head(lua_State *L) {
    struct stream *s = check(L);
    luaL_checknumber(L, 3);
    lua_settop(L, 3);
    lua_pushinteger(L, (lua_Integer)l_seconds_end(L, 2, &s->engine->net->clock));
    lua_replace(L, 2);
    return l_head_on(L, LUA_OK, 0);
}

/* ---- bytes ---- */

/* Takes what has come, if all that was taken before is used. */
static void take(struct stream *s) {
    if (s->taken.len > 0 || !s->transfer) return;
    buf_reset(&s->taken, HTTP_STREAM_AHEAD);
    http_stream_take(s->transfer, &s->taken);
    count(s);
}

/* Nothing more comes: nil, and where it did not end well, word and message. */
static int push_end(lua_State *L, const struct stream *s) {
    const struct fault *fault = s->transfer ? http_fault(s->transfer) : &s->fault;
    int ended = push_ended(L, s);
    if (ended) return ended;
    if (fault_set(fault)) return l_push_failure(L, fault_word(fault), fault->text);
    lua_pushnil(L);
    return 1;
}

static bool is_over(const struct stream *s) { return !s->transfer || (http_is_done(s->transfer) && s->taken.len == 0); }

/* Waits for more. The stack has the stream, when the wait ends, and from now on what keeps the program alive. */
static int l_wait(lua_State *L, struct stream *s, const char *what, lua_KFunction k) {
    if (!l_box_look(L, 3, &listening_type)) {
        lua_settop(L, 2);
        struct listening *l = l_box_new(L, &listening_type);
        http_listen(s->engine->net, 1);
        l->net = s->engine->net;
        lua_toclose(L, 3);
    }
    return l_task_wait(L, what, &s->waiters, l_seconds_left(L, &s->engine->net->clock), 1, k);
}

static int l_read_on(lua_State *L, int status, lua_KContext waited) {
    struct stream *s = check(L);
    (void)status;
    l_task_check(L, "stream:read"); /* even if something is there: see receive.c */
    take(s);
    if (s->taken.len > 0 && !s->closed) {
        struct slice piece = buf_slice(&s->taken);
        lua_pushlstring(L, (const char *)piece.p, piece.n);
        buf_consume(&s->taken, piece.n);
        return 1;
    }
    if (is_over(s)) return push_end(L, s);
    if (waited && l_task_timed_out(L))
        return l_push_failure(L, fault_words[FAULT_TIMEOUT], "nothing came in that time");
    return l_wait(L, s, "stream:read", l_read_on);
}

/* read(stream [, timeout]) -> a piece; nil at the end; or nil, word, message */
static int l_read(lua_State *L) {
    l_seconds_keep(L, &check(L)->engine->net->clock);
    return l_read_on(L, LUA_OK, 0);
}

/* ---- events ---- */

static void set_field(lua_State *L, const char *name, struct slice value) {
    lua_pushlstring(L, (const char *)value.p, value.n);
    lua_setfield(L, -2, name);
}

static int push_event(lua_State *L, const struct sse_event *event) {
    lua_createtable(L, 0, 3);
    set_field(L, "event", event->type);
    set_field(L, "data", event->data);
    set_field(L, "id", event->id);
    return 1;
}

/* Reads on in what was taken. 1: an event; 0: there is none yet, and nothing left; less: it has failed, and is cut. */
static int read_events(struct stream *s, struct sse_event *event) {
    struct slice in = buf_slice(&s->taken);
    int rc = sse_step(&s->events, &in, event);
    buf_consume(&s->taken, s->taken.len - in.n);
    count(s);
    if (rc >= 0) return rc;
    if (rc == ERR_NOMEM)
        fault_put(&s->fault, FAULT_TOO_BIG, "no memory for an event");
    else
        fault_put(&s->fault, FAULT_TOO_BIG, "a line or an event is over max_size, which is %zu bytes", s->events.cap);
    cut(s);
    return rc;
}

static int l_event_on(lua_State *L, int status, lua_KContext waited) {
    struct stream *s = check(L);
    struct sse_event event;
    (void)status, (void)waited;
    l_task_check(L, "stream:events");
    for (take(s); s->taken.len > 0 && !s->closed && !fault_set(&s->fault); take(s)) {
        l_engine_need(L, s->engine, s->taken.len);
        if (read_events(s, &event) == 1) return push_event(L, &event);
    }
    if (!is_over(s)) return l_wait(L, s, "stream:events", l_event_on);
    if (push_end(L, s) == 1 || s->closed) {
        lua_pushnil(L);
        return 1;
    }
    return luaL_error(L, "stream:events: %s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
}

/* The iterator: { event =, data =, id = }, nil at the end. It may be called without arguments. */
static int l_event(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushinteger(L, (lua_Integer)UINT64_MAX);
    return l_event_on(L, LUA_OK, 0);
}

static int l_events(lua_State *L) {
    check(L);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, l_event, 1);
    return 1;
}

static void close_stream(struct stream *s) {
    s->closed = s->closed || !fault_set(&s->fault);
    buf_clear(&s->taken);
    cut(s);
}

static int l_close(lua_State *L) {
    close_stream(check(L));
    return 0;
}

unsigned l_http_end_since(struct engine *e, uint64_t mark) {
    unsigned n = 0;
    for (struct box *b = e->objects; b; b = b->next) {
        struct stream *s = b->type == &stream_type ? (struct stream *)b : NULL;
        if (!s || s->born <= mark || !s->transfer || http_is_done(s->transfer)) continue;
        n++;
        close_stream(s);
    }
    return n;
}

void l_http_stream_open(lua_State *L, int index) {
    static const luaL_Reg methods[] = {{"head", l_head}, {"close", l_close}, {NULL, NULL}};
    static const luaL_Reg of_response[] = {{"read", l_read}, {"events", l_events}, {"close", l_close}, {NULL, NULL}};
    l_box_open(L, &stream_type, NULL, methods);
    l_box_open(L, &listening_type, NULL, NULL);
    lua_pop(L, 2);
    lua_pushcfunction(L, l_stream);
    lua_setfield(L, index, "stream");
    luaL_newlib(L, of_response);
    lua_setfield(L, index, "methods");
}

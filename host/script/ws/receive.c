/* receive: functions that let a task wait: for a connection's messages, until all is written, until it is open. */
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/ws/conn.h"
#include <lauxlib.h>

/* The connection at index 1, as the code that runs reads from it. Raises where the value is none. */
static struct conn_box *check_here(lua_State *L) { return conn_box_here(l_conn_check(L)); }

/* When the wait ends, by the clock: after the seconds at index 2, or never (UINT64_MAX). Leaves on the stack the
 * connection and, where there is one, that time. */
static uint64_t read_end(lua_State *L, struct conn_box *b) {
    uint64_t ends = l_seconds_end(L, 2, &b->engine->net->clock);
    lua_settop(L, 1);
    if (ends != UINT64_MAX) lua_pushinteger(L, (lua_Integer)ends);
    return ends;
}

static uint64_t end_of(lua_State *L) { return lua_isinteger(L, 2) ? (uint64_t)lua_tointeger(L, 2) : UINT64_MAX; }

static uint64_t left(const struct conn_box *b, uint64_t ends) { return clock_left(&b->engine->net->clock, ends); }

/* Stack: conn, and where there is a timeout, when it ends (nanoseconds of the clock). Raises where the code cannot
 * wait, even if there is a message: a finalizer could take it while other code, which has seen it, is about to. */
static int take(lua_State *L, struct conn_box *b, uint64_t ends);

static int l_woken(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    struct conn_box *b = check_here(L);
    if (l_task_timed_out(L) && !delivery_has_message(b)) return l_push_failure(L, "timeout", NULL);
    return take(L, b, end_of(L));
}

static int take(lua_State *L, struct conn_box *b, uint64_t ends) {
    if (b->hears & 1u << ON_MESSAGE)
        return luaL_error(L, "conn:receive: the connection has an on_message, which gets its messages");
    l_task_check(L, "conn:receive");
    if (l_delivery_push_message(L, b)) return 2;
    if (delivery_over(b)) return l_push_failure(L, "closed", NULL);
    return l_task_wait(L, "conn:receive", &b->receivers, left(b, ends), 0, l_woken);
}

int l_conn_receive(lua_State *L) {
    struct conn_box *b = check_here(L);
    return take(L, b, read_end(L, b));
}

/* The iterator of conn:messages; arguments of the generic `for` but the connection are ignored. */
static int l_next(lua_State *L) {
    struct conn_box *b = check_here(L);
    lua_settop(L, 1);
    return take(L, b, UINT64_MAX);
}

int l_conn_messages(lua_State *L) {
    l_conn_check(L);
    lua_pushcfunction(L, l_next);
    lua_pushvalue(L, 1);
    return 2;
}

/* ---- waiting for it to be open, or written ---- */

/* Is all output written? For a callback that logs in, without the messages that wait for its end. */
static bool is_written(const struct conn_box *b) {
    bool first = b->conn->login && delivery_logs_in(b);
    return (first ? conn_unwritten(b->conn) : rotation_buffered(b)) == 0;
}

/* Stack: conn, when the wait ends or nil, and what b->drains was at its beginning. The context is one more than what
 * b->ends was then; 0: it has not waited yet. */
static int l_look_drained(lua_State *L, int status, lua_KContext ctx) {
    struct conn_box *b = check_here(L);
    struct conn *c = b->conn;
    bool was_written = b->drains != (uint32_t)lua_tointeger(L, 3); /* even if the connection has ended since */
    (void)status;
    bool is_over = delivery_outlived(b) || (ctx && (b->ends + 1 != (uint32_t)ctx || c->phase != CONN_OPEN));
    if (was_written || (!is_over && c->phase < CONN_ENDED && is_written(b))) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (is_over || c->phase == CONN_CLOSED || c->phase > CONN_OPEN)
        return l_push_failure(L, err_word(ERR_CLOSED), NULL);
    if (c->phase != CONN_OPEN) return l_push_failure(L, err_word(ERR_NOT_OPEN), NULL);
    if (ctx && l_task_timed_out(L)) return l_push_failure(L, "timeout", NULL);
    if (!c->login || delivery_logs_in(b)) conn_await_drained(c); /* conn_end_login wakes the others */
    if (rotation_old(b)) conn_await_drained(rotation_old(b));
    lua_KContext ends = (lua_KContext)(b->ends + 1);
    return l_task_wait(L, "conn:drain", &b->drainers, left(b, end_of(L)), ends, l_look_drained);
}

int l_conn_drain(lua_State *L) {
    struct conn_box *b = check_here(L);
    read_end(L, b);
    lua_settop(L, 2);
    lua_pushinteger(L, b->drains);
    return l_look_drained(L, LUA_OK, 0);
}

/* Returns nil and how the attempt ended that was waited for. */
static int give_failure(lua_State *L, const struct conn_box *b) {
    const struct conn_end *end = arguments_last_end(b);
    if (!end || !fault_set(&end->fault)) return l_push_failure(L, "closed", "the connection is closed");
    return l_push_failure(L, fault_word(&end->fault), end->fault.text);
}

static int l_look_opened(lua_State *L, int status, lua_KContext ctx) {
    struct conn_box *b = check_here(L);
    (void)status;
    if (b->conn->phase == CONN_OPEN) {
        lua_pushboolean(L, 1);
        return 1;
    }
    if (delivery_over(b)) return give_failure(L, b);
    if (ctx && l_task_timed_out(L)) return l_push_failure(L, "timeout", "the connection is not open yet");
    return l_task_wait(L, "conn:opened", &b->openers, left(b, end_of(L)), 1, l_look_opened);
}

int l_conn_opened(lua_State *L) {
    read_end(L, l_conn_check(L));
    return l_look_opened(L, LUA_OK, 0);
}

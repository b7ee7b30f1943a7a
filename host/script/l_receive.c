/* l_receive: conn:receive and conn:messages: the straight way to a connection's messages, for tasks that wait. */
#include "script/l_conn.h"
#include <lauxlib.h>

/* Stack: conn, and where there is a timeout, when it ends (nanoseconds of the clock). */
static int take(lua_State *L, struct conn_box *b, uint64_t ends);

static int l_woken(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    struct conn_box *b = l_conn_check(L);
    uint64_t ends = lua_isinteger(L, 2) ? (uint64_t)lua_tointeger(L, 2) : UINT64_MAX;
    struct ws_event ev;
    if (l_task_timed_out(L) && !inbox_message(&b->inbox, &ev)) {
        luaL_pushfail(L);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    return take(L, b, ends);
}

static int take(lua_State *L, struct conn_box *b, uint64_t ends) {
    struct ws_event ev;
    if (b->hears & 1u << ON_MESSAGE)
        return luaL_error(L, "conn:receive: the connection has an on_message, which gets its messages");
    if (inbox_message(&b->inbox, &ev)) {
        lua_pushlstring(L, (const char *)ev.data.p, ev.data.n);
        lua_pushstring(L, ev.kind == WS_TEXT ? "text" : "binary");
        inbox_drop_message(&b->inbox);
        l_events_make_room(b);
        return 2;
    }
    if (l_events_over(b)) {
        luaL_pushfail(L);
        lua_pushliteral(L, "closed");
        return 2;
    }
    uint64_t now = clock_now(&b->engine->net->clock), timeout = ends;
    if (ends != UINT64_MAX) timeout = ends > now ? ends - now : 0;
    return l_task_wait(L, "conn:receive", &b->receivers, timeout, 0, l_woken);
}

int l_conn_receive(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    uint64_t ends = UINT64_MAX;
    if (!lua_isnoneornil(L, 2)) {
        lua_Number seconds = luaL_checknumber(L, 2);
        luaL_argcheck(L, seconds >= 0, 2, "seconds must not be negative");
        ends = clock_now(&b->engine->net->clock) + clock_from_seconds(seconds);
        lua_settop(L, 1);
        lua_pushinteger(L, (lua_Integer)ends);
    } else {
        lua_settop(L, 1);
    }
    return take(L, b, ends);
}

/* The iterator: what a generic `for` hands on besides the connection is of no use. */
static int l_next(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    lua_settop(L, 1);
    return take(L, b, UINT64_MAX);
}

int l_conn_messages(lua_State *L) {
    l_conn_check(L);
    lua_pushcfunction(L, l_next);
    lua_pushvalue(L, 1);
    return 2;
}

/* service: the module wsbot.ws.core, for Lua modules of the program's own that speak a protocol on a connection
 * (wsbot.jsonrpc). Such a module has the connection's on_message. While a callback of the script waits, it gets
 * messages all the same: what the callback waits for may be one of them. And it hears of each attempt's end before the
 * script does, without its on_close. */
#include "script/door.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "script/ws/parts.h"
#include <lauxlib.h>

static const char ends_key; /* the function that hears of ends, among the fields of the connection */

/* serve(conn, on_message, on_end): neither may wait. on_message gets the rotation as its fourth argument where that is
 * not conn.rotation. Raises where the connection has an on_message. */
static int l_serve(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    if (conn_box_hears(b, ON_MESSAGE)) return luaL_error(L, "the connection has an on_message already");
    lua_settop(L, 3);
    lua_getiuservalue(L, 1, BOX_FIELDS);
    lua_insert(L, 3);
    lua_rawsetp(L, 3, &ends_key);
    lua_settop(L, 2);
    l_conn_set_callback(L, 1, ON_MESSAGE);
    b->served = true;
    rotation_hear(b, ON_MESSAGE);
    return 0;
}

/* ---- messages ---- */

struct taking {
    struct conn_box *b;
    bool taken; /* the message has left the inbox */
};

static int l_take(lua_State *L) {
    struct taking *t = l_door_given(L, l_take);
    if (!box_push(L, conn_box_front(t->b))) return 0;
    lua_getiuservalue(L, 1, BOX_FIELDS);
    lua_getfield(L, 2, callback_names[ON_MESSAGE]);
    lua_insert(L, 1);
    lua_settop(L, 2); /* on_message, conn */
    t->taken = l_delivery_push_message(L, t->b);
    if (!t->taken) return 0;
    lua_pushinteger(L, t->b->taken);
    lua_call(L, 4, 0);
    return 0;
}

static bool is_due(const struct conn_box *b) {
    bool listens = b->served && !(b->conn->paused & CONN_PAUSED_BY_SCRIPT);
    return listens && b->delivery.task && !b->engine->holds && inbox_has_message(&b->inbox);
}

void service_take(struct conn_box *b) {
    while (is_due(b)) {
        struct taking t = {.b = b};
        door_call(b->engine, l_take, &t, NULL);
        if (!t.taken) inbox_drop_message(&b->inbox); /* there was no memory to give it to the script */
    }
}

/* ---- ends ---- */

/* Calls on_end(rotation, whole): which transport has ended; `whole`: it was the one in place. */
static int l_end(lua_State *L) {
    struct conn_box *b = l_door_given(L, l_end);
    if (!box_push(L, conn_box_front(b))) return 0;
    lua_getiuservalue(L, 1, BOX_FIELDS);
    lua_rawgetp(L, 2, &ends_key);
    lua_pushinteger(L, b->number);
    lua_pushboolean(L, !b->front);
    lua_call(L, 2, 0);
    return 0;
}

void service_end(struct conn_box *b) {
    bool drains = b->delivery.draining;
    if (!conn_box_front(b)->served) return;
    b->delivery.draining = true;
    door_call(b->engine, l_end, b, NULL);
    if (!drains) delivery_end_draining(b);
}

/* ---- answers ---- */

/* answer(conn, data, rotation): as conn:send, on that transport; but while the script logs in, it does not wait for the
 * end of that: what logs in may wait for what the peer does when it has the answer. */
static int l_answer(lua_State *L) {
    struct conn_box *front = l_conn_check(L);
    size_t n;
    const char *data = luaL_checklstring(L, 2, &n);
    struct conn_box *b = rotation_of_number(front, (uint32_t)luaL_checkinteger(L, 3));
    if (!b) return l_push_done(L, ERR_CLOSED);
    if (b->conn->login || b->front) {
        l_engine_need(L, b->engine, n);
        return l_push_done(L, (b->conn->login ? conn_send_login : conn_send)(
                                  b->conn, front->binary ? WS_BINARY : WS_TEXT, slice_of(data, n)));
    }
    lua_settop(L, 2);
    lua_getfield(L, 1, "send");
    lua_insert(L, 1);
    lua_call(L, 2, LUA_MULTRET);
    return lua_gettop(L);
}

/* target(conn): the number of the transport on which what the running code sends goes. */
static int l_target(lua_State *L) {
    lua_pushinteger(L, conn_box_here(l_conn_check(L))->number);
    return 1;
}

int luaopen_ws_core(lua_State *L) {
    static const luaL_Reg functions[] = {{"serve", l_serve}, {"answer", l_answer}, {"target", l_target}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

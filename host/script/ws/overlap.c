/* overlap: what on_overlap gets: a handle of the old transport, by which a script can still send on it. */
#include "script/box.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <stdlib.h>

struct overlap {
    struct box box;
    struct conn *conn; /* a reference is held; NULL: it had ended before */
    uint32_t rotation;
    bool binary; /* send() makes binary messages */
};

static void end_overlap(void *object) {
    struct overlap *o = object;
    if (o->conn) conn_release(o->conn);
    free(o);
}

static const struct box_type overlap_type = {.name = "ws.overlap", .size = sizeof(struct overlap), .end = end_overlap};

static struct overlap *check(lua_State *L) { return l_box_get(L, 1, &overlap_type); }

/* send(data [, kind]) */
static int l_send(lua_State *L) {
    struct overlap *o = check(L);
    size_t n;
    l_number_plain(L, 2);
    const char *data = luaL_checklstring(L, 2, &n);
    bool binary = lua_isnoneornil(L, 3) ? o->binary : l_options_binary(L, 3, "send: kind");
    if (!o->conn || o->conn->phase != CONN_OPEN) return l_push_done(L, ERR_CLOSED);
    l_engine_need(L, engine_of(L), n);
    return l_push_done(L, conn_send(o->conn, binary ? WS_BINARY : WS_TEXT, slice_of(data, n)));
}

/* close([code [, reason]]): ends the overlap. */
static int l_close(lua_State *L) {
    struct overlap *o = check(L);
    struct farewell f = l_conn_farewell(L, 2);
    if (o->conn && o->conn->once) conn_close(o->conn, f.code, f.reason);
    return l_push_true(L);
}

static int l_index(lua_State *L) {
    struct overlap *o = check(L);
    const char *name = lua_tostring(L, 2);
    if (name && strcmp(name, "rotation") == 0)
        lua_pushinteger(L, o->rotation);
    else if (name && strcmp(name, "send") == 0)
        lua_pushcfunction(L, l_send);
    else if (name && strcmp(name, "close") == 0)
        lua_pushcfunction(L, l_close);
    else
        lua_pushnil(L);
    return 1;
}

void l_overlap_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__index", l_index}, {NULL, NULL}};
    l_box_open(L, &overlap_type, meta, NULL);
    lua_pop(L, 1);
}

void l_overlap_push(lua_State *L, struct conn *c, uint32_t rotation, bool binary) {
    struct overlap *o = l_box_new(L, &overlap_type);
    if (c) conn_hold(c);
    o->conn = c;
    o->rotation = rotation;
    o->binary = binary;
}

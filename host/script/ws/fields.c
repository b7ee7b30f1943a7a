/* fields: __index and __newindex of a connection: its fields, and how its methods are found. */
#include "script/box.h"
#include "script/l_callable.h"
#include "script/ws/conn.h"
#include "script/ws/option.h"
#include "script/ws/tls.h"
#include <lauxlib.h>
#include <string.h>

enum field {
    FIELD_URL = 1,
    FIELD_NAME,
    FIELD_ID,
    FIELD_STATE,
    FIELD_PROTOCOL,
    FIELD_REMOTE_ADDRESS,
    FIELD_LOCAL_ADDRESS,
    FIELD_TLS,
    FIELD_BUFFERED_AMOUNT,
    FIELD_LATENCY,
    FIELD_BYTES_IN,
    FIELD_BYTES_OUT,
    FIELD_MESSAGES_IN,
    FIELD_MESSAGES_OUT,
    FIELD_BINARY_TYPE,
    FIELD_CLOSED,
    FIELD_ROTATION,
    FIELD_CALLBACK, /* plus the number of the callback */
};

static const struct {
    const char *name;
    enum field field;
} fields[] = {
    {"url", FIELD_URL},
    {"name", FIELD_NAME},
    {"id", FIELD_ID},
    {"state", FIELD_STATE},
    {"protocol", FIELD_PROTOCOL},
    {"remote_address", FIELD_REMOTE_ADDRESS},
    {"local_address", FIELD_LOCAL_ADDRESS},
    {"tls", FIELD_TLS},
    {"buffered_amount", FIELD_BUFFERED_AMOUNT},
    {"latency", FIELD_LATENCY},
    {"bytes_in", FIELD_BYTES_IN},
    {"bytes_out", FIELD_BYTES_OUT},
    {"messages_in", FIELD_MESSAGES_IN},
    {"messages_out", FIELD_MESSAGES_OUT},
    {"binary_type", FIELD_BINARY_TYPE},
    {"closed", FIELD_CLOSED},
    {"rotation", FIELD_ROTATION},
};

static void push_text(lua_State *L, const char *text) {
    if (text && text[0])
        lua_pushstring(L, text);
    else
        lua_pushnil(L);
}

/* For a Unix domain socket the remote address is its path; the local end has none. */
static void push_address(lua_State *L, const struct conn *c, union address address) {
    char text[ADDRESS_TEXT];
    address_print(&address, text, sizeof text);
    push_text(L, address.any.sa_family == AF_UNIX ? c->plan->url.socket_path : text);
}

/* Pushes what the transport in place and the old one beside it have counted, at that offset in struct conn. */
static void push_count(lua_State *L, const struct conn_box *b, size_t at) {
    const struct conn *old = rotation_old(b);
    uint64_t count, more = 0;
    memcpy(&count, (const char *)b->conn + at, sizeof count);
    if (old) memcpy(&more, (const char *)old + at, sizeof more);
    lua_pushinteger(L, (lua_Integer)(count + more));
}

/* What a connection counts goes on from one transport to the next; all else is that of the one the code speaks to. */
static void push_field(lua_State *L, struct conn_box *b, enum field field) {
    const struct conn *c = conn_box_here(b)->conn;
    switch (field) {
    case FIELD_URL: push_text(L, c->plan->url.text); break;
    case FIELD_NAME: push_text(L, b->name); break;
    case FIELD_ID: lua_pushinteger(L, (lua_Integer)rotation_id(b)); break;
    case FIELD_STATE: lua_pushstring(L, b->staged && b->staged->ends ? "closed" : conn_state(c)); break;
    case FIELD_PROTOCOL: push_text(L, c->protocol); break;
    case FIELD_REMOTE_ADDRESS: push_address(L, c, c->remote_address); break;
    case FIELD_LOCAL_ADDRESS: push_address(L, c, conn_local_address(c)); break;
    case FIELD_TLS: l_tls_push(L, c->tls); break;
    case FIELD_BUFFERED_AMOUNT: lua_pushinteger(L, (lua_Integer)rotation_buffered(conn_box_here(b))); break;
    case FIELD_LATENCY:
        if (conn_latency(c) < 0)
            lua_pushnil(L);
        else
            lua_pushnumber(L, conn_latency(c));
        break;
    case FIELD_BYTES_IN: push_count(L, b, offsetof(struct conn, bytes_in)); break;
    case FIELD_BYTES_OUT: push_count(L, b, offsetof(struct conn, bytes_out)); break;
    case FIELD_MESSAGES_IN: push_count(L, b, offsetof(struct conn, messages_in)); break;
    case FIELD_MESSAGES_OUT: push_count(L, b, offsetof(struct conn, messages_out)); break;
    case FIELD_CLOSED: l_arguments_push_closed(L, b); break;
    case FIELD_ROTATION: lua_pushinteger(L, rotation_number(b)); break;
    case FIELD_BINARY_TYPE: lua_pushstring(L, b->binary ? "arraybuffer" : "blob"); break;
    case FIELD_CALLBACK: break;
    }
}

/* ---- methods ---- */

static int l_index(lua_State *L);

/* Finding a method by an __index function costs a call of C, a fifth of what sending a small message costs. So a
 * connection whose methods are looked up often gets a metatable of its own, where __index is a table of the most used
 * methods, in which Lua looks by itself; for all other keys that table's __index is l_index_behind. */
enum { OFTEN = 100 };

/* The __index of that table. Upvalues: 1 as l_index has it, 2 the connection. */
static int l_index_behind(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_replace(L, 1);
    return l_index(L);
}

/* Pushes that table. */
static void push_own_methods(lua_State *L) {
    static const char *const hot[] = {"send", "send_text", "send_binary"};
    lua_createtable(L, 0, sizeof hot / sizeof *hot);
    for (size_t i = 0; i < sizeof hot / sizeof *hot; i++) {
        lua_getfield(L, lua_upvalueindex(1), hot[i]);
        lua_setfield(L, -2, hot[i]);
    }
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, l_index_behind, 2);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

/* Gives the connection at index 1 a metatable of its own. */
static void own_metatable(lua_State *L) {
    enum { SHARED = 4, OWN }; /* connection, name, method, ... */
    luaL_getmetatable(L, CONN_TYPE);
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, SHARED);) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, OWN);
    }
    push_own_methods(L);
    lua_setfield(L, OWN, "__index");
    lua_setmetatable(L, 1);
    lua_settop(L, 3);
}

/* Pushes the script's own field whose key is at index 2. */
static int push_own_field(lua_State *L) {
    lua_getiuservalue(L, 1, BOX_FIELDS);
    lua_pushvalue(L, 2);
    return lua_rawget(L, -2);
}

/* A method was looked up and is on the top: replaces it where the script has a field of the same name. */
static void find_method(lua_State *L) {
    struct conn_box *b = l_conn_look(L, 1);
    if (!b) return;
    if (b->replaced && push_own_field(L) == LUA_TNIL) lua_pop(L, 2);
    if (!b->replaced && b->lookups < OFTEN && ++b->lookups == OFTEN) own_metatable(L);
}

/* Upvalue 1: name -> method, or number of a field. */
static int l_index(lua_State *L) {
    lua_settop(L, 2); /* a script may call this function, with more or fewer arguments */
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(1));
    if (type == LUA_TFUNCTION) { /* a method checks its arguments itself */
        find_method(L);
        return 1;
    }
    struct conn_box *b = l_conn_check(L);
    if (type == LUA_TNUMBER && lua_tointeger(L, -1) < FIELD_CALLBACK) {
        push_field(L, b, (enum field)lua_tointeger(L, -1));
        return 1;
    }
    push_own_field(L);
    return 1;
}

void l_conn_set_callback(lua_State *L, int box, enum callback which) {
    struct conn_box *b = l_conn_look(L, box);
    bool is_set = !lua_isnil(L, -1);
    lua_getiuservalue(L, box, BOX_FIELDS);
    lua_insert(L, -2);
    lua_setfield(L, -2, callback_names[which]);
    lua_pop(L, 1);
    b->hears = (uint16_t)((b->hears & ~(1u << which)) | (unsigned)is_set << which);
    rotation_hear(b, which);
    if (which != ON_MESSAGE) return;
    b->delivery.has_listener = b->served = false;
    if (is_set) task_wake_all(&b->receivers); /* with on_message set, tasks may not receive */
    if (!inbox_is_empty(&b->inbox)) l_conn_wake(L, box, b);
}

/* Raises where the value at index 3 is neither callable nor nil. */
static void check_callable(lua_State *L) {
    if (!lua_isnil(L, 3) && !l_callable_is(L, 3))
        luaL_error(L, "%s must be a " L_CALLABLE ", or nil, not %s", lua_tostring(L, 2), luaL_typename(L, 3));
}

/* Sets a field of the script's own. */
static int set_own_field(lua_State *L) {
    lua_getiuservalue(L, 1, BOX_FIELDS);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* Has the value at index 3 stand in for the method on the top; nil, or the method itself, restores the method. */
static int replace_method(lua_State *L, struct conn_box *b) {
    check_callable(L);
    if (lua_rawequal(L, 3, -1)) {
        lua_pushnil(L);
        lua_replace(L, 3);
    }
    bool was = push_own_field(L) != LUA_TNIL, is = !lua_isnil(L, 3);
    set_own_field(L);
    b->replaced = (uint8_t)(b->replaced + is - was);
    b->lookups = 0;
    luaL_getmetatable(L, CONN_TYPE); /* in place of one of its own, which has methods */
    lua_setmetatable(L, 1);
    return 0;
}

/* A callback that does not exist would never be called. */
static void refuse_callback(lua_State *L) {
    size_t n;
    const char *name = lua_tolstring(L, 2, &n), *meant = l_options_meant_callback(name);
    name = l_option_shown(L, name, n);
    if (meant) luaL_error(L, "'%s' is no callback of a connection (did you mean '%s'?)", name, meant);
    luaL_error(L, "'%s' is no callback of a connection", name);
}

static int l_newindex(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    lua_settop(L, 3);
    lua_pushvalue(L, 2);
    int type = lua_rawget(L, lua_upvalueindex(1));
    lua_Integer field = lua_tointeger(L, -1);
    if (type == LUA_TFUNCTION) return replace_method(L, b);
    if (type == LUA_TNUMBER && field == FIELD_BINARY_TYPE) {
        b->binary = l_options_binary(L, 3, "binary_type");
        return 0;
    }
    if (type == LUA_TNUMBER && field < FIELD_CALLBACK)
        return luaL_error(L, "'%s' of a connection can be read, not set", lua_tostring(L, 2));
    if (type == LUA_TNUMBER) {
        check_callable(L);
        lua_settop(L, 3);
        l_conn_set_callback(L, 1, (enum callback)(field - FIELD_CALLBACK));
        return 0;
    }
    luaL_argcheck(L, !lua_isnil(L, 2), 2, "the name of a field must not be nil");
    if (lua_type(L, 2) == LUA_TSTRING && strncmp(lua_tostring(L, 2), "on_", 3) == 0) refuse_callback(L);
    return set_own_field(L);
}

int l_fields_methods(lua_State *L) {
    if (!l_conn_look(L, 1)) return 0;
    lua_settop(L, 1);
    lua_newtable(L);
    luaL_getmetatable(L, CONN_TYPE);
    lua_getfield(L, -1, "__index");
    lua_getupvalue(L, -1, 1);
    lua_replace(L, 1); /* names, list */
    lua_settop(L, 2);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (!lua_isfunction(L, -1)) continue;
        lua_pushvalue(L, -2);
        lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
    }
    return 1;
}

void l_fields_open(lua_State *L, const luaL_Reg *methods) {
    static const luaL_Reg with_names[] = {{"__index", l_index}, {"__newindex", l_newindex}, {NULL, NULL}};
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        lua_pushinteger(L, fields[i].field);
        lua_setfield(L, -2, fields[i].name);
    }
    for (int i = 0; i < CALLBACKS; i++) { /* the table keeps the names: looking them up takes no memory */
        lua_pushinteger(L, FIELD_CALLBACK + i);
        lua_setfield(L, -2, callback_names[i]);
    }
    luaL_setfuncs(L, with_names, 1);
}

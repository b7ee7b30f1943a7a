/* l_push: short functions that many Lua modules share. */
#include "script/l_push.h"

#include "base/err.h"
#include <lauxlib.h>

int l_push_true(lua_State *L) {
    lua_pushboolean(L, 1);
    return 1;
}

int l_push_failure(lua_State *L, const char *word, const char *message) {
    luaL_pushfail(L);
    lua_pushstring(L, word);
    if (!message) return 2;
    lua_pushstring(L, message);
    return 3;
}

int l_push_unless(lua_State *L, const char *why) { return why ? l_push_failure(L, why, NULL) : l_push_true(L); }

int l_push_done(lua_State *L, int rc) { return l_push_unless(L, rc < 0 ? err_word(rc) : NULL); }

int l_push_outcome(lua_State *L, bool failed) {
    int list = lua_gettop(L);
    if (failed) {
        luaL_pushfail(L);
        lua_pushliteral(L, "failed");
        lua_rotate(L, list, 2);
        return 3;
    }
    lua_getfield(L, list, "n");
    int n = (int)lua_tointeger(L, -1);
    luaL_checkstack(L, n + 1, "too many values");
    lua_pushboolean(L, 1);
    for (int i = 1; i <= n; i++) lua_rawgeti(L, list, i);
    return n + 1;
}

static int l_string_of(lua_State *L) {
    struct slice bytes = buf_slice(lua_touserdata(L, 1));
    lua_pushlstring(L, (const char *)bytes.p, bytes.n);
    return 1;
}

int l_push_bytes(lua_State *L, struct buf *bytes) {
    lua_pushcfunction(L, l_string_of);
    lua_pushlightuserdata(L, bytes);
    int rc = lua_pcall(L, 1, 1, 0);
    buf_clear(bytes); /* also where there was no memory for the string */
    return rc == LUA_OK ? 1 : lua_error(L);
}

int l_push_nothing(lua_State *L, int status, lua_KContext ctx) {
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

void l_set_string(lua_State *L, const char *name, const char *value) {
    if (!value) return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

void l_set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

void l_set_number(lua_State *L, const char *name, lua_Number value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

void l_set_flag(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

void l_push_registered(lua_State *L, const void *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void l_register_weak(lua_State *L, const void *key) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    l_set_string(L, "__mode", "v");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

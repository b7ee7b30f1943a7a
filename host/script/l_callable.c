/* l_callable: functions, and what can be called as one. */
#include "script/l_callable.h"

#include <lauxlib.h>
#include <stdio.h>

bool l_callable_is(lua_State *L, int index) {
    if (lua_isfunction(L, index)) return true;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

void l_callable_check(lua_State *L, int argument) {
    if (!l_callable_is(L, argument)) luaL_typeerror(L, argument, L_CALLABLE);
}

void l_callable_push(lua_State *L, int index) {
    if (lua_isfunction(L, index) || luaL_getmetafield(L, index, "__call") == LUA_TNIL) lua_pushvalue(L, index);
}

void l_callable_where(lua_State *L, int index, char *where, size_t size) {
    lua_Debug ar = {.short_src = "?"};
    l_callable_push(L, index);
    bool is_function = lua_isfunction(L, -1);
    if (is_function) lua_getinfo(L, ">S", &ar);
    if (!is_function) lua_pop(L, 1);
    snprintf(where, size, "%s:%d", ar.short_src, ar.linedefined);
}

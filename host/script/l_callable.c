/* l_callable: functions, and what can be called as one. */
#include "script/l_callable.h"

#include <lauxlib.h>

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

/* box: the registry maps the address of a userdata to the userdata. */
#include "script/box.h"

void l_box_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    if (!methods) return;
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
}

void box_anchor(lua_State *L, int index, void *box) {
    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box);
}

void box_unanchor(lua_State *L, void *box) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box); /* assigning nil to a field adds none, so it takes no memory */
}

bool box_push(lua_State *L, void *box) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, box) == LUA_TUSERDATA) return true;
    lua_pop(L, 1);
    return false;
}

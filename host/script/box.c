/* box: the registry maps the address of a userdata to the userdata. */
#include "script/box.h"

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

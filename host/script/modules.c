/* modules: opens ours. */
#include "script/modules.h"

#include <lauxlib.h>

void modules_open(lua_State *L) {
    luaL_requiref(L, "ws", luaopen_ws, 1);
    luaL_requiref(L, "host", luaopen_host, 1);
    lua_pop(L, 2);
}

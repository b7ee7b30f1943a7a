/* l_meant: the module wsbot.meant, for the Lua modules that are inside the program: which name was probably meant. */
#include "base/meant.h"
#include "script/modules.h"

/* nearest(name, names): the name in the list that is nearest to `name`, the first of several; nil: none is near. */
static int l_nearest(lua_State *L) {
    struct meant meant;
    meant_begin(&meant, luaL_checkstring(L, 1));
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_Integer i = 1; lua_rawgeti(L, 2, i) == LUA_TSTRING; i++, lua_pop(L, 1))
        meant_consider(&meant, lua_tostring(L, -1)); /* the list keeps the string alive */
    lua_pushstring(L, meant.best);
    return 1;
}

int luaopen_meant(lua_State *L) {
    static const luaL_Reg functions[] = {{"nearest", l_nearest}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

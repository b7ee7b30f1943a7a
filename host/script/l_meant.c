/* l_meant: which name was probably meant; also the module wsbot.meant, for the Lua modules that are inside the program.
 */
#include "script/l_meant.h"

#include "base/meant.h"
#include "script/modules.h"
#include <string.h>

static int refuse(lua_State *L, const char *what, const char *name, const char *meant) {
    if (meant) return luaL_error(L, "%s: unknown option '%s' (did you mean '%s'?)", what, name, meant);
    return luaL_error(L, "%s: unknown option '%s'", what, name);
}

void l_meant_only(lua_State *L, int index, const char *what, const char *const names[]) {
    index = lua_absindex(L, index);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: options have names", what);
        struct meant meant;
        const char *name = lua_tostring(L, -2);
        const char *const *known = names;
        while (*known && strcmp(*known, name) != 0) known++;
        if (*known) continue;
        meant_begin(&meant, name);
        for (known = names; *known; known++) meant_consider(&meant, *known);
        refuse(L, what, name, meant.best);
    }
}

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

/* only_timeout(options, what): raises where the table has another option than `timeout`. */
static int l_only_timeout(lua_State *L) {
    static const char *const names[] = {"timeout", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    l_meant_only(L, 1, luaL_checkstring(L, 2), names);
    return 0;
}

int luaopen_meant(lua_State *L) {
    static const luaL_Reg functions[] = {{"nearest", l_nearest}, {"only_timeout", l_only_timeout}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* door: a protected call with a traceback. */
#include "script/door.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

int l_door_traceback(lua_State *L) {
    const char *message = lua_tostring(L, 1);
    if (!message) {
        if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) return 1;
        message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
    }
    luaL_traceback(L, L, message, 1);
    return 1;
}

bool door_call(struct engine *e, lua_CFunction fn, void *arg, char **message) {
    lua_State *L = e->L;
    int top = lua_gettop(L);
    if (message) *message = NULL;
    lua_pushcfunction(L, l_door_traceback); /* these three allocate nothing, */
    lua_pushcfunction(L, fn);               /* so they cannot raise out here */
    lua_pushlightuserdata(L, arg);
    if (e->depth++ == 0) e->entered_at = uv_hrtime();
    int rc = lua_pcall(L, 1, 0, top + 1);
    if (--e->depth == 0) engine_forget_interrupt(e); /* it was for the code that ran */
    if (rc != LUA_OK) {
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error without a message";
        if (message)
            *message = strdup(text);
        else
            engine_report(e, text);
        if (message && !*message) abort();
    }
    lua_settop(L, top);
    return rc == LUA_OK;
}

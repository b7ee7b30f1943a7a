/* door: a protected call with a traceback. */
#include "script/door.h"

#include "base/reserve.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void describe(lua_State *L, lua_State *of, int level) {
    const char *message = lua_tostring(L, -1);
    if (!message) {
        const char *type = luaL_typename(L, -1);
        if (luaL_callmeta(L, -1, "__tostring") && lua_type(L, -1) == LUA_TSTRING) return;
        message = lua_pushfstring(L, "(error object is a %s value)", type);
    }
    luaL_traceback(L, of, message, level);
}

void l_door_describe(lua_State *L, lua_State *of) { describe(L, of, 0); }

int l_door_traceback(lua_State *L) {
    lua_settop(L, 1);
    describe(L, L, 1);
    return 1;
}

void *l_door_given(lua_State *L, lua_CFunction fn) {
    struct engine_gift *gift = &engine_of(L)->gift;
    if (gift->to != fn) luaL_error(L, "this function is for the host alone to call");
    gift->to = NULL;
    return gift->what;
}

bool door_call(struct engine *e, lua_CFunction fn, void *arg, char **message) {
    lua_State *L = e->L;
    int top = lua_gettop(L);
    if (message) *message = NULL;
    lua_pushcfunction(L, l_door_traceback); /* these two allocate nothing, */
    lua_pushcfunction(L, fn);               /* so they cannot raise out here */
    lua_State *running = engine_enter(e, L);
    struct engine_gift before = engine_give(e, fn, arg);
    int rc = lua_pcall(L, 0, 0, top + 1);
    e->gift = before;
    engine_leave(e, running);
    err_must(lua_gettop(L) == top + 1 + (rc != LUA_OK)); /* the handler, and an error */
    if (rc != LUA_OK) {
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error without a message";
        if (message)
            *message = reserve_copy(text);
        else
            engine_report(e, text);
    }
    lua_settop(L, top);
    return rc == LUA_OK;
}

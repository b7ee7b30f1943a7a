/* l_coroutine: coroutine.resume and coroutine.wrap as in Lua, but that waiting passes through them: where the code
 * inside a script's own coroutine waits for the host, whoever resumed it waits too, up to the task, and goes on from
 * there. */
#include "script/engine.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <lualib.h>

#define GUARD_TYPE "wsbot.waiting coroutine"
#define WAITING    "wsbot.waiting coroutines" /* registry: the coroutines that wait for the host, as keys */

/* Stands on the stack of who resumed a coroutine that waits, so that a cancelled task closes that as well. */
struct guard {
    lua_State *co; /* NULL: it does not wait any more */
};

/* Notes that a coroutine waits, or no longer does. */
static void note(lua_State *L, lua_State *co, bool waits) {
    engine_of(L)->tasks.inner += waits ? 1 : -1;
    lua_getfield(L, LUA_REGISTRYINDEX, WAITING);
    luaL_checkstack(co, 1, NULL);
    lua_pushthread(co);
    lua_xmove(co, L, 1);
    if (waits)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static int l_guard_close(lua_State *L) {
    struct guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    if (!g->co) return 0;
    note(L, g->co, false);
    task_close_thread(g->co, L);
    g->co = NULL;
    return 0;
}

/* Does the coroutine at index 1 wait? */
static bool waits(lua_State *L) {
    if (engine_of(L)->tasks.inner == 0) return false;
    lua_getfield(L, LUA_REGISTRYINDEX, WAITING);
    lua_pushvalue(L, 1);
    bool yes = lua_rawget(L, -2) != LUA_TNIL;
    lua_pop(L, 2);
    return yes;
}

/* What resume or wrap give in the end. Stack: coroutine, ..., n values or an error on top. */
static int give(lua_State *L, bool ok, bool wrap, int n) {
    if (!wrap) {
        lua_pushboolean(L, ok);
        lua_insert(L, -n - 1);
        return n + 1;
    }
    if (ok) return n;
    if (lua_type(L, -1) == LUA_TSTRING) { /* Lua puts the place of the call before it */
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int l_went_on(lua_State *L, int status, lua_KContext wrap);

/* Stack: coroutine, n values for it. */
static int go_on(lua_State *L, bool wrap, int n) {
    struct tasks *tasks = &engine_of(L)->tasks;
    lua_State *co = lua_tothread(L, 1);
    int results;
    if (!lua_checkstack(co, n)) {
        lua_pushliteral(L, "too many arguments to resume");
        return give(L, false, wrap, 1);
    }
    lua_xmove(L, co, n);
    bool stuck = !lua_isyieldable(L);
    tasks->stuck += stuck;
    int rc = lua_resume(co, L, n, &results);
    tasks->stuck -= stuck;
    if (rc == LUA_YIELD && tasks->current && tasks->current->state == TASK_WAITING) {
        lua_settop(L, 1);
        struct guard *g = lua_newuserdatauv(L, sizeof *g, 0);
        g->co = co;
        luaL_setmetatable(L, GUARD_TYPE);
        lua_toclose(L, 2);
        note(L, co, true);
        return lua_yieldk(L, 0, wrap, l_went_on);
    }
    bool ok = rc == LUA_OK || rc == LUA_YIELD;
    if (!ok && wrap) task_close_thread(co, L); /* as Lua does: its pending <close> variables run */
    if (!ok) results = 1;
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(co, results);
        lua_pushliteral(L, "too many results to resume");
        return give(L, false, wrap, 1);
    }
    lua_xmove(co, L, results);
    return give(L, ok, wrap, results);
}

static int l_went_on(lua_State *L, int status, lua_KContext wrap) {
    (void)status;
    struct guard *g = lua_touserdata(L, 2);
    note(L, g->co, false);
    g->co = NULL;
    lua_settop(L, 1);
    return go_on(L, wrap, 0);
}

static int refuse(lua_State *L, bool wrap) {
    lua_pushliteral(L, "cannot resume a coroutine that waits for the host");
    return give(L, false, wrap, 1);
}

static int l_resume(lua_State *L) {
    luaL_argexpected(L, lua_tothread(L, 1), 1, "coroutine");
    return waits(L) ? refuse(L, false) : go_on(L, false, lua_gettop(L) - 1);
}

static int l_wrapped(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    return waits(L) ? refuse(L, true) : go_on(L, true, lua_gettop(L) - 1);
}

static int l_wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, l_wrapped, 1);
    return 1;
}

void l_coroutine_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", l_guard_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"resume", l_resume}, {"wrap", l_wrap}, {NULL, NULL}};
    luaL_newmetatable(L, GUARD_TYPE);
    luaL_setfuncs(L, meta, 0);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, WAITING);
    lua_getglobal(L, LUA_COLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 2);
}

/* l_coroutine: coroutine.resume, wrap and close as in Lua, except that waiting passes through them: where code in a
 * coroutine of the script waits for the host, the code that resumed it waits too, and so on up to the task; after the
 * wait all of them go on. Meanwhile the coroutine is the host's, as that of a task always is: no script may resume or
 * close it. Code that runs directly in a task, the main chunk included, counts as outside of any coroutine, like the
 * main chunk of `lua`: it cannot yield. */
#include "script/box.h"
#include "script/engine.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <lualib.h>

#define GUARD_TYPE "wsbot.waiting coroutine"

/* A to-be-closed value on the stack of the code that resumed a waiting coroutine: when the task is cancelled, it closes
 * that coroutine as well. */
struct guard {
    lua_State *co; /* the coroutine; NULL: it does not wait any more */
};

static int l_guard_close(lua_State *L) {
    struct guard *g = luaL_checkudata(L, 1, GUARD_TYPE);
    lua_State *co = g->co;
    if (!co) return 0;
    g->co = NULL;
    engine_keep_thread(co, false);
    int rc = task_close_thread(co, L);
    if (rc == LUA_OK || rc == LUA_YIELD) return 0;
    const char *message = lua_tostring(co, -1);
    engine_report(engine_of(L), message ? message : "an error in a <close> variable of a cancelled coroutine");
    return 0;
}

static int l_make_guard(lua_State *L) {
    struct guard *g = lua_newuserdatauv(L, sizeof *g, 0);
    g->co = NULL;
    luaL_setmetatable(L, GUARD_TYPE);
    return 1;
}

/* Does the coroutine at index 1 wait for the host, which alone may resume it? Not where it runs or has ended: for these
 * cases Lua has errors of its own. */
static bool waits(lua_State *L) {
    lua_State *co = lua_tothread(L, 1);
    lua_Debug frame;
    if (!engine_keeps_thread(co)) return false;
    return lua_status(co) == LUA_YIELD || (!lua_getstack(co, 0, &frame) && lua_gettop(co) > 0);
}

/* Returns the results of resume or wrap. Stack: coroutine, ..., n values or an error on top. */
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

/* Resumes the coroutine. Stack: coroutine, n values for it. */
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
    lua_State *running = engine_enter(engine_of(L), co); /* from now on an interrupt raises in this coroutine */
    int rc = lua_resume(co, L, n, &results);
    engine_leave(engine_of(L), running);
    tasks->stuck -= stuck;
    if (rc == LUA_YIELD && tasks->current && tasks->current->state == TASK_WAITING) {
        lua_settop(L, 1);
        lua_pushcfunction(L, l_make_guard);
        if (lua_pcall(L, 0, 1, 0) != LUA_OK) { /* no memory: it cannot wait after all */
            task_keep_running(tasks->current);
            task_close_thread(co, L);
            return give(L, false, wrap, 1);
        }
        ((struct guard *)lua_touserdata(L, 2))->co = co;
        lua_toclose(L, 2);
        engine_keep_thread(co, true);
        return lua_yieldk(L, 0, wrap, l_went_on);
    }
    bool ok = rc == LUA_OK || rc == LUA_YIELD, failed = lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD;
    if (failed && wrap) task_close_thread(co, L); /* as in Lua, its pending <close> variables run */
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
    engine_keep_thread(g->co, false);
    g->co = NULL;
    lua_closeslot(L, 2); /* not by lua_settop: in Lua 5.4.4 that fails where closing moves the stack */
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

/* coroutine.close */
static int l_close(lua_State *L) {
    luaL_argexpected(L, lua_tothread(L, 1), 1, "coroutine");
    lua_State *co = lua_tothread(L, 1);
    lua_Debug frame;
    if (waits(L)) return luaL_error(L, "cannot close a coroutine that waits for the host");
    if (engine_is_deep(engine_of(L))) return luaL_error(L, "cannot close a coroutine: C stack overflow");
    if (co == engine_of(L)->L ||
        (lua_status(co) == LUA_OK && lua_getstack(co, 0, &frame))) /* Lua's own error has no place in it */
        return luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
    int rc = task_close_thread(co, L);
    lua_pushboolean(L, rc == LUA_OK);
    if (rc == LUA_OK) return 1;
    lua_xmove(co, L, 1);
    return 2;
}

/* ---- yielding ---- */

static int l_yield(lua_State *L) {
    if (!engine_keeps_thread(L)) return lua_yield(L, lua_gettop(L));
    lua_pushliteral(L, "attempt to yield from outside a coroutine"); /* without a place, as in Lua */
    return lua_error(L);
}

static int l_isyieldable(lua_State *L) {
    lua_State *co = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
    lua_pushboolean(L, !engine_keeps_thread(co) && lua_isyieldable(co));
    return 1;
}

/* coroutine.running(): the thread, and whether it is outside of any coroutine. */
static int l_running(lua_State *L) {
    bool is_main = lua_pushthread(L);
    lua_pushboolean(L, is_main || engine_keeps_thread(L));
    return 2;
}

void l_coroutine_open(lua_State *L) {
    static const luaL_Reg meta[] = {{"__close", l_guard_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"resume", l_resume},           {"wrap", l_wrap},       {"close", l_close}, {"yield", l_yield},
        {"isyieldable", l_isyieldable}, {"running", l_running}, {NULL, NULL},
    };
    l_box_type(L, GUARD_TYPE, meta, NULL);
    lua_getglobal(L, LUA_COLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 2);
}

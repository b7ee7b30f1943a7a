/* l_debug: the debug library, restricted so that scripts cannot break C code. C code, that of Lua's own libraries
 * included, finds its data by a userdata's metatable, in user values, in the upvalues of C functions, on the stack of a
 * C function that is being called, and in the registry, and relies on finding there what it has put there. A script may
 * read and change all that is Lua's; what belongs to C it can neither get nor change. The functions are written anew,
 * so that none of Lua's own is within reach. */
#include "script/engine.h"
#include "script/hook.h"
#include "script/l_push.h"
#include "script/modules.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <string.h>

/* The thread to inspect: that at index 1, or else the one that runs. `*first` is the number of arguments before the
 * others. */
static lua_State *thread_of(lua_State *L, int *first) {
    *first = lua_isthread(L, 1) ? 1 : 0;
    return *first ? lua_tothread(L, 1) : L;
}

/* ---- userdata ---- */

static bool is_hidden(lua_State *L, int userdata) {
    if (lua_type(L, userdata) != LUA_TUSERDATA || luaL_getmetafield(L, userdata, "__metatable") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

/* debug.getmetatable(value): for a userdata the same as getmetatable. */
static int l_getmetatable(lua_State *L) {
    luaL_checkany(L, 1);
    if (is_hidden(L, 1))
        luaL_getmetafield(L, 1, "__metatable");
    else if (!lua_getmetatable(L, 1))
        lua_pushnil(L);
    return 1;
}

/* Is the table at index 2 a metatable by which C recognizes a type of userdata? */
static bool is_of_c(lua_State *L) {
    for (lua_pushnil(L); lua_next(L, LUA_REGISTRYINDEX); lua_pop(L, 1)) {
        if (!lua_rawequal(L, -1, 2)) continue;
        lua_pop(L, 2);
        return true;
    }
    return false;
}

/* debug.setmetatable(value, metatable) */
static int l_setmetatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (lua_type(L, 1) == LUA_TUSERDATA)
        return luaL_error(L, "debug.setmetatable: a userdata keeps its metatable: C tells by it what it is");
    if (lua_type(L, 1) == LUA_TLIGHTUSERDATA && type == LUA_TTABLE && is_of_c(L))
        return luaL_error(L, "debug.setmetatable: this metatable is that of a type of userdata, and of no other value");
    lua_settop(L, 2);
    lua_setmetatable(L, 1);
    return 1;
}

/* debug.getuservalue(userdata [, n]) */
static int l_getuservalue(lua_State *L) {
    int n = (int)luaL_optinteger(L, 2, 1);
    if (lua_type(L, 1) != LUA_TUSERDATA || is_hidden(L, 1)) {
        luaL_pushfail(L);
        return 1;
    }
    if (lua_getiuservalue(L, 1, n) == LUA_TNONE) return 1;
    lua_pushboolean(L, 1);
    return 2;
}

/* debug.setuservalue(userdata, value [, n]) */
static int l_setuservalue(lua_State *L) {
    int n = (int)luaL_optinteger(L, 3, 1);
    luaL_checktype(L, 1, LUA_TUSERDATA);
    luaL_checkany(L, 2);
    if (lua_getiuservalue(L, 1, n) != LUA_TNONE)
        return luaL_error(L, "debug.setuservalue: the user values of a userdata are for the C code that made it");
    luaL_pushfail(L);
    return 1;
}

/* ---- upvalues ---- */

/* debug.getupvalue(function, n): for a C function only the name, which is empty. */
static int l_getupvalue(lua_State *L) {
    int n = (int)luaL_checkinteger(L, 2);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    const char *name = lua_getupvalue(L, 1, n);
    if (!name) return 0;
    lua_pushstring(L, name);
    if (lua_iscfunction(L, 1)) return 1;
    lua_insert(L, -2);
    return 2;
}

/* debug.setupvalue(function, n, value) */
static int l_setupvalue(lua_State *L) {
    int n = (int)luaL_checkinteger(L, 2);
    luaL_checkany(L, 3);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (lua_iscfunction(L, 1)) return luaL_error(L, "debug.setupvalue: the upvalues of a C function are its own");
    lua_settop(L, 3);
    const char *name = lua_setupvalue(L, 1, n);
    if (!name) return 0;
    lua_pushstring(L, name);
    return 1;
}

/* ---- locals ---- */

static bool is_c(lua_State *of, lua_Debug *frame) {
    lua_getinfo(of, "S", frame);
    return frame->what[0] == 'C';
}

/* Finds the frame whose level is at `index`; raises where there is none. */
static bool find_frame(lua_State *L, lua_State *of, int index, lua_Debug *frame) {
    int level = (int)luaL_checkinteger(L, index);
    if (of != L && !lua_checkstack(of, 2)) luaL_error(L, "stack overflow");
    return lua_getstack(of, level, frame) || luaL_argerror(L, index, "level out of range");
}

/* debug.getlocal([thread,] level or function, n): in the frame of a C function only the name. */
static int l_getlocal(lua_State *L) {
    int first;
    lua_Debug frame;
    lua_State *of = thread_of(L, &first);
    int n = (int)luaL_checkinteger(L, first + 2);
    if (lua_isfunction(L, first + 1)) { /* the name of a parameter */
        lua_pushvalue(L, first + 1);
        lua_pushstring(L, lua_getlocal(L, NULL, n));
        return 1;
    }
    find_frame(L, of, first + 1, &frame);
    const char *name = lua_getlocal(of, &frame, n);
    if (!name) {
        luaL_pushfail(L);
        return 1;
    }
    lua_xmove(of, L, 1);
    lua_pushstring(L, name);
    if (is_c(of, &frame)) return 1;
    lua_insert(L, -2);
    return 2;
}

/* debug.setlocal([thread,] level, n, value). Only locals that the script has named may be set: the others are where
 * Lua's own instructions, or a C function, keep values that they still need. */
static int l_setlocal(lua_State *L) {
    int first;
    lua_Debug frame;
    lua_State *of = thread_of(L, &first);
    int n = (int)luaL_checkinteger(L, first + 2);
    find_frame(L, of, first + 1, &frame);
    luaL_checkany(L, first + 3);
    lua_settop(L, first + 3);
    const char *name = lua_getlocal(of, &frame, n);
    if (!name) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pop(of, 1);
    if (is_c(of, &frame) || (name[0] == '(' && n > 0))
        return luaL_error(L, "debug.setlocal: only variables of Lua functions can be set, and this is a %s", name);
    lua_pushvalue(L, first + 3);
    lua_xmove(L, of, 1);
    lua_pushstring(L, lua_setlocal(of, &frame, n));
    return 1;
}

/* ---- what runs ---- */

static void set_integer(lua_State *L, const char *name, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_source(lua_State *L, const lua_Debug *ar) {
    lua_pushlstring(L, ar->source, ar->srclen);
    lua_setfield(L, -2, "source");
    l_set_string(L, "short_src", ar->short_src);
    set_integer(L, "linedefined", ar->linedefined);
    set_integer(L, "lastlinedefined", ar->lastlinedefined);
    l_set_string(L, "what", ar->what);
}

/* Fills the table on the top with the fields that a letter asks for. Not for 'f' and 'L', for which lua_getinfo pushes
 * a value. */
static void set_info(lua_State *L, const lua_Debug *ar, char letter) {
    switch (letter) {
    case 'S': set_source(L, ar); break;
    case 'l': set_integer(L, "currentline", ar->currentline); break;
    case 'u':
        set_integer(L, "nups", ar->nups);
        set_integer(L, "nparams", ar->nparams);
        l_set_flag(L, "isvararg", ar->isvararg);
        break;
    case 'n':
        l_set_string(L, "name", ar->name);
        l_set_string(L, "namewhat", ar->namewhat);
        break;
    case 'r':
        set_integer(L, "ftransfer", ar->ftransfer);
        set_integer(L, "ntransfer", ar->ntransfer);
        break;
    case 't': l_set_flag(L, "istailcall", ar->istailcall); break;
    default: break;
    }
}

/* Moves the value that lua_getinfo has pushed last into the table on the top. */
static void set_pushed(lua_State *L, lua_State *of, const char *name) {
    if (of == L)
        lua_rotate(L, -2, 1);
    else
        lua_xmove(of, L, 1);
    lua_setfield(L, -2, name);
}

/* The letters in `what` without those that push values. */
static const char *without_values(lua_State *L, const char *what) {
    return luaL_gsub(L, luaL_gsub(L, what, "f", ""), "L", "");
}

/* Finds the frame at a level of a thread. In the thread that runs a test's hook for a bot (testing/relay.h), the bot's
 * frames follow behind its own. Returns the thread that the frame belongs to, or NULL. */
static lua_State *find_frame_behind(lua_State *of, int level, lua_Debug *frame) {
    const struct engine_test *test = engine_of(of)->test;
    int depth = 0;
    if (lua_getstack(of, level, frame)) return of;
    if (level < 0 || !test || of != test->relay.in || !test->relay.from) return NULL;
    while (lua_getstack(of, depth, frame)) depth++;
    return find_frame_behind(test->relay.from, level - depth + 1, frame); /* its level 0 is the relay */
}

/* debug.getinfo([thread,] level or function [, what]). For a frame of a bot under test no values are given: they belong
 * to another Lua state. */
static int l_getinfo(lua_State *L) {
    int first;
    lua_Debug frame;
    lua_State *of = thread_of(L, &first);
    const char *what = luaL_optstring(L, first + 2, "flnSrtu");
    luaL_argcheck(L, what[0] != '>', first + 2, "invalid option '>'");
    if (of != L && !lua_checkstack(of, 3)) return luaL_error(L, "stack overflow");
    if (lua_isfunction(L, first + 1)) {
        what = lua_pushfstring(L, ">%s", what);
        lua_pushvalue(L, first + 1);
        lua_xmove(L, of, 1);
    } else if (!(of = find_frame_behind(of, (int)luaL_checkinteger(L, first + 1), &frame))) {
        luaL_pushfail(L);
        return 1;
    } else if (engine_of(of) != engine_of(L)) {
        what = without_values(L, what);
    }
    if (!lua_getinfo(of, what, &frame)) return luaL_argerror(L, first + 2, "invalid option");
    lua_newtable(L);
    for (const char *letter = what; *letter; letter++) set_info(L, &frame, *letter);
    if (strchr(what, 'L')) set_pushed(L, of, "activelines");
    if (strchr(what, 'f')) set_pushed(L, of, "func");
    return 1;
}

/* ---- the registry ---- */

static const char shown_key; /* key of the table that scripts get in place of the registry */

/* debug.getregistry(): a table that has those parts of the registry that are Lua's. C keeps its own things in the real
 * one. */
static int l_getregistry(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &shown_key) == LUA_TTABLE) return 1;
    lua_createtable(L, 2, 2);
    lua_pushglobaltable(L);
    lua_rawseti(L, -2, LUA_RIDX_GLOBALS);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_setfield(L, -2, LUA_LOADED_TABLE);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_setfield(L, -2, LUA_PRELOAD_TABLE);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &shown_key);
    return 1;
}

void l_debug_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"getmetatable", l_getmetatable},
                                         {"setmetatable", l_setmetatable},
                                         {"getuservalue", l_getuservalue},
                                         {"setuservalue", l_setuservalue},
                                         {"getupvalue", l_getupvalue},
                                         {"setupvalue", l_setupvalue},
                                         {"getlocal", l_getlocal},
                                         {"setlocal", l_setlocal},
                                         {"getregistry", l_getregistry},
                                         {"sethook", l_hook_set},
                                         {"gethook", l_hook_get},
                                         {"getinfo", l_getinfo},
                                         {NULL, NULL}};
    lua_getglobal(L, LUA_DBLIBNAME);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}

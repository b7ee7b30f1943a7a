/* floor_state: what it costs at least to copy a table between two Lua states: plain loops, each copy made as large as
 * it is to be, no look at cycles, the collector stopped. Prints the milliseconds of CPU of each round, and those of
 * closing the copy's state.
 *     floor_state ROUNDS CODE        CODE returns the table */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int size_of(lua_State *L) {
    int n = 0;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) n++;
    return n;
}

static void copy(lua_State *to, lua_State *from, int size) {
    size_t n;
    const char *text;
    switch (lua_type(from, -1)) {
    case LUA_TSTRING: text = lua_tolstring(from, -1, &n), lua_pushlstring(to, text, n); return;
    case LUA_TBOOLEAN: lua_pushboolean(to, lua_toboolean(from, -1)); return;
    case LUA_TNUMBER:
        if (lua_isinteger(from, -1))
            lua_pushinteger(to, lua_tointeger(from, -1));
        else
            lua_pushnumber(to, lua_tonumber(from, -1));
        return;
    default: break;
    }
    luaL_checkstack(from, 4, NULL);
    luaL_checkstack(to, 4, NULL);
    lua_createtable(to, 0, size);
    for (lua_pushnil(from); lua_next(from, -2); lua_pop(from, 1)) {
        lua_pushvalue(from, -2);
        copy(to, from, 0);
        lua_pop(from, 1);
        copy(to, from, 3); /* rows have three fields */
        lua_rawset(to, -3);
    }
}

int main(int argc, char **argv) {
    lua_State *from = luaL_newstate();
    if (argc != 3) return 2;
    luaL_openlibs(from);
    if (luaL_loadstring(from, argv[2]) != LUA_OK || lua_pcall(from, 0, 1, 0) != LUA_OK || !lua_istable(from, -1))
        return fprintf(stderr, "floor_state: %s\n", lua_tostring(from, -1)), 2;
    int size = size_of(from);
    for (int i = atoi(argv[1]); i > 0; i--) {
        lua_State *to = luaL_newstate();
        lua_gc(to, LUA_GCSTOP);
        double began = cpu_ms();
        copy(to, from, size);
        double copied = cpu_ms();
        lua_close(to);
        printf("%.1f %.1f\n", copied - began, cpu_ms() - copied);
    }
    lua_close(from);
    return 0;
}

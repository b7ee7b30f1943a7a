/* l_testing: the part of wsbot.testing that is C: the virtual clock. */
#include "script/engine.h"
#include "script/modules.h"
#include <lauxlib.h>

static struct clock *clock_of(lua_State *L) { return &engine_of(L)->net->clock; }

static int l_freeze(lua_State *L) {
    clock_freeze(clock_of(L));
    return 0;
}

static int l_thaw(lua_State *L) {
    clock_thaw(clock_of(L));
    return 0;
}

static int l_nanoseconds(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)clock_from_seconds(luaL_checknumber(L, 1)));
    return 1;
}

/* Nanoseconds until the next deadline, or nil. */
static int l_due(lua_State *L) {
    uint64_t due;
    if (!clock_next(clock_of(L), &due)) return 0;
    uint64_t now = clock_now(clock_of(L));
    lua_pushinteger(L, due > now ? (lua_Integer)(due - now) : 0);
    return 1;
}

static int l_move(lua_State *L) {
    lua_Integer ns = luaL_checkinteger(L, 1);
    if (clock_of(L)->frozen && ns > 0) clock_advance(clock_of(L), (uint64_t)ns);
    return 0;
}

static int l_turned(lua_State *L, int status, lua_KContext ctx) {
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

/* Waits until what is due now has happened, and the loop has turned once. */
static int l_turn(lua_State *L) { return l_task_wait(L, "clock:advance", NULL, 0, 0, l_turned); }

int luaopen_testing_core(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"freeze", l_freeze}, {"thaw", l_thaw}, {"nanoseconds", l_nanoseconds}, {"due", l_due}, {"move", l_move},
        {"turn", l_turn},     {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}

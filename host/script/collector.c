/* collector: two pairs of parameters, and collectgarbage. */
#include "script/collector.h"

#include <lauxlib.h>

/* Percent by which the heap grows before a minor collection (of young objects), and before a major one (of all). */
static const struct {
    int minor, major;
} measures[] = {[COLLECTOR_OF_SMALL] = {50, 200}, [COLLECTOR_OF_LARGE] = {20, 100}};

static void apply(struct engine *e, enum collector which) {
    e->collector = which;
    lua_gc(e->L, LUA_GCGEN, measures[which].minor, measures[which].major);
}

void collector_start(struct engine *e) { apply(e, COLLECTOR_OF_SMALL); }

void collector_rest(struct engine *e) {
    enum { MOST = 1 << 20 }; /* KB */
    size_t part = 1 + e->memory / 1024 * (size_t)measures[COLLECTOR_OF_LARGE].minor / 100;
    lua_gc(e->L, LUA_GCSTEP,
           part < MOST ? -(int)part : -MOST); /* a negative step lowers the collector's debt by so many KB */
}

static enum collector right_for(const struct engine *e) {
    if (e->collector == COLLECTOR_OF_SCRIPT) return COLLECTOR_OF_SCRIPT;
    return e->memory < COLLECTOR_SMALL ? COLLECTOR_OF_SMALL : COLLECTOR_OF_LARGE;
}

bool collector_is_right(const struct engine *e) { return e->collector == right_for(e); }

void collector_tune(struct engine *e) {
    if (!collector_is_right(e)) apply(e, right_for(e));
}

/* collectgarbage; upvalue 1 is Lua's own. */
static int l_collectgarbage(lua_State *L) {
    static const char *const options[] = {"collect",   "count",        "step",        "stop",     "restart",
                                          "isrunning", "generational", "incremental", "setpause", "setstepmul",
                                          NULL};
    static const int numbers[] = {0, 0, 1, 0, 0, 0, 2, 3, 1, 1}; /* how many numbers each option takes */
    enum { GENERATIONAL = 6 };
    int option = luaL_checkoption(L, 1, "collect", options);
    for (int i = 0; i < numbers[option]; i++) luaL_optinteger(L, 2 + i, 0); /* for an error with the function's name */
    if (option >= GENERATIONAL) engine_of(L)->collector = COLLECTOR_OF_SCRIPT;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* A userdata that nothing refers to is garbage in the next collection, young or all: its finalizer counts that, and
 * leaves another one. */
static void leave_witness(lua_State *L) {
    lua_newuserdatauv(L, 0, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

static int l_witness(lua_State *L) {
    struct engine *e = engine_of(L);
    if (e->ended) return 0;
    e->collections++;
    leave_witness(L);
    return 0;
}

/* Makes the first one. */
static int l_begin_witness(lua_State *L) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, l_witness, 1);
    lua_setfield(L, -2, "__gc");
    lua_newuserdatauv(L, 0, 0);
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
    return 0;
}

void l_collector_open(lua_State *L) {
    lua_pushcfunction(L, l_begin_witness);
    lua_call(L, 0, 0);
    lua_getglobal(L, "collectgarbage");
    lua_pushcclosure(L, l_collectgarbage, 1);
    lua_setglobal(L, "collectgarbage");
}

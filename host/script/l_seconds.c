/* l_seconds: one rule for all arguments in seconds. */
#include "script/l_seconds.h"

#include <lauxlib.h>

uint64_t l_seconds_check(lua_State *L, int index) {
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0, index, "seconds must be a number, 0 or more"); /* nan is not */
    return clock_from_seconds(seconds);
}

uint64_t l_seconds_limit(lua_State *L, int index) {
    return lua_isnoneornil(L, index) ? UINT64_MAX : l_seconds_check(L, index);
}

uint64_t l_seconds_end(lua_State *L, int index, const struct clock *clock) {
    uint64_t limit = l_seconds_limit(L, index);
    return limit == UINT64_MAX ? UINT64_MAX : clock_now(clock) + limit;
}

void l_seconds_keep(lua_State *L, const struct clock *clock) {
    uint64_t end = l_seconds_end(L, 2, clock);
    lua_settop(L, 1);
    lua_pushinteger(L, (lua_Integer)end);
}

uint64_t l_seconds_left(lua_State *L, const struct clock *clock) {
    return clock_left(clock, (uint64_t)lua_tointeger(L, 2));
}

/* l_seconds: spans of time as scripts give them, as arguments of functions. */
#ifndef SCRIPT_L_SECONDS_H
#define SCRIPT_L_SECONDS_H

#include "net/clock.h"
#include <lua.h>

/* The seconds at `index`, 0 or more, in nanoseconds. Raises what else there is. */
uint64_t l_seconds_check(lua_State *L, int index);

/* A limit for waiting, which may be left out: UINT64_MAX. */
uint64_t l_seconds_limit(lua_State *L, int index);

/* When that limit is over, by the clock; UINT64_MAX: never. */
uint64_t l_seconds_end(lua_State *L, int index, const struct clock *clock);

#endif

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

/* Makes the stack of a function that may wait, again and again, its first argument and the end of the limit that was
 * its second. Then: how long that is from now on, in nanoseconds. */
void l_seconds_keep(lua_State *L, const struct clock *clock);
uint64_t l_seconds_left(lua_State *L, const struct clock *clock);

#endif

/* l_seconds: spans of time as scripts give them, as arguments of functions. */
#ifndef SCRIPT_L_SECONDS_H
#define SCRIPT_L_SECONDS_H

#include "net/clock.h"
#include <lua.h>

/* The seconds at `index`, a number of 0 or more, in nanoseconds. Raises where the argument is anything else. */
uint64_t l_seconds_check(lua_State *L, int index);

/* The same for a time limit that may be left out; then UINT64_MAX. */
uint64_t l_seconds_limit(lua_State *L, int index);

/* When such a limit ends, in nanoseconds of the clock; UINT64_MAX: never. */
uint64_t l_seconds_end(lua_State *L, int index, const struct clock *clock);

/* For functions that may wait several times within one limit, their second argument. l_seconds_keep leaves two values
 * on the stack: the first argument, and when the limit ends. l_seconds_left gives how many nanoseconds are left until
 * then. */
void l_seconds_keep(lua_State *L, const struct clock *clock);
uint64_t l_seconds_left(lua_State *L, const struct clock *clock);

#endif

/* l_callable: what a script may hand over where a function is expected: a function, or anything with a __call, as
 * busted's spies and stubs are. */
#ifndef SCRIPT_L_CALLABLE_H
#define SCRIPT_L_CALLABLE_H

#include <lua.h>
#include <stdbool.h>

/* What a wrong value should have been, as errors say it. */
#define L_CALLABLE "function or something callable"

bool l_callable_is(lua_State *L, int index);

/* Raises where the argument is none. */
void l_callable_check(lua_State *L, int argument);

/* Pushes the function that a call of it begins with: itself, or its __call. */
void l_callable_push(lua_State *L, int index);

#endif

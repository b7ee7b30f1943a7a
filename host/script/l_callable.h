/* l_callable: what a script may hand over where a function is expected: a function, or anything with a __call, as
 * busted's spies and stubs are. */
#ifndef SCRIPT_L_CALLABLE_H
#define SCRIPT_L_CALLABLE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* How error messages name what was expected. */
#define L_CALLABLE "function or something callable"

bool l_callable_is(lua_State *L, int index);

/* Raises where the argument is not callable. */
void l_callable_check(lua_State *L, int argument);

/* Pushes the function that runs first when the value at `index` is called: the value itself, or its __call. */
void l_callable_push(lua_State *L, int index);

/* Writes where that function begins, "bot.lua:12", into `where`; LUA_IDSIZE + 16 bytes are enough. */
void l_callable_where(lua_State *L, int index, char *where, size_t size);

#endif

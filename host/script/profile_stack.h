/* profile_stack: what a sample saw, as names (profile.h): the task or callback, then functions, outermost first. A
 * coroutine of the script stands behind the function that has resumed it. Takes no memory of Lua's. */
#ifndef SCRIPT_PROFILE_STACK_H
#define SCRIPT_PROFILE_STACK_H

#include "base/buf.h"
#include <lua.h>

struct engine;

/* Most functions of a stack; of a deeper one these are the innermost, behind "(deeper)". */
enum { PROFILE_DEPTH = 64 };

/* Appends the stack of the thread L, which runs, without so many of its innermost functions. For hooks. */
void profile_stack_put(lua_State *L, int without, struct buf *out);

/* Appends the name of the running task, "host.spawn(bot.lua:12)", or "(host)" where none runs. `first`: its outermost
 * function in Lua; NULL: none runs. */
void profile_stack_put_task(const struct engine *e, const lua_Debug *first, struct buf *out);

#endif

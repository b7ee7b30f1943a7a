/* door: the only way from C into Lua. Whatever can raise happens inside, so no error ever jumps over a libuv frame. */
#ifndef SCRIPT_DOOR_H
#define SCRIPT_DOOR_H

#include "script/engine.h"

/* Calls `fn` protected, which finds `arg` by l_door_given. True when it returned; else false with `*message`, when
 * wanted, the error with its traceback: the caller's, to be given to free(). Without `message` the error is reported.
 */
bool door_call(struct engine *e, lua_CFunction fn, void *arg, char **message);

/* The `arg` that door_call or task_run gave to the function `fn` that runs: once. The debug library gives a script
 * every function that is being called; where a script calls one, this raises. */
void *l_door_given(lua_State *L, lua_CFunction fn);

/* Replaces the error on the top of the stack by what `lua` shows of it, with the traceback of the thread `of`. May
 * raise (memory). */
void l_door_describe(lua_State *L, lua_State *of);

/* The message handler of every protected call: what `lua` shows of an error, with a traceback. */
int l_door_traceback(lua_State *L);

#endif

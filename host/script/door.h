/* door: the only way from C into Lua. Whatever can raise happens inside, so no error ever jumps over a libuv frame. */
#ifndef SCRIPT_DOOR_H
#define SCRIPT_DOOR_H

#include "script/engine.h"

/* Calls `fn` in protected mode; `fn` gets `arg` by l_door_given. Returns true when it returned. Where it raised,
 * returns false: `*message` is then the error with its traceback, to be given to free() by the caller; where `message`
 * is NULL, the error is reported instead (engine_report). */
bool door_call(struct engine *e, lua_CFunction fn, void *arg, char **message);

/* Returns the `arg` that door_call or task_run was given for the running function `fn`; once. Raises where a script has
 * called `fn`, which it can: by the debug library scripts get every function on the call stack. */
void *l_door_given(lua_State *L, lua_CFunction fn);

/* Replaces the error on the top of the stack by the text that `lua` shows for it, with the traceback of the thread
 * `of`. May raise (memory). */
void l_door_describe(lua_State *L, lua_State *of);

/* The message handler of every protected call: makes of an error the text that `lua` shows for it, with a traceback. */
int l_door_traceback(lua_State *L);

#endif

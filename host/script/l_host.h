/* l_host: the module `host`, and functions by which the program calls what a script has registered there. */
#ifndef SCRIPT_L_HOST_H
#define SCRIPT_L_HOST_H

#include "script/engine.h"

/* Calls the functions given to host.on_stop, in the order in which they were given. They may wait; an error in one is
 * reported, and the next is called. Then calls `done(arg)`, unless the task was cancelled before. */
void l_host_call_on_stop(struct engine *e, void (*done)(void *arg), void *arg);

/* Calls the functions given to host.on_reload, which may not wait; an error in one is reported and the next is called.
 */
void l_host_call_on_reload(struct engine *e);

/* Adds the function at index 1 to the list that the registry has under the address `list`. Returns 0, for the C
 * function that does only this; raises where it is no function, or without memory. */
int l_host_enlist(lua_State *L, const char *list);

#endif

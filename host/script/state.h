/* state: host.state, the plain data that outlives reloads, and how it is copied from one Lua state to the next. */
#ifndef SCRIPT_STATE_H
#define SCRIPT_STATE_H

#include "script/engine.h"

/* Copies what the script of `from` keeps in host.state into `to`, where its script will find it. Tables that are
 * referred to from several places, or under several names, are copied once; cycles stay cycles. `from` does not change.
 * Returns true, or false with `*why`, which says what cannot be copied and where it is: to be given to free() by the
 * caller. */
bool state_copy(struct engine *from, struct engine *to, char **why);

/* Calls `tell` with the name of each state that the script has asked for, in any order. A name may be no valid
 * UTF-8. */
void state_each(struct engine *e, void (*tell)(void *arg, const char *name), void *arg);

/* host.state. */
int l_state(lua_State *L);

#endif

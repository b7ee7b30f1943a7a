/* state: host.state, the plain data that outlives reloads, and its way from one Lua state into the next. */
#ifndef SCRIPT_STATE_H
#define SCRIPT_STATE_H

#include "script/engine.h"

/* Copies what the script of `from` keeps in host.state into `to`, where its script will find it. Tables that are
 * shared, also among several names, stay shared; cycles stay cycles. `from` is left as it is. True, or false with
 * `*why`, which says where the data has what cannot be copied: the caller's, to be given to free(). */
bool state_copy(struct engine *from, struct engine *to, char **why);

/* Tells the name of each that the script has asked for, in any order; those that are no text of UTF-8 as they are. */
void state_each(struct engine *e, void (*tell)(void *arg, const char *name), void *arg);

/* host.state. */
int l_state(lua_State *L);

#endif

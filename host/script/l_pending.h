/* l_pending: what waits for the clock of a test, with the line of the script that each comes from (clock:pending). */
#ifndef SCRIPT_L_PENDING_H
#define SCRIPT_L_PENDING_H

#include "script/engine.h"

/* Under test: notes the line of the script that runs as that of the userdata at `index`, a timer or a connection. May
 * raise (memory). */
void l_pending_note(lua_State *L, int index);

/* Appends what waits in this engine, the one of `L` or that of a bot, to the list on the top of L: tables of `left` (in
 * seconds), `what`, and `file` and `line` where those are known; in no order. May raise (memory). */
void l_pending_add(lua_State *L, const struct engine *e);

/* How many nanoseconds are left until the first of these is due; UINT64_MAX: nothing waits. */
uint64_t pending_first(const struct engine *e);

#endif

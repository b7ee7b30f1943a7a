/* collector: when Lua's garbage is collected. Generational, with Lua's own measures, but where the heap is small: those
 * would have a bot of 30 KB look at all of it for every message of 64 KB. A script that says how its garbage is to be
 * collected has it so. */
#ifndef SCRIPT_COLLECTOR_H
#define SCRIPT_COLLECTOR_H

#include "script/engine.h"

enum { COLLECTOR_SMALL = 1 << 20 }; /* bytes: a heap of less is small */

/* Has collectgarbage tell when the script takes over. */
void l_collector_open(lua_State *L);

/* From now on it is generational. */
void collector_start(struct engine *e);

/* Nothing of the heap is garbage: it may grow by a part of it before any of it is looked at. */
void collector_rest(struct engine *e);

/* Is the heap small no more, or again? */
bool collector_is_right(const struct engine *e);

/* Then the other measures are taken; finalizers may run. */
void collector_tune(struct engine *e);

#endif

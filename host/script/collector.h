/* collector: how Lua collects garbage: in generational mode, with Lua's own parameters, except where the heap is small.
 * With these a bot of 30 KB would have its whole heap traversed for every message of 64 KB. Where a script has chosen a
 * mode or parameters by collectgarbage, its choice stays. */
#ifndef SCRIPT_COLLECTOR_H
#define SCRIPT_COLLECTOR_H

#include "script/engine.h"

enum { COLLECTOR_SMALL = 1 << 20 }; /* bytes: a heap of less is small */

/* Replaces collectgarbage by a function that also notes when the script chooses mode or parameters. May raise. */
void l_collector_open(lua_State *L);

/* Sets generational mode, with the parameters for a small heap. */
void collector_start(struct engine *e);

/* To be called when nothing in the heap is garbage: lets it grow by a part of its size before the collector traverses
 * it. */
void collector_rest(struct engine *e);

/* Do the parameters fit the size of the heap? False where it has become large since they were set, or small again. */
bool collector_is_right(const struct engine *e);

/* Sets those that fit; finalizers may run. */
void collector_tune(struct engine *e);

#endif

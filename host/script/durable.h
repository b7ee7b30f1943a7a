/* durable: which tables of host.state outlive the process, and when they are written: they stay plain tables, and are
 * compared with what was written last. */
#ifndef SCRIPT_DURABLE_H
#define SCRIPT_DURABLE_H

#include "script/engine.h"

enum {
    DURABLE_WITHIN = 50, /* milliseconds after a turn in which Lua ran, in which the tables are looked at */
    DURABLE_SLICE = 2,   /* milliseconds that looking at them may take in a turn */
    DURABLE_SLOW = 10,   /* milliseconds for one name, past which it is told that it is large */
};

/* Raises where there is nowhere to keep a state. In tests there is: durable state ends with them, unless they give it a
 * folder. */
void l_durable_check(lua_State *L, const char *name);

/* Has the table at `table`, which is that of host.state(name), kept from now on; `name` is the string's index. */
void l_durable_add(lua_State *L, int name, int table);

/* Pushes the table that is kept under the name at that index. False, with nothing pushed: there is none. */
bool l_durable_push(lua_State *L, int name);

/* To be called when Lua code has run. */
void durable_touch_slowly(struct engine *e);
static inline void durable_touch(struct engine *e) {
    if (e->durable) durable_touch_slowly(e);
}

/* Looks at all of them now, and has written what has changed. A generation that is staged writes nothing. */
void durable_write(struct engine *e);

/* `next` keeps them from now on, and `last`, which is about to end, nothing. */
void durable_take_over(struct engine *last, struct engine *next);

/* Writes them once more, and ends it. */
void durable_end(struct engine *e);

#endif

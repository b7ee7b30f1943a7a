/* l_timer: what the reload needs to know of timers. */
#ifndef SCRIPT_L_TIMER_H
#define SCRIPT_L_TIMER_H

#include "script/engine.h"

/* A timer of host.every in `next` that has the name of one in `last` counts its interval from when that one was last
 * due. */
void l_timer_keep_phases(struct engine *last, struct engine *next);

/* A timer that is set; times are nanoseconds. */
struct timer_told {
    void *box;
    const char *name; /* NULL: it has none */
    uint64_t every;   /* 0: it is due once */
    uint64_t span;    /* for how long it was set at first */
    uint64_t in;      /* until it is due */
};

/* Calls `tell` for each timer that is set. */
void l_timer_each(const struct engine *e, void (*tell)(void *arg, const struct timer_told *timer), void *arg);

/* Cancels all, as the engine ends. */
void l_timer_end_all(struct engine *e);

/* Cancels the timers that were made since then (`born`: see engine->births); returns how many. */
unsigned l_timer_end_since(lua_State *L, uint64_t born);

#endif

/* l_timer: what the reload needs to know of timers. */
#ifndef SCRIPT_L_TIMER_H
#define SCRIPT_L_TIMER_H

#include "script/engine.h"

/* Timers of host.every that both generations have by name go on in the phase of the last one. */
void l_timer_keep_phases(struct engine *last, struct engine *next);

/* One that is set; times are nanoseconds. */
struct timer_told {
    void *box;
    const char *name; /* NULL: it has none */
    uint64_t every;   /* 0: it is due once */
    uint64_t span;    /* it was set for so long at first, */
    uint64_t in;      /* and is due in so long */
};

/* Tells of each that is set. */
void l_timer_each(const struct engine *e, void (*tell)(void *arg, const struct timer_told *timer), void *arg);

/* Cancels all, as the engine ends. */
void l_timer_end_all(struct engine *e);

/* Cancels the timers that were set since then (engine->births); returns how many those were. */
unsigned l_timer_end_since(lua_State *L, uint64_t born);

#endif

/* guard: deadlines that come before everything else. What must not go on past a time (a lease that may be another's by
 * then) is told of it before any code that an event would run, also where the process was stopped or the machine slept
 * meanwhile: so these are looked at where the loop wakes, and where code of a script is about to begin. As long as no
 * guard is set, that is one comparison. */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include "net/clock.h"

/* A function to be called once a time of clock_elapsed has come. In the caller's memory; it must be cancelled before
 * that is freed. All zero: not set. */
struct guard {
    struct deadline wake; /* has the loop wake for it */
    uint64_t due;         /* by clock_elapsed */
    void (*fn)(struct guard *g);
    struct guard *next, **at; /* in the clock's list; `at` NULL: not set */
};

/* Calls `fn` once, as soon as can be after `due`. One that is set already is moved. Keeps the loop alive until then. */
void guard_set(struct clock *c, struct guard *g, uint64_t due, void (*fn)(struct guard *g));
void guard_cancel(struct clock *c, struct guard *g);

/* Has the time of one come? Then the clock calls it in this turn of the loop, before whatever else is due. */
bool guard_hurry(struct clock *c);

/* Calls those whose time has come. From the loop only, while no code of a script runs. */
void guard_run_due(struct clock *c);
static inline void guard_run(struct clock *c) {
    if (c->guards) guard_run_due(c);
}

#endif

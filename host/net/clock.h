/* clock: every deadline of the program in one heap, under one uv_timer_t. Times are nanoseconds of a monotonic clock.
 * Nobody else asks libuv for the time, so that a test can put its own in place: clock_freeze stops it, clock_advance
 * moves it.
 *
 * Deadlines that are due run after the loop has polled its sockets, never before: so a peer is not blamed for time in
 * which our own code ran, and a script that is always busy leaves I/O its turn. */
#ifndef NET_CLOCK_H
#define NET_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define CLOCK_MS     UINT64_C(1000000)
#define CLOCK_SECOND UINT64_C(1000000000)

/* A function to be called at a time. In the caller's memory; it must be cancelled before that is freed. All zero: not
 * set. */
struct deadline {
    uint64_t due;
    uint64_t order; /* of equal times, the one set first is first */
    size_t place;   /* in the heap, from 1; 0: not set */
    void (*fn)(struct deadline *d);
};

struct clock {
    uv_timer_t timer;    /* until the first deadline */
    uv_idle_t idle;      /* while one is due: the loop does not sleep */
    uv_prepare_t before; /* before the sockets are polled, and after that */
    uv_check_t after;
    uint64_t looked; /* when polling began: deadlines that were due then may run; 0: none was */
    struct deadline **heap;
    size_t n, size;
    uint64_t order;       /* of the next one set */
    struct guard *guards; /* what comes before everything else (net/guard.h); NULL: nothing */
    bool frozen;
    uint64_t now;   /* while frozen */
    uint64_t slept; /* while frozen: how long the machine had been suspended */
    uint64_t ahead; /* of the real clock, once it was frozen; if behind: modulo 2^64 */
    double wall;    /* while frozen: seconds to add for the wall clock */
};

/* Starts the clock in a loop. */
void clock_open(struct clock *c, uv_loop_t *loop);

/* From now on its deadlines keep no loop alive. */
void clock_unref(struct clock *c);

/* Ends it: no deadline may be set any more. The loop must turn once before `c` goes. */
void clock_close(struct clock *c);

uint64_t clock_now(const struct clock *c);

/* The same with the time in which the machine was suspended, where the system tells that: not comparable with
 * clock_now. */
uint64_t clock_elapsed(const struct clock *c);

/* The wall clock: seconds since 1970, with fractions. */
double clock_wall(const struct clock *c);

/* Calls `fn` in a turn of the loop at `due` or as soon after as can be; a time in the past means after the next poll. A
 * deadline that is set already is moved. Keeps the loop alive until then. */
void clock_set(struct clock *c, struct deadline *d, uint64_t due, void (*fn)(struct deadline *d));
void clock_cancel(struct clock *c, struct deadline *d);
static inline bool clock_is_set(const struct deadline *d) { return d->place != 0; }

/* Stops the clock where it stands; from now on only clock_advance moves it, until clock_thaw has it go on from there.
 * Tests alone do this. */
void clock_freeze(struct clock *c);
void clock_advance(struct clock *c, uint64_t by);
void clock_thaw(struct clock *c);

/* Is anything due now? */
bool clock_is_due(const struct clock *c);

/* When the next deadline after now is due; false where none is set. */
bool clock_next(const struct clock *c, uint64_t *due);

/* How long it is until `end`, 0 where that is past; UINT64_MAX, which is never, stays. */
static inline uint64_t clock_left(const struct clock *c, uint64_t end) {
    if (end == UINT64_MAX) return end; /* to ask for the time costs as much as a small message */
    uint64_t now = clock_now(c);
    return end > now ? end - now : 0;
}

/* Seconds, as scripts give them, in nanoseconds; anything beyond a century is a century. */
uint64_t clock_from_seconds(double seconds);
static inline double clock_to_seconds(uint64_t ns) { return (double)ns / 1e9; }

#endif

/* retry: whether and when an attempt that has ended is followed by another: exponential back-off with full jitter, and
 * what can never succeed is not tried again. It has no clock and no random numbers of its own: both are arguments. */
#ifndef WIRE_RETRY_H
#define WIRE_RETRY_H

#include "base/slice.h"

enum {
    RETRY_FATAL_MAX = 64,     /* statuses and codes that a script may add */
    RETRY_AFTER_MAX = 60 * 60 /* seconds: what a Retry-After may ask for at most */
};

/* Statuses and close codes; the list is its owner's. */
struct retry_codes {
    uint16_t *list;
    size_t count;
};

/* Times are nanoseconds. */
struct retry_policy {
    bool on;
    uint64_t min, max;        /* the first delay is at most min, none is more than max */
    uint64_t stable;          /* after a connection that was open for so long, delays begin with `min` again */
    double factor;            /* by which the delays grow, 1 or more */
    uint64_t attempts;        /* retries in a row; 0: without end */
    struct retry_codes fatal; /* after which there is no retry, beside the usual ones */
};

/* How an attempt ended. */
struct retry_end {
    unsigned status;      /* of a refused handshake; 0: it was not refused */
    uint16_t code;        /* close code, as on_close has it */
    uint64_t uptime;      /* how long it was open; 0: never */
    uint64_t retry_after; /* what the refusal asked for; 0: nothing */
};

/* Is there another attempt? True with `*delay`; `*tries` (0 at first) counts them. False with `why`, which is never
 * empty then. `dice` is any 32 random bits. */
bool retry_decide(const struct retry_policy *policy, const struct retry_end *end, uint32_t dice, uint32_t *tries,
                  uint64_t *delay, char why[64]);

/* The delay before the try after `tries` others. */
uint64_t retry_delay(const struct retry_policy *policy, uint32_t tries, uint32_t dice);

/* Reads the value of a Retry-After (RFC 9110 10.2.3), seconds or a date. True with `*after` in nanoseconds from `now`,
 * a wall clock in seconds (0 of a date that is past); false where it is neither, and `*after` is 0. */
bool retry_after_read(struct slice value, int64_t now, uint64_t *after);

#endif

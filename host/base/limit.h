/* limit: no more than n in any span of time. The times of the last n are kept: there is room for the next as soon as
 * the oldest of them is a span ago. It has no clock: times are nanoseconds of whatever clock the caller has. */
#ifndef BASE_LIMIT_H
#define BASE_LIMIT_H

#include <stdint.h>

struct limit {
    uint64_t span, n; /* both 1 at least */
    uint64_t taken;   /* in all */
    uint64_t *times;  /* when the last n were taken: number i at i % n; the caller's */
};

/* When there is room for `count` more, which is from 1 to n. */
static inline uint64_t limit_ready_at(const struct limit *l, uint64_t count) {
    uint64_t last = l->taken + count - 1;
    return last < l->n ? 0 : l->times[last % l->n] + l->span;
}

static inline void limit_take(struct limit *l, uint64_t count, uint64_t now) {
    while (count--) l->times[l->taken++ % l->n] = now;
}

#endif

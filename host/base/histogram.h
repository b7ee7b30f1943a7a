/* histogram: how often which values came, in buckets that are narrow for small values and wide for large ones: a bucket
 * is the exponent of a double and the first six bits of its mantissa. So the middle of a bucket is within 0.8 % of
 * every value in it, whatever the unit. Only buckets that have values are kept, and a few bytes hold thousands of
 * values. */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values from 2^-30 (a billionth) to 2^34 (17 billion) have buckets of their own. What is smaller or larger counts in
 * the first or the last of them, and what is 0 or less in one that lies before. */
enum {
    HISTOGRAM_LEAST = -30, /* exponent of the first bucket */
    HISTOGRAM_OCTAVES = 64,
    HISTOGRAM_PARTS = 64, /* of each octave */
    HISTOGRAM_BUCKETS = 1 + HISTOGRAM_OCTAVES * HISTOGRAM_PARTS,
};

/* All zero: empty; it takes no memory before the first value. */
struct histogram {
    uint64_t *entries;         /* those that have values, in order: number of the bucket, and how many */
    uint16_t used, size, last; /* entries in use, entries with memory, and the one that was used last */
    uint64_t count;            /* of all values */
    double sum;                /* of all values; where that is beyond what a double holds, the largest that it does */
    double least, most;        /* exactly; without meaning where `count` is 0 */
    uint64_t dropped;          /* values that there was no memory for; they are counted nowhere else */
};
_Static_assert(sizeof(void *) != 8 || sizeof(struct histogram) <= 64, "every connection has one");

/* The values of one bucket: those from `lower` on that are less than `upper`. Both are 0 for values of 0 and less. */
struct histogram_bucket {
    double lower, upper;
    uint64_t count;
};

/* Adds a value, which is a finite number. */
void histogram_add(struct histogram *h, double value);

/* Adds all that is in `other`, which does not change: as if each of its values had been added. */
void histogram_merge(struct histogram *h, const struct histogram *other);

/* Empties it and gives its memory back. */
void histogram_clear(struct histogram *h);

/* Bytes that its entries take. */
static inline size_t histogram_size(const struct histogram *h) { return h->size * sizeof *h->entries; }

/* Its bucket number `i`, from 0 to h->used - 1, in order. */
struct histogram_bucket histogram_bucket(const struct histogram *h, unsigned i);

/* The value that `part` (0 to 1) of the values do not pass: 0.5 is the median. Within 1 % of the exact one where that
 * has a bucket of its own; of 0 and 1 exactly. 0 where it is empty. */
double histogram_quantile(const struct histogram *h, double part);

/* How many values are at most `value`: those in the buckets that begin there or before. */
uint64_t histogram_at_most(const struct histogram *h, double value);

/* The sum of two finite numbers; where that is beyond what a double holds, the largest that it does. */
double histogram_sum(double a, double b);

#endif

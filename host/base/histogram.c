/* histogram: a sorted array with an entry for each bucket that has values. */
#include "base/histogram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An entry: the number of the bucket above, the count below; so entries are in the order of their buckets. */
enum { COUNT_BITS = 51, FIRST_SIZE = 8 };
#define COUNT_MOST ((UINT64_C(1) << COUNT_BITS) - 1)

static unsigned number_of(uint64_t entry) { return (unsigned)(entry >> COUNT_BITS); }
static uint64_t count_of(uint64_t entry) { return entry & COUNT_MOST; }

double histogram_sum(double a, double b) {
    double sum = a + b;
    return isfinite(sum) ? sum : copysign(DBL_MAX, sum);
}

/* ---- buckets ---- */

/* The number of a value's bucket, from the bits of the double. */
static unsigned find_number(double value) {
    enum { MANTISSA_BITS = 52, PART_BITS = 6, BIAS = 1023 };
    uint64_t bits;
    if (value <= 0) return 0;
    memcpy(&bits, &value, sizeof bits);
    int64_t part = (int64_t)(bits >> (MANTISSA_BITS - PART_BITS)) - (int64_t)(BIAS + HISTOGRAM_LEAST) * HISTOGRAM_PARTS;
    if (part < 0) return 1;
    return part < HISTOGRAM_BUCKETS - 1 ? (unsigned)part + 1 : HISTOGRAM_BUCKETS - 1;
}

/* Where a bucket begins. */
static double lower_edge(unsigned number) {
    if (number == 0) return 0;
    unsigned octave = (number - 1) / HISTOGRAM_PARTS, part = (number - 1) % HISTOGRAM_PARTS;
    return ldexp(1 + (double)part / HISTOGRAM_PARTS, HISTOGRAM_LEAST + (int)octave);
}

struct histogram_bucket histogram_bucket(const struct histogram *h, unsigned i) {
    unsigned number = number_of(h->entries[i]);
    return (struct histogram_bucket){
        .lower = lower_edge(number), .upper = number ? lower_edge(number + 1) : 0, .count = count_of(h->entries[i])};
}

/* ---- entries ---- */

/* The place of the first entry whose bucket is not before this one. */
static unsigned search(const struct histogram *h, unsigned number) {
    unsigned from = 0, to = h->used;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (number_of(h->entries[middle]) < number)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool grow(struct histogram *h) {
    unsigned size = h->size ? 2u * h->size : FIRST_SIZE;
    if (size > HISTOGRAM_BUCKETS) size = HISTOGRAM_BUCKETS;
    uint64_t *entries = realloc(h->entries, size * sizeof *entries);
    if (!entries) return false;
    h->entries = entries;
    h->size = (uint16_t)size;
    return true;
}

/* Finds the entry of a bucket, or makes an empty one; NULL: there is no memory for it. */
static uint64_t *entry_for(struct histogram *h, unsigned number) {
    if (h->used && number_of(h->entries[h->last]) == number) return &h->entries[h->last];
    unsigned place = search(h, number);
    bool is_there = place < h->used && number_of(h->entries[place]) == number;
    if (!is_there) {
        if (h->used == h->size && !grow(h)) return NULL;
        memmove(h->entries + place + 1, h->entries + place, (h->used - place) * sizeof *h->entries);
        h->entries[place] = (uint64_t)number << COUNT_BITS;
        h->used++;
    }
    h->last = (uint16_t)place;
    return &h->entries[place];
}

/* Counts `n` values more in that bucket. False: there is no memory for it. */
static bool count(struct histogram *h, unsigned number, uint64_t n) {
    uint64_t *entry = entry_for(h, number);
    if (!entry) return false;
    uint64_t room = COUNT_MOST - count_of(*entry);
    *entry += n < room ? n : room;
    return true;
}

/* ---- values ---- */

static void widen(struct histogram *h, double least, double most) {
    if (h->count == 0 || least < h->least) h->least = least;
    if (h->count == 0 || most > h->most) h->most = most;
}

void histogram_add(struct histogram *h, double value) {
    if (!count(h, find_number(value), 1)) {
        h->dropped++;
        return;
    }
    widen(h, value, value);
    h->count++;
    h->sum = histogram_sum(h->sum, value);
}

void histogram_merge(struct histogram *h, const struct histogram *other) {
    h->dropped += other->dropped;
    if (other->count == 0) return;
    uint64_t merged = 0;
    for (unsigned i = 0; i < other->used; i++) {
        uint64_t n = count_of(other->entries[i]);
        if (count(h, number_of(other->entries[i]), n))
            merged += n;
        else
            h->dropped += n;
    }
    if (merged == 0) return;
    widen(h, other->least, other->most);
    h->count += merged;
    h->sum = histogram_sum(h->sum, other->sum);
}

void histogram_clear(struct histogram *h) {
    free(h->entries);
    *h = (struct histogram){0};
}

/* ---- what it says ---- */

static double clamp(double value, double least, double most) {
    return value < least ? least : value > most ? most : value;
}

double histogram_quantile(const struct histogram *h, double part) {
    if (h->count == 0) return 0;
    if (part <= 0) return h->least;
    if (part >= 1) return h->most;
    uint64_t rank = (uint64_t)ceil(part * (double)h->count), seen = 0;
    for (unsigned i = 0; i < h->used; i++) {
        struct histogram_bucket b = histogram_bucket(h, i);
        if ((seen += b.count) >= rank) return clamp((b.lower + b.upper) / 2, h->least, h->most);
    }
    return h->most;
}

uint64_t histogram_at_most(const struct histogram *h, double value) {
    uint64_t n = 0;
    for (unsigned i = 0; i < h->used && lower_edge(number_of(h->entries[i])) <= value; i++)
        n += count_of(h->entries[i]);
    return n;
}

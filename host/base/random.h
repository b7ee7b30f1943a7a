/* random: unpredictable bytes (masks, keys), thin over wolfCrypt's generator, which is seeded by the system. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out` with `n` bytes from a cryptographic generator. Aborts where the system gives no entropy: a client without
 * unpredictable masks must not run (RFC 6455 5.3, 10.3). One thread only. */
void random_fill(void *out, size_t n);

/* A fresh masking key. */
uint32_t random_mask(void);

/* From now on the numbers are those that follow from `seed`, the same each time: for tests alone. */
void random_seed(uint64_t seed);

/* Gives the generator's memory back; the next call starts a new one. */
void random_clear(void);

#endif

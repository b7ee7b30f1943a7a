/* random: unpredictable bytes (masks, keys), thin over wolfCrypt's ChaCha20, whose key the system gives. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has the system give the key, once. False where it gives none: a client without unpredictable masks must not run (RFC
 * 6455 5.3, 10.3). What comes after cannot fail. */
bool random_open(void);

/* Fills `out` with `n` bytes from a cryptographic generator. Calls random_open where nobody has yet, and aborts where
 * that fails. One thread only. */
void random_fill(void *out, size_t n);

/* A fresh masking key. */
uint32_t random_mask(void);

/* From now on the numbers are those that follow from `seed`, the same each time: for tests alone. */
void random_seed(uint64_t seed);

/* Erases the key and the bytes that were made with it. */
void random_clear(void);

#endif

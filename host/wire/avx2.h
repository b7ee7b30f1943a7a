/* avx2: what the vector units of newer x86 processors do for wire/: many bytes at a time, where the processor has AVX2.
 * Each function has a twin in plain C beside its caller (utf8.c, mask.c), for the bytes that are left over, and for
 * processors without AVX2. Only those two files include this. */
#ifndef WIRE_AVX2_H
#define WIRE_AVX2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define AVX2_BUILT 1

/* Has this processor AVX2? Cheap enough to be asked each time. */
static inline bool avx2_is_there(void) { return __builtin_cpu_supports("avx2"); }

/* Validates UTF-8 from `p` on, where a character begins, in steps of 32 bytes. Returns how many bytes at the front are
 * whole, valid characters; the rest was not looked at. SIZE_MAX: one is invalid. */
size_t avx2_utf8(const uint8_t *p, size_t n);

/* Copies bytes, masked by the 8 bytes of `mask`, in whole steps; returns how many were copied. `*ascii`: all of them
 * were ASCII before. */
size_t avx2_mask(uint8_t *to, const uint8_t *from, size_t n, uint64_t mask, bool *ascii);

#else
#define AVX2_BUILT 0
static inline bool avx2_is_there(void) { return false; }
static inline size_t avx2_utf8(const uint8_t *p, size_t n) { return (void)p, (void)n, 0; }
static inline size_t avx2_mask(uint8_t *to, const uint8_t *from, size_t n, uint64_t mask, bool *ascii) {
    return (void)to, (void)from, (void)n, (void)mask, (void)ascii, 0;
}
#endif

#endif

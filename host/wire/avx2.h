/* avx2: what the vector units of newer x86 processors do for wire/: many bytes at a time, where the processor has AVX2.
 * Each function has a twin in plain C beside its caller (utf8.c, mask.c), which does what it leaves, and all of it
 * elsewhere. Nobody but those two includes this. */
#ifndef WIRE_AVX2_H
#define WIRE_AVX2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define AVX2_BUILT 1

/* Has this processor AVX2? Cheap enough to be asked each time. */
static inline bool avx2_is_there(void) { return __builtin_cpu_supports("avx2"); }

/* How many bytes at the front of `p` are whole characters of UTF-8, as far as it looks: in steps of 32, from where a
 * character begins. SIZE_MAX: there is one that is none. */
size_t avx2_utf8(const uint8_t *p, size_t n);

/* Copies, masked by the 8 bytes of `mask`, as many bytes as it does at a time, and returns how many; *ascii: they all
 * were. */
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

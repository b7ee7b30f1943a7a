/* avx2: UTF-8 by table look-up, and masks.
 *
 * Whether two neighbours may follow each other depends on three half bytes: both of the first, and the upper one of
 * the second. Each of them is looked up in a table of the errors that it may be part of; an error that all three tables
 * name is one. That decides two-byte sequences; of longer ones it remains to check that the third and fourth byte are
 * where a lead two or three places before needs them, and nowhere else. (Keiser, Lemire: Validating UTF-8 in less than
 * one instruction per byte, 2020.) */
#include "wire/avx2.h"

#if AVX2_BUILT

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

/* Errors in a pair of bytes. */
enum {
    LEAD_ALONE = 1 << 0, /* 11______ then no continuation */
    STRAY = 1 << 1,      /* 0_______ 10______ */
    OVERLONG_3 = 1 << 2, /* 11100000 100_____ */
    TOO_LARGE = 1 << 3,  /* 11110100 1001____ and up to 11111111 */
    SURROGATE = 1 << 4,  /* 11101101 101_____ */
    OVERLONG_2 = 1 << 5, /* 1100000_ 10______ */
    OVERLONG_4 = 1 << 6, /* 11110000 1000____; also 11110101 to 11111111 with 1000____ */
    TWO_AFTER = 1 << 7,  /* 10______ 10______: right where a lead of three or four bytes came before */
    ANY = LEAD_ALONE | STRAY | TWO_AFTER,
};

/* Sixteen entries, twice: a look-up happens in each half of a register. */
#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

AVX2 static inline __m256i look_up(__m256i table, __m256i half_bytes) { return _mm256_shuffle_epi8(table, half_bytes); }

AVX2 static inline __m256i upper_half(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

AVX2 static inline __m256i guilt(__m256i bytes, __m256i before) {
    const __m256i by_upper =
        TABLE(STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, (char)TWO_AFTER, (char)TWO_AFTER, (char)TWO_AFTER,
              (char)TWO_AFTER, LEAD_ALONE | OVERLONG_2, LEAD_ALONE, LEAD_ALONE | OVERLONG_3 | SURROGATE,
              LEAD_ALONE | TOO_LARGE | OVERLONG_4);
    const __m256i by_lower =
        TABLE((char)(ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4), (char)(ANY | OVERLONG_2), (char)ANY, (char)ANY,
              (char)(ANY | TOO_LARGE), (char)(ANY | TOO_LARGE | OVERLONG_4), (char)(ANY | TOO_LARGE | OVERLONG_4),
              (char)(ANY | TOO_LARGE | OVERLONG_4), (char)(ANY | TOO_LARGE | OVERLONG_4),
              (char)(ANY | TOO_LARGE | OVERLONG_4), (char)(ANY | TOO_LARGE | OVERLONG_4),
              (char)(ANY | TOO_LARGE | OVERLONG_4), (char)(ANY | TOO_LARGE | OVERLONG_4),
              (char)(ANY | TOO_LARGE | OVERLONG_4 | SURROGATE), (char)(ANY | TOO_LARGE | OVERLONG_4),
              (char)(ANY | TOO_LARGE | OVERLONG_4));
    const char continuation = (char)(STRAY | TWO_AFTER | OVERLONG_2);
    const __m256i by_next =
        TABLE(LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE, LEAD_ALONE,
              (char)(continuation | OVERLONG_3 | OVERLONG_4), (char)(continuation | OVERLONG_3 | TOO_LARGE),
              (char)(continuation | SURROGATE | TOO_LARGE), (char)(continuation | SURROGATE | TOO_LARGE), LEAD_ALONE,
              LEAD_ALONE, LEAD_ALONE, LEAD_ALONE);
    __m256i lower = _mm256_and_si256(before, _mm256_set1_epi8(0x0F));
    return _mm256_and_si256(_mm256_and_si256(look_up(by_upper, upper_half(before)), look_up(by_lower, lower)),
                            look_up(by_next, upper_half(bytes)));
}

/* The bytes that lie `places` before each of `bytes`; `last`: the 32 before those. */
#define BEFORE(bytes, last, places)                                                                                    \
    _mm256_alignr_epi8(bytes, _mm256_permute2x128_si256(last, bytes, 0x21), 16 - (places))

AVX2 static inline __m256i faults(__m256i bytes, __m256i last) {
    __m256i pairs = guilt(bytes, BEFORE(bytes, last, 1));
    /* the highest bit, where a third or fourth byte belongs */
    __m256i third = _mm256_subs_epu8(BEFORE(bytes, last, 2), _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(BEFORE(bytes, last, 3), _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i belongs = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(belongs, pairs); /* TWO_AFTER is right there, and nowhere else */
}

/* How many bytes before `end` begin a character that goes on behind it. */
static size_t unfinished(const uint8_t *end) {
    if (end[-1] >= 0xC0) return 1;
    if (end[-2] >= 0xE0) return 2;
    return end[-3] >= 0xF0 ? 3 : 0;
}

AVX2 size_t avx2_utf8(const uint8_t *p, size_t n) {
    size_t i = 0;
    __m256i last = _mm256_setzero_si256(), fault = last;
    for (; i + 32 <= n; i += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(p + i));
        if (_mm256_movemask_epi8(_mm256_or_si256(bytes, last)) != 0) /* both ASCII: there is nothing to see */
            fault = _mm256_or_si256(fault, faults(bytes, last));
        last = bytes;
    }
    if (!_mm256_testz_si256(fault, fault)) return SIZE_MAX;
    return i ? i - unfinished(p + i) : 0;
}

AVX2 size_t avx2_mask(uint8_t *to, const uint8_t *from, size_t n, uint64_t mask, bool *ascii) {
    const __m256i pattern = _mm256_set1_epi64x((long long)mask);
    __m256i seen = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(from + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(from + i + 32));
        seen = _mm256_or_si256(seen, _mm256_or_si256(a, b));
        _mm256_storeu_si256((__m256i *)(to + i), _mm256_xor_si256(a, pattern));
        _mm256_storeu_si256((__m256i *)(to + i + 32), _mm256_xor_si256(b, pattern));
    }
    *ascii = _mm256_movemask_epi8(seen) == 0;
    return i;
}

#endif

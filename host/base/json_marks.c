/* json_marks: what a byte is, is looked up; where strings are follows from the quotes, as each bit that is set turns
 * over all above it. (Langdale, Lemire: Parsing gigabytes of JSON per second, 2019, has both ideas.) */
#include "base/json_marks.h"

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* ---- what each byte is ---- */

/* What the bytes of a block are, the first of them in the lowest bit. */
struct json_bytes {
    uint64_t quotes, slashes; /* '"', '\\' */
    uint64_t spaces;          /* RFC 8259 2 */
    uint64_t signs;           /* { } [ ] : , */
    uint64_t controls;        /* below 0x20 */
    uint64_t others;          /* not 0: some are not ASCII */
};

/* The lowest bit of a byte for each kind: eight bytes of a text, each shifted by its place, make a word of their masks.
 */
#define KIND(n) (UINT64_C(1) << 8 * (n))
#define QUOTE   KIND(0)
#define SLASH   KIND(1)
#define SPACE   KIND(2)
#define SIGN    KIND(3)
#define CONTROL KIND(4)

static const uint64_t kinds[256] = {
    CONTROL,      CONTROL,      CONTROL,         CONTROL,         CONTROL,       CONTROL,       CONTROL,
    CONTROL,      CONTROL,      CONTROL | SPACE, CONTROL | SPACE, CONTROL,       CONTROL,       CONTROL | SPACE,
    CONTROL,      CONTROL,      CONTROL,         CONTROL,         CONTROL,       CONTROL,       CONTROL,
    CONTROL,      CONTROL,      CONTROL,         CONTROL,         CONTROL,       CONTROL,       CONTROL,
    CONTROL,      CONTROL,      CONTROL,         CONTROL,         [' '] = SPACE, ['"'] = QUOTE, ['\\'] = SLASH,
    ['{'] = SIGN, ['}'] = SIGN, ['['] = SIGN,    [']'] = SIGN,    [':'] = SIGN,  [','] = SIGN,
};

static inline void look_plain(const uint8_t *p, struct json_bytes *b) {
    *b = (struct json_bytes){0};
    for (unsigned at = 0; at < JSON_BLOCK; at += 8, p += 8) {
        uint64_t masks = kinds[p[0]] | kinds[p[1]] << 1 | kinds[p[2]] << 2 | kinds[p[3]] << 3 | kinds[p[4]] << 4 |
                         kinds[p[5]] << 5 | kinds[p[6]] << 6 | kinds[p[7]] << 7;
        b->quotes |= (masks & 0xFF) << at;
        b->slashes |= (masks >> 8 & 0xFF) << at;
        b->spaces |= (masks >> 16 & 0xFF) << at;
        b->signs |= (masks >> 24 & 0xFF) << at;
        b->controls |= (masks >> 32 & 0xFF) << at;
        b->others |= (p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) & 0x80;
    }
}

/* ---- marks ---- */

/* The backslashes that begin an escape: those that no other one is before. `*escaped`: what is behind them. */
static uint64_t find_escapes(struct json_marks *m, uint64_t slashes, uint64_t *escaped) {
    uint64_t begin = 0;
    *escaped = m->escaped;
    m->escaped = 0;
    for (uint64_t rest = slashes & ~*escaped; rest;) {
        uint64_t first = rest & -rest;
        begin |= first;
        *escaped |= first << 1;
        m->escaped = first >> 63;
        rest &= ~(first | first << 1);
    }
    return begin;
}

/* Each bit: how many are set up to it, odd or even. */
static inline uint64_t turn_over_plain(uint64_t bits) {
    for (unsigned step = 1; step < 64; step *= 2) bits ^= bits << step;
    return bits;
}

typedef void looker(const uint8_t *p, struct json_bytes *b);
typedef uint64_t turner(uint64_t bits);

INLINE uint64_t mark(struct json_marks *m, const struct json_bytes *b, uint64_t valid, turner turn_over) {
    uint64_t escapes = 0, escaped = 0;
    if (b->slashes | m->escaped) escapes = find_escapes(m, b->slashes, &escaped);
    uint64_t quotes = b->quotes & ~escaped;
    uint64_t in_string = turn_over(quotes) ^ m->in_string; /* the opening quote is, the closing one is not */
    uint64_t word = valid & ~(b->signs | b->spaces | quotes | in_string);
    uint64_t begins = word & ~(word << 1 | m->in_word);
    m->in_string = (uint64_t)((int64_t)in_string >> 63);
    m->in_word = word >> 63;
    m->others |= b->others != 0;
    return valid & (quotes | begins | (b->signs & ~in_string) | (in_string & (escapes | b->controls)));
}

static inline void shift(struct json_bytes *b, size_t n) {
    b->quotes >>= n;
    b->slashes >>= n;
    b->spaces >>= n;
    b->signs >>= n;
    b->controls >>= n;
}

/* What the last bytes of the text are, less than a block: of the block that ends with them, or of a copy. */
INLINE void look_at_last(const struct json_marks *m, bool is_only, size_t n, struct json_bytes *b, looker look) {
    uint8_t own[JSON_BLOCK] = {0};
    if (is_only) {
        look(memcpy(own, m->block, n), b);
    } else {
        look(m->end - JSON_BLOCK, b);
        shift(b, JSON_BLOCK - n);
    }
}

/* json_marks_next, made twice of this. */
INLINE uint64_t next_block(struct json_marks *m, looker look, turner turn_over) {
    struct json_bytes b;
    uint64_t marks;
    do {
        bool is_only = !m->block;
        size_t n = (size_t)(m->end - m->next);
        m->block = m->next;
        if (n == 0) return 1;
        if (n >= JSON_BLOCK) {
            m->next += JSON_BLOCK;
            look(m->block, &b);
            marks = mark(m, &b, UINT64_MAX, turn_over);
        } else {
            m->next = m->end;
            look_at_last(m, is_only, n, &b, look);
            marks = mark(m, &b, (UINT64_C(1) << n) - 1, turn_over);
        }
    } while (!marks);
    return marks;
}

/* ---- the same by vector units ---- */

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,pclmul")))

/* Sixteen entries by the lower half of a byte, twice: a look-up happens in each half of a register. */
#define TABLE(...) _mm256_setr_epi8(__VA_ARGS__, __VA_ARGS__)

AVX2 static inline uint64_t bits_of(__m256i a, __m256i b) {
    return (uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b) << 32;
}

AVX2 static inline __m256i is(__m256i bytes, char c) { return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c)); }

/* An entry is the one byte that counts of those that have its lower half; where there is none, a byte of another half.
 */
AVX2 static inline __m256i is_space(__m256i bytes) {
    const __m256i table = TABLE(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    return _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(table, bytes));
}

/* Brackets and braces differ by 0x20; so do, from a comma and a colon, two control characters. */
AVX2 static inline __m256i is_sign(__m256i bytes) {
    const __m256i table = TABLE(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0);
    return _mm256_cmpeq_epi8(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), _mm256_shuffle_epi8(table, bytes));
}

AVX2 static inline __m256i is_control(__m256i bytes) {
    return is(_mm256_max_epu8(bytes, _mm256_set1_epi8(0x1F)), 0x1F);
}

AVX2 static inline void look_avx2(const uint8_t *p, struct json_bytes *b) {
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    b->quotes = bits_of(is(low, '"'), is(high, '"'));
    b->slashes = bits_of(is(low, '\\'), is(high, '\\'));
    b->spaces = bits_of(is_space(low), is_space(high));
    b->controls = bits_of(is_control(low), is_control(high));
    b->signs = bits_of(is_sign(low), is_sign(high)) & ~b->controls;
    b->others = bits_of(low, high);
}

/* A product without carries, by all ones. */
AVX2 static inline uint64_t turn_over_avx2(uint64_t bits) {
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

AVX2 static uint64_t next_avx2(struct json_marks *m) { return next_block(m, look_avx2, turn_over_avx2); }

static bool has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul"); }
#else
#define has_avx2() false
#define next_avx2  json_marks_next_plain
#endif

uint64_t json_marks_next_plain(struct json_marks *m) { return next_block(m, look_plain, turn_over_plain); }

uint64_t json_marks_next(struct json_marks *m) { return has_avx2() ? next_avx2(m) : json_marks_next_plain(m); }

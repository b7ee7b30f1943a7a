/* json_write: what is common is cheap: a string without escapes is one copy, a number of few digits one division. */
#include "base/json_write.h"

#include "base/err.h"
#include "base/number.h"
#include "base/shown.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* ---- strings ---- */

/* How each byte is written: 0: as it is; 'u': as \u00XX; else behind a backslash as this. */
static const char escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    [0x00] = 'u', [0x01] = 'u',  [0x02] = 'u', [0x03] = 'u', [0x04] = 'u', [0x05] = 'u', [0x06] = 'u',
    [0x07] = 'u', [0x0B] = 'u',  [0x0E] = 'u', [0x0F] = 'u', [0x10] = 'u', [0x11] = 'u', [0x12] = 'u',
    [0x13] = 'u', [0x14] = 'u',  [0x15] = 'u', [0x16] = 'u', [0x17] = 'u', [0x18] = 'u', [0x19] = 'u',
    [0x1A] = 'u', [0x1B] = 'u',  [0x1C] = 'u', [0x1D] = 'u', [0x1E] = 'u', [0x1F] = 'u',
};

/* How many bytes at the front of `p` go as they are, sixteen at a time, which are copied to `to`; both have room for
 * sixteen more than that. */
static size_t copy_plain(uint8_t *to, const uint8_t *p, size_t n) {
    size_t done = 0;
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    for (; n - done >= 16; done += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + done));
        __m128i is_control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control);
        __m128i found =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)), is_control);
        if (_mm_movemask_epi8(found)) break;
        _mm_storeu_si128((__m128i *)(void *)(to + done), bytes);
    }
#else
    (void)to, (void)p, (void)n;
#endif
    return done;
}

static uint8_t *put_escape(uint8_t *to, uint8_t c) {
    static const char digits[] = "0123456789abcdef";
    *to++ = '\\';
    *to++ = (uint8_t)escapes[c];
    if (escapes[c] != 'u') return to;
    *to++ = '0';
    *to++ = '0';
    *to++ = (uint8_t)digits[c >> 4];
    *to++ = (uint8_t)digits[c & 15];
    return to;
}

static uint8_t *put_bytes(uint8_t *to, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t plain = copy_plain(to, p + i, n - i);
        to += plain;
        i += plain;
        for (size_t stop = n - i < 16 ? n : i + 16; i < stop; i++) { /* the last, or those with one to be escaped */
            if (escapes[p[i]])
                to = put_escape(to, p[i]);
            else
                *to++ = p[i];
        }
    }
    return to;
}

int json_put_string(struct buf *out, struct slice text) {
    enum { PART = 4096, ESCAPE_MOST = 6 }; /* bytes: of a text at a time, and of an escape */
    bool begins = true;
    do {
        size_t n = text.n < PART ? text.n : PART, most = n * ESCAPE_MOST + 2;
        uint8_t *to = buf_reserve(out, most), *at = to;
        if (!to) return buf_fits(out, most) ? ERR_NOMEM : ERR_FULL;
        if (begins) *at++ = '"';
        begins = false;
        at = put_bytes(at, text.p, n);
        text = slice_skip(text, n);
        if (text.n == 0) *at++ = '"';
        buf_commit(out, (size_t)(at - to));
    } while (text.n);
    return 0;
}

void json_put_shown(struct buf *out, struct slice text) {
    buf_append(out, slice_str("\""));
    while (text.n) {
        uint32_t code = 0;
        size_t n = shown_character(text, &code);
        uint8_t c = text.p[0];
        if (n == 0)
            buf_append(out, slice_str("\xEF\xBF\xBD"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\t')
            buf_printf(out, "\\%c", c == '\n' ? 'n' : 't');
        else if (!shown_is_harmless(code))
            buf_printf(out, "\\u%04x", (unsigned)code); /* all of these are below U+10000 */
        else
            buf_append(out, slice_head(text, n));
        text = slice_skip(text, n ? n : 1);
    }
    buf_append(out, slice_str("\""));
}

/* ---- numbers ---- */

/* Writes the digits of `n` so that they end at `end`. Returns where they begin. */
static char *write_digits(char *end, uint64_t n) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    for (; n >= 100; n /= 100) memcpy(end -= 2, &pairs[n % 100 * 2], 2);
    if (n >= 10)
        memcpy(end -= 2, &pairs[n * 2], 2);
    else
        *--end = (char)('0' + n);
    return end;
}

int json_put_integer(struct buf *out, int64_t n) {
    char text[24], *end = text + sizeof text;
    char *from = write_digits(end, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    if (n < 0) *--from = '-';
    return buf_append(out, slice_of(from, (size_t)(end - from)));
}

/* A value with few decimals, as prices are: the fewest of them that give it back, as the quotient of two numbers that
 * doubles hold exactly is rounded once. False: it is none. */
static bool put_decimal(struct buf *out, double value, int *rc) {
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const double most = 9007199254740992; /* 2^53 */
    double size = fabs(value);
    if (!NUMBER_ROUNDS_ONCE || size >= 1e15 || (size < 1e-5 && size != 0)) return false;
    for (int decimals = 0; decimals < 16; decimals++) {
        double scaled = nearbyint(size * powers[decimals]);
        if (scaled > most) return false;
        if (scaled / powers[decimals] != size) continue;
        char text[40], *end = text + sizeof text, *from = write_digits(end, (uint64_t)scaled);
        while (end - from <= decimals) *--from = '0';
        if (decimals) {
            memmove(from - 1, from, (size_t)(end - from - decimals));
            from--;
            end[-decimals - 1] = '.';
        }
        if (signbit(value)) *--from = '-';
        *rc = buf_append(out, slice_of(from, (size_t)(end - from)));
        return true;
    }
    return false;
}

/* The fewest digits that give a value back, without zeros at their end, and the power of ten of the first of them. */
static int shortest(double value, char digits[20], int *exponent) {
    char text[40];
    double back = 0;
    /* of fifteen digits the last may be zeros; subnormal doubles may have less that count; seventeen always do */
    for (int n = value < DBL_MIN ? 1 : DBL_DIG; n <= 17; n++) {
        number_print(text, sizeof text, "%.*e", n - 1, value);
        if (number_read(text, &back) && back == value) break;
    }
    int n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.') digits[n++] = *p;
    *exponent = atoi(p + 1);
    while (n > 1 && digits[n - 1] == '0') n--;
    return n;
}

/* As numbers are usually written: 0.001, 120, 1.5e300. Where zeros would stand for digits that are not known it is the
 * last: the text is read as an integer else, and as another one. */
static int put_shortest(struct buf *out, double value) {
    char digits[20], text[40], *to = text;
    int exponent, n = shortest(fabs(value), digits, &exponent);
    if (signbit(value)) *to++ = '-';
    if (exponent >= -6 && exponent < 0) { /* 0.00123 */
        *to++ = '0', *to++ = '.';
        for (int i = -1; i > exponent; i--) *to++ = '0';
        memcpy(to, digits, (size_t)n), to += n;
    } else if (exponent >= 0 && exponent <= 15) { /* 12.3, 1200 */
        for (int i = 0; i < n || i <= exponent; i++) {
            if (i == exponent + 1) *to++ = '.';
            *to++ = i < n ? digits[i] : '0';
        }
    } else { /* 1.23e300 */
        *to++ = digits[0];
        if (n > 1) *to++ = '.', memcpy(to, digits + 1, (size_t)n - 1), to += n - 1;
        to += snprintf(to, 8, "e%d", exponent);
    }
    return buf_append(out, slice_of(text, (size_t)(to - text)));
}

int json_put_real(struct buf *out, double value) {
    int rc;
    return put_decimal(out, value, &rc) ? rc : put_shortest(out, value);
}

/* json_read: strings sixteen bytes at a time, where the processor has a vector unit that is always there. */
#include "base/json_read.h"

#include "base/err.h"
#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const uint8_t *wrong(struct json_fault *fault, const uint8_t *at, const char *why) {
    *fault = (struct json_fault){why, at};
    return NULL;
}

/* ---- strings ---- */

/* Where the next byte is that ends a string, begins an escape or may not stand there: '"', '\\' or a control character,
 * of which the NUL at the end of the text is one. */
static const uint8_t *special(const uint8_t *p, const uint8_t *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1F);
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i is_control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control);
        __m128i found =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)), is_control);
        unsigned mask = (unsigned)_mm_movemask_epi8(found);
        if (mask) return p + __builtin_ctz(mask);
        p += 16;
    }
#endif
    (void)end;
    while (*p >= 0x20 && *p != '"' && *p != '\\') p++;
    return p;
}

const uint8_t *json_string_end(const uint8_t *p, const uint8_t *end, bool *escapes, struct json_fault *fault) {
    *escapes = false;
    for (;;) {
        p = special(p, end);
        if (*p == '"') return p;
        if (*p == '\\' && p + 1 < end) {
            *escapes = true;
            p += 2;
        } else if (p >= end || *p == '\\') {
            return wrong(fault, end, "the text ends within a string");
        } else {
            return wrong(fault, p, "a control character in a string must be escaped");
        }
    }
}

static int hex_digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits at `p`; -1: they are none. */
static int32_t hex_4(const uint8_t *p) {
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) return -1;
        code = code << 4 | digit;
    }
    return code;
}

static int put_character(struct buf *out, uint32_t code) {
    uint8_t text[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; code >>= 6) text[i] = (uint8_t)(0x80 | (code & 0x3F));
    text[0] = (uint8_t)(lead[n] | code);
    return buf_append(out, slice_of(text, n));
}

/* An escape of \u: `*p` is behind the u, and comes behind all of it. */
static int unescape_code(struct buf *out, const uint8_t **p, struct json_fault *fault) {
    const uint8_t *at = *p - 2;
    int32_t code = hex_4(*p), low;
    if (code < 0) return wrong(fault, at, "\\u must have four hexadecimal digits"), ERR_SYNTAX;
    *p += 4;
    if (code >= 0xD800 && code < 0xDC00 && (*p)[0] == '\\' && (*p)[1] == 'u' && (low = hex_4(*p + 2)) >= 0xDC00 &&
        low < 0xE000) {
        *p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code < 0xE000) return wrong(fault, at, "half a surrogate pair is no character"), ERR_SYNTAX;
    return put_character(out, (uint32_t)code);
}

int json_unescape(struct buf *out, const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    static const char letters[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    int rc = 0;
    while (rc == 0 && p < end) {
        const uint8_t *from = p;
        while (p < end && *p != '\\') p++;
        rc = buf_append(out, slice_of(from, (size_t)(p - from)));
        if (rc < 0 || p == end) return rc;
        const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
        p += 2;
        if (letter)
            rc = buf_append(out, slice_of(&characters[letter - letters], 1));
        else if (p[-1] == 'u')
            rc = unescape_code(out, &p, fault);
        else
            return wrong(fault, p - 2, "this escape is none (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX are)"),
                   ERR_SYNTAX;
    }
    return rc;
}

/* ---- numbers ---- */

static bool is_digit(uint8_t c) { return (uint8_t)(c - '0') <= 9; }

/* What a number is made of: sign, digits without point, and the power of ten that goes with them. */
struct decimal {
    bool negative, has_fraction; /* `has_fraction`: a point or an exponent was written */
    uint64_t digits;             /* the first 19 that count */
    unsigned count;              /* all that count: without zeros in front */
    int64_t exponent;            /* of ten, for `digits` */
};

static void add_digit(struct decimal *d, uint8_t c) {
    if (d->count < 19) d->digits = d->digits * 10 + (c - '0');
    if (d->count > 0 || c != '0') d->count++;
}

/* The digits behind a point, and the exponent. */
static const uint8_t *read_fraction(const uint8_t *p, struct decimal *d, struct json_fault *fault) {
    d->has_fraction = *p == '.' || (*p | 0x20) == 'e';
    if (*p == '.') {
        if (!is_digit(*++p)) return wrong(fault, p, "a digit must follow the point");
        for (; is_digit(*p); p++) {
            if (d->count < 19) d->exponent--;
            add_digit(d, *p);
        }
    }
    if ((*p | 0x20) != 'e') return p;
    bool negative = *++p == '-';
    if (*p == '-' || *p == '+') p++;
    if (!is_digit(*p)) return wrong(fault, p, "a digit must follow the exponent's e");
    int64_t exponent = 0;
    for (; is_digit(*p); p++)
        if (exponent < 100000) exponent = exponent * 10 + (*p - '0');
    d->exponent += negative ? -exponent : exponent;
    return p;
}

/* Exact where both parts are: a product or quotient of two doubles is rounded once (Clinger 1990). */
static bool quick_double(const struct decimal *d, double *out) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->count > 19 || d->digits > UINT64_C(1) << 53 || d->exponent < -22 || d->exponent > 22) return false;
    double whole = (double)d->digits;
    *out = d->exponent < 0 ? whole / powers[-d->exponent] : whole * powers[d->exponent];
    if (d->negative) *out = -*out;
    return true;
}

static double slow_double(const uint8_t *from, const uint8_t *to) {
    char small[64], *text = small;
    size_t n = (size_t)(to - from);
    double value = 0;
    if (n >= sizeof small) text = malloc(n + 1);
    if (!text) return NAN;
    memcpy(text, from, n);
    text[n] = '\0';
    number_read(text, &value);
    if (text != small) free(text);
    return value;
}

const uint8_t *json_number(const uint8_t *p, struct json_number *out, struct json_fault *fault) {
    const uint8_t *from = p;
    struct decimal d = {.negative = *p == '-'};
    p += d.negative;
    if (!is_digit(*p)) return wrong(fault, p, d.negative ? "a digit must follow the minus" : "a value is missing");
    if (*p == '0' && is_digit(p[1])) return wrong(fault, p, "a number must not begin with 0 and another digit");
    for (; is_digit(*p); p++) {
        if (d.count >= 19) d.exponent++;
        add_digit(&d, *p);
    }
    if (*p == '.' || (*p | 0x20) == 'e') {
        p = read_fraction(p, &d, fault);
        if (!p) return NULL;
    }
    uint64_t most = (uint64_t)INT64_MAX + d.negative;
    *out = (struct json_number){0};
    if (!d.has_fraction && d.count <= 19 && d.digits <= most && !(d.negative && d.digits == 0)) {
        out->is_integer = true;
        out->integer = d.negative ? (int64_t)(0 - d.digits) : (int64_t)d.digits;
        return p;
    }
    if (!quick_double(&d, &out->real)) out->real = slow_double(from, p);
    if (isnan(out->real)) return wrong(fault, from, "not enough memory for a number of so many digits");
    return p;
}

bool json_number_loses(const uint8_t *p, const uint8_t *end, double value) {
    enum { MOST = 800 }; /* digits: a double has 767 at the most */
    char digits[MOST + 1], text[MOST + 16];
    int n = 0;
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (!is_digit(*p) || (n == 0 && *p == '0')) continue;
        if (n == MOST) return true;
        digits[n++] = (char)*p;
    }
    if (n == 0) return false; /* zero, however it is written */
    if (n <= 15 && value != 0 && isfinite(value)) return false;
    number_print(text, sizeof text, "%.*e", n - 1, fabs(value));
    return !isfinite(value) || text[0] != digits[0] || memcmp(text + 2, digits + 1, (size_t)n - 1) != 0;
}

/* ---- whatever it is ---- */

const uint8_t *json_literal(const uint8_t *p, struct json_fault *fault) {
    const char *word = *p == 't' ? "true" : *p == 'f' ? "false" : "null";
    for (const char *w = word; *w; w++, p++)
        if (*p != (uint8_t)*w) return wrong(fault, p, "a value is missing (true, false and null are words that are)");
    return p;
}

static const uint8_t *skip_scalar(const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    bool escapes;
    struct json_number number;
    if (*p == '"') {
        p = json_string_end(p + 1, end, &escapes, fault);
        return p ? p + 1 : NULL;
    }
    if (*p == '-' || is_digit(*p)) return json_number(p, &number, fault);
    if (p >= end) return wrong(fault, end, "the text ends where a value should be");
    return json_literal(p, fault);
}

/* The name of a member, and its colon. */
static const uint8_t *skip_name(const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    bool escapes;
    if (*p != '"') return wrong(fault, p, "the name of a member must be a string");
    p = json_string_end(p + 1, end, &escapes, fault);
    if (!p) return NULL;
    p = json_space(p + 1);
    if (*p != ':') return wrong(fault, p, "a colon must follow the name of a member");
    return json_space(p + 1);
}

const uint8_t *json_skip(const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    uint8_t closes[JSON_DEPTH_MOST];
    unsigned depth = 0;
    for (;;) {
        if (*p == '{' || *p == '[') {
            if (depth == JSON_DEPTH_MOST) return wrong(fault, p, "arrays and objects are nested too deeply");
            uint8_t close = *p == '{' ? '}' : ']';
            p = json_space(p + 1);
            if (*p != close) {
                closes[depth++] = close;
                if (close == '}' && !(p = skip_name(p, end, fault))) return NULL;
                continue;
            }
            p++;
        } else if (!(p = skip_scalar(p, end, fault))) {
            return NULL;
        }
        while (depth) {
            p = json_space(p);
            if (*p == ',') break;
            if (*p != closes[depth - 1])
                return wrong(fault, p, "a comma, or the end of what is open, must follow a value");
            p++;
            depth--;
        }
        if (!depth) return p;
        p = json_space(p + 1);
        if (closes[depth - 1] == '}' && !(p = skip_name(p, end, fault))) return NULL;
    }
}

void json_place(const uint8_t *text, const uint8_t *at, size_t *line, size_t *column) {
    const uint8_t *begins = text;
    *line = 1;
    for (const uint8_t *p = text; p < at; p++) {
        if (*p != '\n') continue;
        ++*line;
        begins = p + 1;
    }
    *column = (size_t)(at - begins) + 1;
}

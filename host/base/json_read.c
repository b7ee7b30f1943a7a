/* json_read: tokens by their marks; of what has no marks, numbers and escapes, each byte. Why it is not simdjson is
 * told in tests/bench/README.md. */
#include "base/json_read.h"

#include "base/err.h"
#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char json_too_deep[] = "arrays and objects are nested too deeply";

static const uint8_t *wrong(struct json_source *s, const uint8_t *at, const char *why) {
    json_refuse(s, at, why);
    return NULL;
}

bool json_refuse_string(struct json_source *s, const uint8_t *at) {
    if (at == s->marks.end) return json_refuse(s, at, "the text ends within a string");
    return json_refuse(s, at, "a control character in a string must be escaped");
}

bool json_refuse_more(struct json_source *s, const uint8_t *at, uint8_t close) {
    if (at == s->marks.end) return json_refuse(s, at, "the text ends within an array or object");
    return json_refuse(s, at, close == ']' ? "a comma or ] must follow" : "a comma or } must follow");
}

bool json_refuse_word(struct json_source *s, const uint8_t *at) {
    return json_refuse(s, at, "the value has ended: this cannot follow");
}

/* ---- strings ---- */

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

static int no_escape(struct json_fault *fault, const uint8_t *at, const char *why) {
    *fault = (struct json_fault){why, at};
    return ERR_SYNTAX;
}

/* An escape of \u: `*p` is behind the u, and comes behind all of it. */
static int unescape_code(struct buf *out, const uint8_t **p, struct json_fault *fault) {
    const uint8_t *at = *p - 2;
    int32_t code = hex_4(*p), low;
    if (code < 0) return no_escape(fault, at, "\\u must have four hexadecimal digits");
    *p += 4;
    if (code >= 0xD800 && code < 0xDC00 && (*p)[0] == '\\' && (*p)[1] == 'u' && (low = hex_4(*p + 2)) >= 0xDC00 &&
        low < 0xE000) {
        *p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    if (code >= 0xD800 && code < 0xE000) return no_escape(fault, at, "half a surrogate pair is no character");
    return put_character(out, (uint32_t)code);
}

int json_unescape(struct buf *out, const struct json_string *string, struct json_fault *fault) {
    static const char letters[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    const uint8_t *p = string->p, *end = p + string->n;
    int rc = 0;
    while (rc == 0 && p < end) {
        const uint8_t *from = p, *slash = memchr(p, '\\', (size_t)(end - p));
        p = slash ? slash : end;
        rc = buf_append(out, slice_of(from, (size_t)(p - from)));
        if (rc < 0 || p == end) return rc;
        const char *letter = p[1] ? strchr(letters, p[1]) : NULL;
        p += 2;
        if (letter)
            rc = buf_append(out, slice_of(&characters[letter - letters], 1));
        else if (p[-1] == 'u')
            rc = unescape_code(out, &p, fault);
        else
            return no_escape(fault, p - 2, "this escape is none (\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX are)");
    }
    return rc;
}

/* ---- numbers ---- */

static bool is_digit(uint8_t c) { return (uint8_t)(c - '0') <= 9; }

/* Eight bytes of a text, the first in the lowest. */
static uint64_t load_8(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static const uint8_t *skip_digits(const struct json_source *s, const uint8_t *p) {
    for (; s->marks.end - p >= 8; p += 8) {
        uint64_t values = load_8(p) ^ UINT64_C(0x3030303030303030);
        /* the highest bit of a byte above 9; a carry spoils only those behind the first such byte */
        uint64_t others = (values | (values + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080);
        if (others) return p + __builtin_ctzll(others) / 8;
    }
    while (is_digit(*p)) p++;
    return p;
}

/* The value of `n` digits, 19 at the most: by eights, of which neighbours are joined: to pairs, fours and the whole. */
static uint64_t value_of_digits(const uint8_t *p, size_t n) {
    uint64_t value = 0;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word = load_8(p) & UINT64_C(0x0F0F0F0F0F0F0F0F);
        word = (word * (1 + (10 << 8)) >> 8) & UINT64_C(0x00FF00FF00FF00FF);
        word = (word * (1 + (100 << 16)) >> 16) & UINT64_C(0x0000FFFF0000FFFF);
        word = word * (1 + (UINT64_C(10000) << 32)) >> 32;
        value = value * 100000000 + word;
    }
    for (; n; n--, p++) value = value * 10 + (uint64_t)(*p - '0');
    return value;
}

/* What a number is made of: sign, digits without point, and the power of ten that goes with them. */
struct decimal {
    bool negative;
    uint64_t digits;  /* the first 19 that count */
    unsigned count;   /* all that count: without zeros in front */
    int64_t exponent; /* of ten, for `digits` */
};

static void add_digit(struct decimal *d, uint8_t c) {
    if (d->count < 19) d->digits = d->digits * 10 + (c - '0');
    if (d->count > 0 || c != '0') d->count++;
}

/* The digits behind a point, and the exponent. */
static const uint8_t *read_fraction(struct json_source *s, const uint8_t *p, struct decimal *d) {
    if (*p == '.') {
        if (!is_digit(*++p)) return wrong(s, p, "a digit must follow the point");
        for (; is_digit(*p); p++) {
            if (d->count < 19) d->exponent--;
            add_digit(d, *p);
        }
    }
    if ((*p | 0x20) != 'e') return p;
    bool negative = *++p == '-';
    if (*p == '-' || *p == '+') p++;
    if (!is_digit(*p)) return wrong(s, p, "a digit must follow the exponent's e");
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
    if (!NUMBER_ROUNDS_ONCE || d->count > 19 || d->digits > UINT64_C(1) << 53 || d->exponent < -22 || d->exponent > 22)
        return false;
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

/* An integer of 64 bits; NULL: it is none, or something else than a digit follows. -0 is none. */
static const uint8_t *read_integer(const struct json_source *s, const uint8_t *p, int64_t *out) {
    bool negative = *p == '-';
    const uint8_t *from = p + negative, *behind = skip_digits(s, from);
    size_t n = (size_t)(behind - from);
    if (n == 0 || n > 19 || (*from == '0' && (n > 1 || negative))) return NULL;
    if (*behind == '.' || (*behind | 0x20) == 'e') return NULL;
    uint64_t value = value_of_digits(from, n);
    if (value > (uint64_t)INT64_MAX + negative) return NULL;
    *out = (int64_t)(negative ? 0 - value : value);
    return behind;
}

static const uint8_t *read_real(struct json_source *s, const uint8_t *p, double *out) {
    const uint8_t *from = p;
    struct decimal d = {.negative = *p == '-'};
    p += d.negative;
    if (!is_digit(*p)) return wrong(s, p, d.negative ? "a digit must follow the minus" : "a value is missing");
    if (*p == '0' && is_digit(p[1])) return wrong(s, p, "a number must not begin with 0 and another digit");
    for (; is_digit(*p); p++) {
        if (d.count >= 19) d.exponent++;
        add_digit(&d, *p);
    }
    p = read_fraction(s, p, &d);
    if (!p) return NULL;
    if (!quick_double(&d, out)) *out = slow_double(from, p);
    if (isnan(*out)) return wrong(s, from, "not enough memory for a number of so many digits");
    return p;
}

const uint8_t *json_number(struct json_source *s, const uint8_t *p, struct json_number *out) {
    *out = (struct json_number){.is_integer = true};
    const uint8_t *behind = read_integer(s, p, &out->integer);
    if (behind) return behind;
    out->is_integer = false;
    return read_real(s, p, &out->real);
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

const uint8_t *json_literal(struct json_source *s, const uint8_t *p) {
    const char *word = *p == 't' ? "true" : *p == 'f' ? "false" : "null";
    if (p == s->marks.end) return wrong(s, p, "the text ends where a value should be");
    for (const char *w = word; *w; w++, p++)
        if (*p != (uint8_t)*w) return wrong(s, p, "this is no value");
    return p;
}

const uint8_t *json_word_end(struct json_source *s, const uint8_t *p) {
    struct json_number number;
    if (*p != '-' && !is_digit(*p)) return json_literal(s, p);
    const uint8_t *behind = skip_digits(s, p);
    bool plain = *p != '0' && behind > p && *behind != '.' && (*behind | 0x20) != 'e';
    return plain ? behind : json_number(s, p, &number);
}

bool json_pass_rest(struct json_reader *reader, uint8_t close) {
    struct json_reader r = *reader; /* in registers */
    struct json_string name;
    uint8_t closes[JSON_DEPTH_MOST + 1]; /* by depth */
    unsigned first = r.source->depth, *depth = &r.source->depth;
    closes[first] = close;
    for (;;) {
        bool more;
        uint8_t inner;
        if (close == '}' && !json_name(&r, &name)) return false;
        if (json_opens(&r)) {
            if (!json_enter(&r, &inner, &more)) return false;
            if (more) {
                closes[*depth] = close = inner;
                continue;
            }
        } else if (!json_pass_scalar(&r)) {
            return false;
        }
        do {
            if (!json_more(&r, closes[*depth], &more)) return false;
        } while (!more && *depth >= first);
        if (!more) break;
        close = closes[*depth];
    }
    *reader = r;
    return true;
}

bool json_pass(struct json_reader *r) {
    uint8_t close;
    bool more;
    if (!json_opens(r)) return json_pass_scalar(r);
    return json_enter(r, &close, &more) && (!more || json_pass_rest(r, close));
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

/* slice: borrowed bytes. A pointer and a length; it never owns the bytes, and promises no NUL behind them. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n) { return (struct slice){(const uint8_t *)p, n}; }

/* The bytes of a C string, without its NUL. NULL gives the empty slice. */
static inline struct slice slice_str(const char *s) { return slice_of(s, s ? strlen(s) : 0); }

/* `s` without its first `n` bytes; `n` is at most `s.n`. */
static inline struct slice slice_skip(struct slice s, size_t n) { return s.p ? slice_of(s.p + n, s.n - n) : s; }

/* The first `n` bytes of `s`, or all of it where it is shorter. */
static inline struct slice slice_head(struct slice s, size_t n) { return slice_of(s.p, n < s.n ? n : s.n); }

static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for the case of ASCII letters, whatever the locale. */
static inline bool slice_eq_nocase(struct slice a, struct slice b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++) {
        uint8_t x = a.p[i], lower = x | 0x20;
        if (x != b.p[i] && (lower != (b.p[i] | 0x20) || lower < 'a' || lower > 'z')) return false;
    }
    return true;
}

/* `s` without spaces and tabs at its ends (RFC 9110 5.6.3, OWS). */
static inline struct slice slice_trim(struct slice s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = slice_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) s.n--;
    return s;
}

/* Takes the part before the first `sep` off the front of `*rest` (all of it where there is none). False when nothing is
 * left. */
static inline bool slice_split(struct slice *rest, char sep, struct slice *part) {
    if (!rest->p) return false;
    const uint8_t *at = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
    if (at) {
        *part = slice_of(rest->p, (size_t)(at - rest->p));
        *rest = slice_skip(*rest, part->n + 1);
    } else {
        *part = *rest;
        *rest = slice_of(NULL, 0);
    }
    return true;
}

/* printf("%.*s", SLICE_ARGS(s)) */
#define SLICE_ARGS(s) (int)(s).n, (const char *)((s).p ? (s).p : (const uint8_t *)"")

#endif

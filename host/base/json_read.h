/* json_read: JSON text (RFC 8259), read where it stands. Nothing is built or copied here: the caller goes from token to
 * token, and makes of them what it likes. A text has a NUL at its end, as the strings of Lua and C have: no token goes
 * past it. That it is UTF-8 is for the caller to check, once for all of it (wire/utf8.h). */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "base/buf.h"

enum { JSON_DEPTH_MOST = 1000 }; /* arrays and objects within each other */

/* What is wrong with a text, and where. `why` is a literal; NULL: nothing. */
struct json_fault {
    const char *why;
    const uint8_t *at;
};

/* The first byte that is no white space (RFC 8259 2). */
static inline const uint8_t *json_space(const uint8_t *p) {
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p++;
    return p;
}

/* Reads on from behind the opening quote of a string: returns its closing quote, and in `*escapes` whether there is a
 * backslash before it. NULL with a fault. `end` is where the NUL is. */
const uint8_t *json_string_end(const uint8_t *p, const uint8_t *end, bool *escapes, struct json_fault *fault);

/* Appends the characters of a string that json_string_end has found, as UTF-8. 0, ERR_FULL, ERR_NOMEM, or ERR_SYNTAX
 * with a fault: an escape that is none, or half a surrogate pair, which is no character. */
int json_unescape(struct buf *out, const uint8_t *p, const uint8_t *end, struct json_fault *fault);

/* A number (RFC 8259 6). */
struct json_number {
    bool is_integer; /* of 64 bits; -0 is none */
    int64_t integer;
    double real;
};

/* Reads one. Returns what is behind it, or NULL with a fault. */
const uint8_t *json_number(const uint8_t *p, struct json_number *out, struct json_fault *fault);

/* Is `value`, read from that text, another number than the text says, to its last digit? */
bool json_number_loses(const uint8_t *p, const uint8_t *end, double value);

/* Reads true, false or null: returns what is behind it, or NULL with a fault. */
const uint8_t *json_literal(const uint8_t *p, struct json_fault *fault);

/* Passes over a value, which is checked: but for escapes, of which only the letters are. */
const uint8_t *json_skip(const uint8_t *p, const uint8_t *end, struct json_fault *fault);

/* Line and column, in bytes, from 1, of a place in a text. */
void json_place(const uint8_t *text, const uint8_t *at, size_t *line, size_t *column);

#endif

/* json_read: JSON text (RFC 8259), read where it stands, from mark to mark (base/json_marks.h). Nothing is built or
 * copied here: whoever reads goes from token to token, and makes of them what he likes. A text has a NUL at its end, as
 * the strings of Lua and C have, or is a value within a text that has been read. That it is UTF-8 is for the caller to
 * check, once for all of it (wire/utf8.h), where there is any need for it (json_is_ascii).
 *
 *     if (!json_enter(&r, &close, &more)) return false;        at a bracket
 *     while (more) {
 *         if (close == '}' && !json_name(&r, &name)) return false;
 *         if (!json_pass(&r)) return false;                    or what is to be done with the value
 *         if (!json_more(&r, close, &more)) return false;
 *     } */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "base/buf.h"
#include "base/json_marks.h"

enum { JSON_DEPTH_MOST = 1000 }; /* arrays and objects within each other */

/* What is wrong with a text, and where. `why` is a literal; NULL: nothing. */
struct json_fault {
    const char *why;
    const uint8_t *at;
};

/* What is read. */
struct json_source {
    struct json_marks marks;
    struct json_fault fault;
    unsigned depth; /* arrays and objects that have been entered, and not left */
};

/* Where in it. Small, so that a function that reads much can have its own copy, in registers. */
struct json_reader {
    const uint8_t *p; /* a mark; at the end of the text: that */
    uint64_t marks;   /* those of the block that are behind it */
    struct json_source *source;
};

/* A string: its bytes, as they are written between its quotes. */
struct json_string {
    const uint8_t *p;
    size_t n;
    bool escapes; /* are there any in it? */
};

#define JSON_INLINE static inline __attribute__((always_inline))

/* To the next mark. */
JSON_INLINE void json_next(struct json_reader *r) {
    if (!r->marks) r->marks = json_marks_next(&r->source->marks);
    r->p = r->source->marks.block + (unsigned)__builtin_ctzll(r->marks);
    r->marks &= r->marks - 1;
}

/* At the first mark of a text. */
static inline struct json_reader json_begin(struct json_source *s, struct slice text) {
    struct json_reader r = {.source = s};
    *s = (struct json_source){.marks = json_marks_of(text.p, text.p + text.n)};
    json_next(&r);
    return r;
}

static inline bool json_is_over(const struct json_reader *r) { return r->p == r->source->marks.end; }

/* Were all bytes that have been read ASCII? */
static inline bool json_is_ascii(const struct json_source *s) { return !s->marks.others; }

extern const char json_too_deep[];

/* Notes a fault, and says false: any; that of a string, of what follows a value, and of a word that goes on. */
static inline bool json_refuse(struct json_source *s, const uint8_t *at, const char *why) {
    s->fault = (struct json_fault){why, at};
    return false;
}
bool json_refuse_string(struct json_source *s, const uint8_t *at);
bool json_refuse_more(struct json_source *s, const uint8_t *at, uint8_t close);
bool json_refuse_word(struct json_source *s, const uint8_t *at);

/* The first byte that is no white space (RFC 8259 2). */
static inline const uint8_t *json_space(const uint8_t *p) {
    while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p++;
    return p;
}

/* At the opening quote of a string: to its closing quote. */
JSON_INLINE bool json_string(struct json_reader *r, struct json_string *s) {
    s->p = r->p + 1;
    json_next(r);
    s->escapes = *r->p == '\\';
    while (*r->p == '\\') json_next(r);
    s->n = (size_t)(r->p - s->p);
    return *r->p == '"' || json_refuse_string(r->source, r->p);
}

/* The name of a member: to its value. */
JSON_INLINE bool json_name(struct json_reader *r, struct json_string *name) {
    if (*r->p != '"') return json_refuse(r->source, r->p, "the name of a member must be a string");
    if (!json_string(r, name)) return false;
    json_next(r);
    if (*r->p != ':') return json_refuse(r->source, r->p, "a colon must follow the name of a member");
    json_next(r);
    return true;
}

static inline bool json_opens(const struct json_reader *r) { return (*r->p | 0x20) == '{'; }

/* At the opening bracket of an array or object: to what is first in it; where `*more` is false, behind its end. */
JSON_INLINE bool json_enter(struct json_reader *r, uint8_t *close, bool *more) {
    if (r->source->depth == JSON_DEPTH_MOST) return json_refuse(r->source, r->p, json_too_deep);
    *close = (uint8_t)(*r->p + 2); /* of '[' it is ']', and of '{' '}' */
    json_next(r);
    *more = *r->p != *close;
    if (*more)
        r->source->depth++;
    else
        json_next(r);
    return true;
}

/* Behind a value that is within others: to the next one, or, where `*more` is false, behind the closing bracket. */
JSON_INLINE bool json_more(struct json_reader *r, uint8_t close, bool *more) {
    *more = *r->p == ',';
    if (!*more) {
        if (*r->p != close) return json_refuse_more(r->source, r->p, close);
        r->source->depth--;
    }
    json_next(r);
    return true;
}

/* At a number, true, false or null, which has been read up to `behind`; NULL: it has a fault. To the next mark. */
JSON_INLINE bool json_leave(struct json_reader *r, const uint8_t *behind) {
    if (!behind) return false;
    json_next(r);
    return r->p == behind || r->p == json_space(behind) || json_refuse_word(r->source, behind);
}

/* What is behind a number, true, false or null; NULL with a fault: it is none of them. */
const uint8_t *json_word_end(struct json_source *s, const uint8_t *p);

/* Passes over a value that has no others in it. It is checked, but for escapes. */
JSON_INLINE bool json_pass_scalar(struct json_reader *r) {
    struct json_string string;
    if (*r->p != '"') return json_leave(r, json_word_end(r->source, r->p));
    if (!json_string(r, &string)) return false;
    json_next(r);
    return true;
}

/* The same for any value; and for the rest of an array or object that was entered, from where a name or value begins to
 * behind the closing bracket. */
bool json_pass(struct json_reader *r);
bool json_pass_rest(struct json_reader *r, uint8_t close);

/* Appends the characters of a string, as UTF-8. 0, ERR_FULL, ERR_NOMEM, or ERR_SYNTAX with a fault: an escape that is
 * none, or half a surrogate pair, which is no character. */
int json_unescape(struct buf *out, const struct json_string *string, struct json_fault *fault);

/* A number (RFC 8259 6). */
struct json_number {
    bool is_integer; /* of 64 bits; -0 is none */
    int64_t integer;
    double real;
};

/* Reads one. Returns what is behind it, or NULL with a fault. */
const uint8_t *json_number(struct json_source *s, const uint8_t *p, struct json_number *out);

/* Is `value`, read from that text, another number than the text says, to its last digit? */
bool json_number_loses(const uint8_t *p, const uint8_t *end, double value);

/* Reads true, false or null: returns what is behind it, or NULL with a fault. */
const uint8_t *json_literal(struct json_source *s, const uint8_t *p);

/* Line and column, in bytes, from 1, of a place in a text. */
void json_place(const uint8_t *text, const uint8_t *at, size_t *line, size_t *column);

#endif

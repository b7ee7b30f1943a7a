/* json_marks: where the tokens of a JSON text are. Sixty-four bytes become as many bits, all at once, and who reads the
 * text goes from bit to bit: strings, white space and digits cost nothing for each of their bytes. */
#ifndef BASE_JSON_MARKS_H
#define BASE_JSON_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_BLOCK = 64 }; /* bytes: a bit for each */

/* A text, and how far it is marked. */
struct json_marks {
    const uint8_t *block;        /* that is marked; NULL: none yet */
    const uint8_t *next, *end;   /* the one behind it; the end of the text */
    uint64_t in_string, in_word; /* does the next block begin within one: all bits, the lowest bit */
    uint64_t escaped;            /* the lowest bit: its first byte is behind a backslash */
    bool others;                 /* were there bytes that are not ASCII? */
};

static inline struct json_marks json_marks_of(const uint8_t *text, const uint8_t *end) {
    return (struct json_marks){.next = text, .end = end};
}

/* Marks the next block that has marks, and returns them: of brackets, colons, commas, both quotes of a string, and the
 * first byte of a number, a word, or of what is none of these. Within strings: backslashes that begin an escape, and
 * control characters. At the end of the text it is a block at `end`, whose first bit is set. No byte is read that is
 * not of the text. */
uint64_t json_marks_next(struct json_marks *m);

/* The same without the processor's vector units. */
uint64_t json_marks_next_plain(struct json_marks *m);

#endif

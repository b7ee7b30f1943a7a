/* utf8: is this UTF-8 (RFC 3629)? Incremental: text may come in any pieces, and an error is found at the first byte
 * after which the text cannot be UTF-8. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include "base/slice.h"

/* The state of reading a text. All zero: between two characters. */
struct utf8 {
    uint8_t need;   /* continuation bytes still to come */
    uint8_t lo, hi; /* what the next of them may be, when need > 0 */
};

/* Reads on. False as soon as the text cannot be UTF-8; the state is then of no further use. */
bool utf8_step(struct utf8 *u, struct slice s);

/* The same without the processor's vector units. */
bool utf8_step_plain(struct utf8 *u, struct slice s);

/* Where a text that is not UTF-8 goes wrong: the offset of the first byte that cannot stand where it does; s.n where
 * the text ends within a character. */
size_t utf8_wrong_at(struct slice s);

/* True when the text read so far does not end within a character. */
static inline bool utf8_whole(const struct utf8 *u) { return u->need == 0; }

/* True when all of `s` is UTF-8. */
static inline bool utf8_valid(struct slice s) {
    struct utf8 u = {0};
    return utf8_step(&u, s) && utf8_whole(&u);
}

#endif

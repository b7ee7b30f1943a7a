/* shown: escapes text so that it may be shown. Text of a peer or a script can move the cursor of a terminal, change its
 * colours, ring its bell, reverse the direction of text, or begin a line that looks like one of ours: the characters
 * that do so are written as escapes, all others stay as they are. Every line of the log, text of an error and output to
 * a terminal is escaped here. Escaping a text twice is the same as once. */
#ifndef BASE_SHOWN_H
#define BASE_SHOWN_H

#include "base/buf.h"
#include <stdio.h>

/* Which control characters stay as they are; 0: none. */
enum {
    SHOWN_TABS = 1,
    SHOWN_LINES = 2, /* line ends: where the text may take as many lines as it likes */
    /* Line ends before a tab, as in a traceback, and before its heading: no line of ours begins so, hence none can be
     * forged. */
    SHOWN_TRACEBACK = 4,
};

/* Appends `text`: controls (C0, DEL, C1), marks of direction, the line ends of Unicode and bytes that are no UTF-8 as
 * \n, \x1b or \u{202e}. What does not fit is left out, as buf_append has it: use a buffer without a cap. */
void shown_append(struct buf *out, struct slice text, unsigned keep);

/* The same to a file. */
void shown_write(FILE *to, struct slice text, unsigned keep);

/* Copies `text` to `to`, of `size` bytes, with a NUL behind: an escape that does not fit is left out with all behind
 * it.
 */
void shown_copy(char *to, size_t size, struct slice text, unsigned keep);

/* The size in bytes of the UTF-8 character at the front of `s`, which is not empty, and its code point; 0: it is not
 * UTF-8. */
size_t shown_character(struct slice s, uint32_t *code);

/* May this code point be shown as it is? */
bool shown_is_harmless(uint32_t code);

#endif

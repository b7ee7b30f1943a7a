/* shown: text that may be shown. What a peer or a script says can move the cursor of a terminal, colour it, ring, turn
 * the direction of the text round, or begin a line that looks like one of ours: what does that is written as an escape
 * here, and all else stays as it is. Whatever becomes a line of the log, the text of an error, or goes to a terminal
 * passes through. A text that has passed does not change when it passes again. */
#ifndef BASE_SHOWN_H
#define BASE_SHOWN_H

#include "base/buf.h"
#include <stdio.h>

/* What stays of control characters; 0: none. */
enum {
    SHOWN_TABS = 1,
    SHOWN_LINES = 2, /* line ends: where the text may take as many lines as it likes */
    /* Line ends with a tab behind, as a traceback has them, and its heading: no line of ours begins so, hence none can
     * be forged. */
    SHOWN_TRACEBACK = 4,
};

/* Appends `text`: controls (C0, DEL, C1), marks of direction, the line ends of Unicode and bytes that are no UTF-8 as
 * \n, \x1b or \u{202e}. What does not fit is left out, as buf_append has it: use a buffer without a cap. */
void shown_append(struct buf *out, struct slice text, unsigned keep);

/* The same to a file. */
void shown_write(FILE *to, struct slice text, unsigned keep);

/* Copies `text` to `to`, of `size` bytes, with a NUL behind: nothing is kept, and an escape that does not fit is left
 * out with all behind it. */
void shown_copy(char *to, size_t size, struct slice text);

/* How many bytes at the front of `s`, which is not empty, are one character of UTF-8, and which; 0: they are none. */
size_t shown_character(struct slice s, uint32_t *code);

/* May it be shown as it is? */
bool shown_is_harmless(uint32_t code);

#endif

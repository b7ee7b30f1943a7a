/* flame: a flame graph: where samples found a program, as a picture. It is one SVG without scripts or anything from
 * elsewhere: each box shows a function and the functions that called it below, its width is the share of the samples,
 * its <title> says how many. Boxes stand in the order of their names, and a name has always the same colour, so two
 * pictures can be compared. */
#ifndef BASE_FLAME_H
#define BASE_FLAME_H

#include "base/buf.h"

enum {
    FLAME_DEPTH = 100,   /* functions above each other; further ones are left out */
    FLAME_SHARES = 1000, /* a box below one of so many parts of the width is left out, with all above it */
    FLAME_NAME = 200,    /* bytes of a name that are shown */
};

/* Appends the picture of `folded`: lines of names from the outermost to the innermost, separated by ';', a space and a
 * number of samples. Lines that are anything else are passed over, of any bytes the picture is well-formed XML. `title`
 * stands above it. 0, ERR_FULL or ERR_NOMEM. */
int flame_draw(struct buf *out, struct slice folded, struct slice title);

#endif

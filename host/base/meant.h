/* meant: which of the names that there are was probably meant by one that there is not. */
#ifndef BASE_MEANT_H
#define BASE_MEANT_H

#include <stddef.h>

struct meant {
    const char *name; /* borrowed, as the candidates are */
    const char *best; /* NULL: none comes near */
    size_t least;     /* letters that must be changed to make it of `name`; while there is none, one more than may be;
                       * 0: it is too long for a slip of the pen */
};

void meant_begin(struct meant *m, const char *name);
void meant_consider(struct meant *m, const char *candidate);

#endif

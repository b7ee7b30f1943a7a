/* meant: the "did you mean" of errors: which known name an unknown one is probably a misspelling of. */
#ifndef BASE_MEANT_H
#define BASE_MEANT_H

#include <stddef.h>

struct meant {
    const char *name; /* the unknown one; borrowed, as the candidates are */
    const char *best; /* the nearest candidate; NULL: none is near */
    size_t least; /* the edit distance of `best`; without a best, one more than is accepted; 0: `name` is too long to be
                     a misspelling */
};

void meant_begin(struct meant *m, const char *name);
void meant_consider(struct meant *m, const char *candidate);

#endif

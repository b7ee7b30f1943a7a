/* reserve: some memory is kept back for what must not be refused any: that which tells of a refusal, or ends what was
 * refused. It belongs to the process, as all memory does. */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/* Keeps it back; false where there is none. */
bool reserve_open(void);

/* Gives it up. */
void reserve_close(void);

/* `n` zeros, a little: as calloc, and where that is refused, from what was kept back, which is kept back again as soon
 * as can be. Aborts where that is used up: no error has got any further by then. One thread only. */
void *reserve_take(size_t n);

/* A copy of a text, the same way. */
char *reserve_copy(const char *text);

/* `old`, from malloc or NULL, with room for `n` bytes, the same way. */
void *reserve_grow(void *old, size_t n);

#endif

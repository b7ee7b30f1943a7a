/* pages: memory by the chunk, from the system itself and not from malloc. What is taken and given back in large numbers
 * (a Lua state at each reload) so leaves no holes between what stays, and what stays none between its chunks. Those
 * that were given back are kept for the next reload, a few and up to as many as are in use. They belong to the process,
 * as all memory does. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdbool.h>

enum { PAGES_CHUNK = 64 * 1024 }; /* bytes of a chunk, which lies at a multiple of that */

/* A chunk, with anything in it; NULL without memory. Where the system maps no more, it comes from malloc, and `*mapped`
 * is false. One thread only. */
void *pages_take(bool *mapped);

/* Gives it back. */
void pages_give(void *chunk, bool mapped);

#endif

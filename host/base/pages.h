/* pages: memory in chunks mapped from the system and not from malloc, for what is allocated and freed in large numbers
 * (a Lua state at each reload). So neither it nor the longer-lived blocks of malloc fragment each other. Freed chunks
 * are kept for the next reload: some in any case, and up to as many as are in use. They are global to the process. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdbool.h>

enum { PAGES_CHUNK = 64 * 1024 }; /* bytes of a chunk, which lies at a multiple of that */

/* Takes a chunk, whose content is undefined. NULL: there is no memory. Where the system maps no more, it comes from
 * malloc, and `*mapped` is false. One thread only. */
void *pages_take(bool *mapped);

/* Gives a chunk back; `mapped` as pages_take has set it. */
void pages_give(void *chunk, bool mapped);

#endif

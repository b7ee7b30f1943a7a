/* memory: where the objects of a Lua state lie. Most are small, live briefly, and are of a few sizes: so each size up
 * to MEMORY_SMALL has chunks of its own, with a list of free blocks in each, and taking or giving one back is a few
 * instructions. A chunk that is empty goes back, but for one of each size: what was of one size may be of
 * another later. Larger ones are malloc's. */
#ifndef SCRIPT_MEMORY_H
#define SCRIPT_MEMORY_H

#include "base/pages.h"
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_STEP = 16,   /* bytes between the sizes of blocks */
    MEMORY_SMALL = 512, /* bytes of the largest small block */
    MEMORY_KINDS = MEMORY_SMALL / MEMORY_STEP,
    MEMORY_CHUNK = PAGES_CHUNK, /* bytes; a power of 2 */
};

/* All zero: empty. */
struct memory {
    struct memory_chunk *open[MEMORY_KINDS]; /* of each size, the first of those that have room */
    void *offered;                           /* the next new block of offered_size bytes; NULL: there is none */
    size_t offered_size;
};

/* A block of `size` bytes with what `old` had (NULL: nothing), whose size was `old_size`; NULL without memory, and then
 * `old` stays. `size` is not 0. */
void *memory_resize(struct memory *m, void *old, size_t old_size, size_t size);

/* Gives a block back. */
void memory_free(struct memory *m, void *block, size_t size);

/* The next new block of `size` bytes, more than MEMORY_SMALL, is this one of malloc, with what it holds. It is no
 * longer the caller's. */
void memory_offer(struct memory *m, void *block, size_t size);

/* Gives back what is kept, when all blocks were given back. */
void memory_clear(struct memory *m);

#endif

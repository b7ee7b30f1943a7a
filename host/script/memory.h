/* memory: the allocator for the objects of a Lua state. Most objects are small, live briefly, and have one of a few
 * sizes: so each size up to MEMORY_SMALL has chunks of its own, with a list of free blocks in each, and to allocate or
 * free a block takes a few instructions. A chunk that becomes empty is given back, except one of each size, as memory
 * that had one size may be needed for another. Larger blocks are malloc's. */
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
    struct memory_chunk *open[MEMORY_KINDS]; /* for each size, the list of chunks that have room */
    void *offered;                           /* to become the next new block of offered_size bytes; NULL: none is */
    size_t offered_size;
};

/* Returns a block of `size` bytes with the content of `old` (NULL: there is none), whose size was `old_size`; NULL
 * without memory, and then `old` stays. `size` is not 0. */
void *memory_resize(struct memory *m, void *old, size_t old_size, size_t size);

/* Gives a block back. */
void memory_free(struct memory *m, void *block, size_t size);

/* Has the next new block of `size` bytes, more than MEMORY_SMALL, be this one, which is malloc's, with its content. The
 * block is no longer the caller's. */
void memory_offer(struct memory *m, void *block, size_t size);

/* Gives all memory back; all blocks must have been given back before. */
void memory_clear(struct memory *m);

#endif

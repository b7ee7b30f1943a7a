/* memory: where the objects of a Lua state lie. Most are small, live briefly, and are of a few sizes: so each size up
 * to MEMORY_SMALL has a list of free blocks, cut from larger chunks, and taking or giving one back is a few
 * instructions. Larger ones are malloc's. A state's small blocks go with the state. */
#ifndef SCRIPT_MEMORY_H
#define SCRIPT_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_STEP = 16,         /* bytes between the sizes of blocks */
    MEMORY_SMALL = 512,       /* bytes of the largest small block */
    MEMORY_CHUNK = 64 * 1024, /* bytes */
};

/* All zero: empty. */
struct memory {
    void *free[MEMORY_SMALL / MEMORY_STEP]; /* the first free block of each size, which has the address of the next */
    uint8_t *at;                            /* the part of the newest chunk that was never used */
    size_t left;
    void *chunks; /* the newest; each begins with the address of the one before */
};

/* A block of `size` bytes with what `old` had (NULL: nothing), whose size was `old_size`; NULL without memory, and then
 * `old` stays. `size` is not 0. */
void *memory_resize(struct memory *m, void *old, size_t old_size, size_t size);

/* Gives a block back. */
void memory_free(struct memory *m, void *block, size_t size);

/* Gives everything back at once, when nothing in it is used any more. */
void memory_clear(struct memory *m);

#endif

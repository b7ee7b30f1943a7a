/* memory: lists by size. Sanitizers want to see each block by itself: with them all are malloc's. */
#include "script/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LISTS 0
#else
#define LISTS 1
#endif

static bool is_small(size_t size) { return LISTS && size <= MEMORY_SMALL; }
static size_t kind_of(size_t size) { return (size - 1) / MEMORY_STEP; }

static void *new_chunk(struct memory *m, size_t size) {
    void **chunk = malloc(MEMORY_CHUNK);
    if (!chunk) return NULL;
    *chunk = m->chunks; /* what was left of the last one is too small to be missed */
    m->chunks = chunk;
    m->at = (uint8_t *)chunk + MEMORY_STEP + size;
    m->left = MEMORY_CHUNK - MEMORY_STEP - size;
    return (uint8_t *)chunk + MEMORY_STEP;
}

static void *take(struct memory *m, size_t size) {
    if (!is_small(size)) return malloc(size);
    size_t kind = kind_of(size);
    void **block = m->free[kind];
    if (block) {
        m->free[kind] = *block;
        return block;
    }
    size = (kind + 1) * MEMORY_STEP;
    if (m->left < size) return new_chunk(m, size);
    uint8_t *fresh = m->at;
    m->at += size;
    m->left -= size;
    return fresh;
}

void memory_free(struct memory *m, void *block, size_t size) {
    if (!block) return;
    if (!is_small(size)) {
        free(block);
        return;
    }
    *(void **)block = m->free[kind_of(size)];
    m->free[kind_of(size)] = block;
}

void *memory_resize(struct memory *m, void *old, size_t old_size, size_t size) {
    if (!old) return take(m, size);
    bool small = is_small(old_size), stays = is_small(size);
    if (!small && !stays) return realloc(old, size);
    if (small && stays && kind_of(old_size) == kind_of(size)) return old;
    void *block = take(m, size);
    if (!block) return NULL;
    memcpy(block, old, old_size < size ? old_size : size);
    memory_free(m, old, old_size);
    return block;
}

void memory_clear(struct memory *m) {
    while (m->chunks) {
        void **chunk = m->chunks;
        m->chunks = *chunk;
        free(chunk);
    }
    *m = (struct memory){0};
}

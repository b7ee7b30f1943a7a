/* memory: chunks by size. With sanitizers, which must see each block by itself, all blocks are malloc's. */
#include "script/memory.h"

#include "base/pages.h"
#include "base/reserve.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifndef __has_feature /* clang's; gcc has macros */
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
#define CHUNKS 0
#else
#define CHUNKS 1
#endif

/* A chunk of blocks of one size. Its address is a multiple of MEMORY_CHUNK, so that it is found from the address of a
 * block. */
struct memory_chunk {
    struct memory_chunk *next, **at; /* in the list of chunks of this size that have room; `at` NULL: it is full */
    void *free;                      /* the first free block, which has the address of the next */
    uint8_t *fresh;                  /* the memory from here to the end was never used */
    unsigned kind, used;             /* blocks that are in use */
    bool mapped;                     /* for pages_give */
};

enum { HEAD = (sizeof(struct memory_chunk) + MEMORY_STEP - 1) / MEMORY_STEP * MEMORY_STEP };

static bool is_small(size_t size) { return CHUNKS && size <= MEMORY_SMALL; }
static unsigned kind_of(size_t size) { return (unsigned)(size - 1) / MEMORY_STEP; }
static struct memory_chunk *chunk_of(void *block) {
    return (struct memory_chunk *)((uint8_t *)block - (uintptr_t)block % MEMORY_CHUNK);
}

static void link_chunk(struct memory_chunk **at, struct memory_chunk *c) {
    c->at = at;
    c->next = *at;
    if (c->next) c->next->at = &c->next;
    *at = c;
}

static void unlink_chunk(struct memory_chunk *c) {
    *c->at = c->next;
    if (c->next) c->next->at = c->at;
    c->at = NULL;
}

static struct memory_chunk *new_chunk(struct memory *m, unsigned kind) {
    bool mapped;
    struct memory_chunk *c = pages_take(&mapped);
    if (!c) return NULL;
    *c = (struct memory_chunk){.fresh = (uint8_t *)c + HEAD, .kind = kind, .mapped = mapped};
    link_chunk(&m->open[kind], c);
    return c;
}

static void free_chunk(struct memory_chunk *c) { pages_give(c, c->mapped); }

void memory_offer(struct memory *m, void *block, size_t size) {
    free(m->offered); /* still there where Lua was refused the block that it was for */
    m->offered = block;
    m->offered_size = size;
}

static void *take(struct memory *m, size_t size) {
    if (!is_small(size)) {
        if (!m->offered || m->offered_size != size) return malloc(size);
        void *block = m->offered;
        m->offered = NULL;
        return block;
    }
    unsigned kind = kind_of(size);
    struct memory_chunk *c = m->open[kind];
    if (!c && !(c = new_chunk(m, kind))) return NULL;
    void **block = c->free;
    c->used++;
    if (block) {
        c->free = *block;
    } else {
        block = (void *)c->fresh;
        c->fresh += (kind + 1) * MEMORY_STEP;
    }
    if (!c->free && c->fresh + (kind + 1) * MEMORY_STEP > (uint8_t *)c + MEMORY_CHUNK) unlink_chunk(c);
    return block;
}

void memory_free(struct memory *m, void *block, size_t size) {
    if (!block) return;
    if (!is_small(size)) {
        free(block);
        return;
    }
    struct memory_chunk *c = chunk_of(block), **open = &m->open[c->kind];
    *(void **)block = c->free;
    c->free = block;
    c->used--;
    if (!c->at) { /* the first chunk stays first: it may be the one that is kept though empty */
        link_chunk(*open ? &(*open)->next : open, c);
    } else if (c->used == 0 && c != *open) {
        unlink_chunk(c);
        free_chunk(c);
    }
}

void *memory_resize(struct memory *m, void *old, size_t old_size, size_t size) {
    if (!old) return take(m, size);
    bool small = is_small(old_size), stays = is_small(size);
    if (!small && !stays) return realloc(old, size);
    if (small && stays && kind_of(old_size) == kind_of(size)) return old;
    void *block = take(m, size);
    if (!block && size < old_size) { /* Lua relies on shrinking not to fail */
        if (small) return old;       /* its chunk knows how large it is */
        reserve_close();
        block = take(m, size);
        reserve_open();
    }
    if (!block) return NULL;
    memcpy(block, old, old_size < size ? old_size : size);
    memory_free(m, old, old_size);
    return block;
}

void memory_clear(struct memory *m) {
    for (size_t kind = 0; kind < MEMORY_KINDS; kind++)
        if (m->open[kind]) free_chunk(m->open[kind]); /* the only chunk of this size that is left */
    free(m->offered);
    *m = (struct memory){0};
}

/* pages: a list of chunks that were given back, and a region of which none was taken yet. */
#include "base/pages.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    REGION = 16, /* chunks that are mapped at once: they take no memory before they are used */
    KEPT = 64,   /* chunks that are kept in any case */
};

struct kept {
    struct kept *next;
};

static struct kept *kept;
static size_t count, used;         /* how many are kept, and how many have been taken */
static uint8_t *fresh, *fresh_end; /* what is left of a region */

/* Maps a region; what lies beside its aligned chunks is unmapped at once. */
static bool map_region(void) {
    size_t size = (size_t)(REGION + 1) * PAGES_CHUNK;
    uint8_t *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return false;
    size_t before = -(uintptr_t)all % PAGES_CHUNK;
    fresh = all + before;
    fresh_end = fresh + (size_t)REGION * PAGES_CHUNK;
    if (before) munmap(all, before);
    munmap(fresh_end, PAGES_CHUNK - before);
    return true;
}

void *pages_take(bool *mapped) {
    void *chunk = kept;
    *mapped = true;
    if (chunk) {
        kept = kept->next;
        count--;
    } else if (fresh != fresh_end || map_region()) {
        chunk = fresh;
        fresh += PAGES_CHUNK;
    } else {
        *mapped = false;
        return posix_memalign(&chunk, PAGES_CHUNK, PAGES_CHUNK) == 0 ? chunk : NULL;
    }
    used++;
    return chunk;
}

void pages_give(void *chunk, bool mapped) {
    if (!mapped) {
        free(chunk);
        return;
    }
    used--;
    bool keeps = count < KEPT || count < used;
    if (!keeps && munmap(chunk, PAGES_CHUNK) == 0) return; /* munmap(2) fails where it would make too many mappings */
    struct kept *k = chunk;
    k->next = kept;
    kept = k;
    count++;
}

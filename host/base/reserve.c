/* reserve: a block that is freed when an allocation fails, so that it succeeds at the second try. */
#include "base/reserve.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT = 256 * 1024 };

static void *kept;

bool reserve_open(void) {
    if (!kept) kept = malloc(KEPT);
    return kept != NULL;
}

void reserve_close(void) {
    free(kept);
    kept = NULL;
}

void *reserve_grow(void *old, size_t n) {
    void *p = realloc(old, n);
    if (p) return p;
    reserve_close();
    if (!(p = realloc(old, n))) abort();
    reserve_open(); /* or, where that fails, after the next refusal */
    return p;
}

void *reserve_take(size_t n) { return memset(reserve_grow(NULL, n), 0, n); }

char *reserve_copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(reserve_grow(NULL, size), text, size);
}

/* random: wolfCrypt's generator, drawn in blocks, since a call for four bytes costs as much as one for thousands. */
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

enum { POOL = 4096 };

/* The process's one generator. It holds no state that anything else could wish to own. */
static struct {
    WC_RNG rng;
    uint8_t pool[POOL];
    size_t left; /* unused bytes, at the end of the pool */
    int ready;
} generator;

static void generate(uint8_t *out, size_t n) {
    if (!generator.ready) {
        if (wc_InitRng(&generator.rng) != 0) goto fail;
        generator.ready = 1;
    }
    if (wc_RNG_GenerateBlock(&generator.rng, out, (word32)n) == 0) return;
fail:
    fputs("wsbot: the system gives no random numbers\n", stderr);
    abort();
}

void random_fill(void *out, size_t n) {
    uint8_t *to = out;
    while (n) {
        if (generator.left == 0) {
            generate(generator.pool, POOL);
            generator.left = POOL;
        }
        size_t take = n < generator.left ? n : generator.left;
        uint8_t *from = generator.pool + POOL - generator.left;
        memcpy(to, from, take);
        memset(from, 0, take); /* handed out once, kept nowhere */
        generator.left -= take;
        to += take;
        n -= take;
    }
}

uint32_t random_mask(void) {
    uint32_t mask;
    random_fill(&mask, sizeof mask);
    return mask;
}

void random_clear(void) {
    if (generator.ready) wc_FreeRng(&generator.rng);
    memset(&generator, 0, sizeof generator);
}

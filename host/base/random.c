/* random: wolfCrypt's generator, drawn in blocks, since a call for four bytes costs as much as one for thousands. */
#include "base/random.h"

#include <stdbool.h>
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
    bool seeded; /* by a test: the numbers follow from `state` */
    uint64_t state;
} generator;

/* SplitMix64: any seed will do, and each step is a bijection of the counter. */
static uint64_t next_seeded(void) {
    uint64_t z = generator.state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static void generate_seeded(uint8_t *out, size_t n) {
    for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
        uint64_t word = next_seeded();
        memcpy(out + i, &word, n - i < sizeof word ? n - i : sizeof word);
    }
}

static void generate(uint8_t *out, size_t n) {
    if (generator.seeded) {
        generate_seeded(out, n);
        return;
    }
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

void random_seed(uint64_t seed) {
    generator.seeded = true;
    generator.state = seed;
    generator.left = 0;
}

void random_clear(void) {
    if (generator.ready) wc_FreeRng(&generator.rng);
    memset(&generator, 0, sizeof generator);
}

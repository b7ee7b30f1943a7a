/* random: wolfCrypt's ChaCha20 under a key that the system gives once, at the start, drawn in blocks: wolfCrypt's own
 * generator hashes for every few bytes, which would be a tenth of what a small message costs. */
#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/random.h>
#endif
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/chacha.h>
#include <wolfssl/wolfcrypt/random.h>

enum { POOL = 4096 };

/* The process's one generator: a global, since nobody needs a second one. */
static struct {
    uint8_t key[CHACHA_MAX_KEY_SZ];
    uint8_t pool[POOL];
    size_t left; /* unused bytes, at the end of the pool */
    bool ready;  /* it has a key */
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

/* By the call that takes no file, and so cannot run out of descriptors. */
static bool ask_system(uint8_t *out, size_t n) {
#ifdef __linux__
    ssize_t got;
    while ((got = getrandom(out, n, 0)) < 0 && errno == EINTR) continue;
    return got == (ssize_t)n; /* so few bytes are given whole */
#else
    (void)out;
    (void)n;
    return false;
#endif
}

/* By wolfCrypt's generator, which reads /dev/urandom. */
static bool ask_wolfcrypt(uint8_t *out, size_t n) {
    WC_RNG rng;
    if (wc_InitRng(&rng) != 0) return false;
    int rc = wc_RNG_GenerateBlock(&rng, out, (word32)n);
    wc_FreeRng(&rng);
    return rc == 0;
}

bool random_open(void) {
    uint8_t *key = generator.key;
    if (!generator.ready)
        generator.ready = ask_system(key, sizeof generator.key) || ask_wolfcrypt(key, sizeof generator.key);
    return generator.ready;
}

/* Fills the pool: the key encrypts zeros, and the first bytes of that are the next key, so that nobody who sees the
 * generator can tell what it gave before. */
static void generate(void) {
    uint8_t stream[sizeof generator.key + POOL] = {0};
    ChaCha chacha;
    if (!random_open()) abort(); /* cannot happen once random_open has returned true */
    if (wc_Chacha_SetKey(&chacha, generator.key, sizeof generator.key) != 0 ||
        wc_Chacha_SetIV(&chacha, (const uint8_t[CHACHA_IV_BYTES]){0}, 0) != 0 ||
        wc_Chacha_Process(&chacha, stream, stream, sizeof stream) != 0)
        abort(); /* plain C without a device: cannot fail */
    memcpy(generator.key, stream, sizeof generator.key);
    memcpy(generator.pool, stream + sizeof generator.key, POOL);
    explicit_bzero(&chacha, sizeof chacha);
    explicit_bzero(stream, sizeof stream);
}

void random_fill(void *out, size_t n) {
    uint8_t *to = out;
    while (n) {
        if (generator.left == 0) {
            if (generator.seeded)
                generate_seeded(generator.pool, POOL);
            else
                generate();
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
    if (generator.left < sizeof mask) {
        random_fill(&mask, sizeof mask);
        return mask;
    }
    uint8_t *from = generator.pool + POOL - generator.left; /* the same, for each message */
    memcpy(&mask, from, sizeof mask);
    memset(from, 0, sizeof mask);
    generator.left -= sizeof mask;
    return mask;
}

void random_seed(uint64_t seed) {
    generator.seeded = true;
    generator.state = seed;
    generator.left = 0;
}

void random_clear(void) { explicit_bzero(&generator, sizeof generator); }

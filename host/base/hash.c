/* hash: HMAC is made of the hash here, so that it is the same for each of them. */
#include "base/hash.h"

#include "base/err.h"
#include <string.h>

static const struct {
    const char *name;
    enum wc_HashType type;
    unsigned block; /* bytes that HMAC pads a key to */
} hashes[] = {
    {"md5", WC_HASH_TYPE_MD5, 64},
    {"sha1", WC_HASH_TYPE_SHA, 64},
    {"sha224", WC_HASH_TYPE_SHA224, 64},
    {"sha256", WC_HASH_TYPE_SHA256, 64},
    {"sha384", WC_HASH_TYPE_SHA384, 128},
    {"sha512", WC_HASH_TYPE_SHA512, 128},
    {"sha3-256", WC_HASH_TYPE_SHA3_256, 136},
    {"sha3-512", WC_HASH_TYPE_SHA3_512, 72},
};
enum { HASHES = sizeof hashes / sizeof *hashes, BLOCK_MOST = 136 };

const char *const hash_names[] = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512", NULL};

static int find(const char *name) {
    for (int i = 0; i < HASHES; i++)
        if (strcmp(hashes[i].name, name) == 0) return i;
    return -1;
}

static void begin(struct hash *h, int which) {
    h->type = hashes[which].type;
    h->size = (unsigned)wc_HashGetDigestSize(h->type);
    err_must(wc_HashInit(&h->state, h->type) == 0); /* plain C without a device: it cannot fail */
}

bool hash_begin(struct hash *h, const char *name) {
    int which = find(name);
    if (which >= 0) begin(h, which);
    return which >= 0;
}

void hash_update(struct hash *h, struct slice data) {
    enum { MOST = 1 << 30 }; /* bytes that wolfCrypt takes at a time */
    for (; data.n; data = slice_skip(data, data.n < MOST ? data.n : MOST))
        wc_HashUpdate(&h->state, h->type, data.p, data.n < MOST ? (word32)data.n : MOST);
}

void hash_drop(struct hash *h) {
    wc_HashFree(&h->state, h->type);
    explicit_bzero(h, sizeof *h);
}

void hash_end(struct hash *h, uint8_t out[HASH_SIZE_MOST]) {
    wc_HashFinal(&h->state, h->type, out);
    hash_drop(h);
}

/* The hash of a key with each of its bytes turned, and what comes behind. */
static void hash_padded(int which, const uint8_t key[BLOCK_MOST], uint8_t turn, struct slice data,
                        uint8_t out[HASH_SIZE_MOST]) {
    struct hash h;
    uint8_t pad[BLOCK_MOST];
    for (unsigned i = 0; i < hashes[which].block; i++) pad[i] = key[i] ^ turn;
    begin(&h, which);
    hash_update(&h, slice_of(pad, hashes[which].block));
    hash_update(&h, data);
    hash_end(&h, out);
    explicit_bzero(pad, sizeof pad);
}

unsigned hash_hmac(const char *name, struct slice key, struct slice data, uint8_t out[HASH_SIZE_MOST]) {
    int which = find(name);
    if (which < 0) return 0;
    struct hash h;
    uint8_t block[BLOCK_MOST] = {0}, inner[HASH_SIZE_MOST];
    unsigned size = (unsigned)wc_HashGetDigestSize(hashes[which].type);
    if (key.n > hashes[which].block) {
        begin(&h, which);
        hash_update(&h, key);
        hash_end(&h, block);
    } else if (key.n) {
        memcpy(block, key.p, key.n);
    }
    hash_padded(which, block, 0x36, data, inner);
    hash_padded(which, block, 0x5C, slice_of(inner, size), out);
    explicit_bzero(block, sizeof block);
    explicit_bzero(inner, sizeof inner);
    return size;
}

bool hash_is_equal(struct slice a, struct slice b) {
    volatile uint8_t differs = a.n != b.n;
    for (size_t i = 0; i < a.n && i < b.n; i++) differs |= a.p[i] ^ b.p[i];
    return !differs;
}

/* hash: hashes by their names, and HMAC (RFC 2104) of each, thin over wolfCrypt. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/slice.h"
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/hash.h>

enum { HASH_SIZE_MOST = 64 };

/* One that is under way. */
struct hash {
    wc_HashAlg state;
    enum wc_HashType type;
    unsigned size; /* bytes of what it gives */
};

/* Begins the hash of that name: "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512". False:
 * there is none of that name. */
bool hash_begin(struct hash *h, const char *name);
void hash_update(struct hash *h, struct slice data);

/* Gives h->size bytes, and ends it. */
void hash_end(struct hash *h, uint8_t out[HASH_SIZE_MOST]);

/* Ends it without a result, and wipes it. */
void hash_drop(struct hash *h);

/* The HMAC of `data`; returns its size, or 0: there is no hash of that name. */
unsigned hash_hmac(const char *name, struct slice key, struct slice data, uint8_t out[HASH_SIZE_MOST]);

/* The names, up to NULL. */
extern const char *const hash_names[];

/* Are both the same? It takes as long wherever they differ. */
bool hash_is_equal(struct slice a, struct slice b);

#endif

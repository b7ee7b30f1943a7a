/* sign: PEM, and three algorithms of wolfCrypt. What is secret is wiped. */
#include "base/sign.h"

#include "base/digest.h"
#include "base/err.h"
#include <stdio.h>
#include <string.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

const char *const sign_names[] = {[SIGN_ES256] = "ES256", [SIGN_RS256] = "RS256", [SIGN_EDDSA] = "EdDSA", NULL};

enum { P256_SIZE = 32, RSA_LEAST = 256 }; /* bytes: of a coordinate; of a modulus, 2,048 bits */

static int refuse(const char **why, const char *text) {
    *why = text;
    return ERR_SYNTAX;
}

/* ---- PEM ---- */

struct key {
    struct buf der;
    bool is_pkcs8; /* or the public key of any algorithm */
};

/* Where `text` begins in `s`; NULL: nowhere. */
static const uint8_t *find(struct slice s, const char *text) { return memmem(s.p, s.n, text, strlen(text)); }

static void clear_key(struct key *k) {
    if (k->der.base) explicit_bzero(k->der.base, k->der.size);
    buf_clear(&k->der);
}

/* Reads the first part of the text that is labelled as a private or a public key. */
static int read_pem(struct key *k, struct slice pem, bool is_private, const char **why) {
    static const char *const privates[] = {"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", NULL};
    static const char *const publics[] = {"PUBLIC KEY", "RSA PUBLIC KEY", NULL};
    const char *missing = is_private ? "the key is no private key in PEM (-----BEGIN PRIVATE KEY-----)"
                                     : "the key is no public key in PEM (-----BEGIN PUBLIC KEY-----)";
    buf_init(&k->der, 64 * 1024);
    if (find(pem, "ENCRYPTED")) return refuse(why, "the key is encrypted: decrypt it first");
    for (const char *const *label = is_private ? privates : publics; *label; label++) {
        char line[64];
        int size = snprintf(line, sizeof line, "-----BEGIN %s-----", *label);
        const uint8_t *begins = find(pem, line);
        if (!begins) continue;
        struct slice body = slice_skip(pem, (size_t)(begins - pem.p) + (size_t)size);
        const uint8_t *ends = find(body, "-----END ");
        if (!ends) return refuse(why, missing);
        k->is_pkcs8 = label[0][0] == 'P';
        int rc = digest_base64_read(&k->der, slice_head(body, (size_t)(ends - body.p)));
        return rc == ERR_NOMEM ? rc : rc < 0 ? refuse(why, missing) : 0;
    }
    return refuse(why, missing);
}

/* Where the key itself begins in the DER of a private key. */
static word32 inner(const struct key *k) {
    word32 at = 0;
    struct slice der = buf_slice(&k->der);
    if (k->is_pkcs8 && wc_GetPkcs8TraditionalOffset((byte *)der.p, &at, (word32)der.n) <= 0) at = 0;
    return at;
}

/* ---- ES256 ---- */

static int load_ecc(ecc_key *key, const struct key *k, bool is_private, const char **why) {
    word32 at = is_private ? inner(k) : 0;
    struct slice der = buf_slice(&k->der);
    int rc = is_private ? wc_EccPrivateKeyDecode(der.p, &at, key, (word32)der.n)
                        : wc_EccPublicKeyDecode(der.p, &at, key, (word32)der.n);
    if (rc != 0) return refuse(why, "the key is none of an elliptic curve");
    return key->dp && key->dp->id == ECC_SECP256R1 ? 0 : refuse(why, "ES256 needs a key on the curve P-256");
}

static int make_ecc(struct buf *out, const struct key *k, struct slice data, WC_RNG *rng, const char **why) {
    ecc_key key;
    uint8_t digest[SHA256_SIZE], der[128], raw[2 * P256_SIZE] = {0}, r[P256_SIZE], s[P256_SIZE];
    word32 n = sizeof der, r_size = sizeof r, s_size = sizeof s;
    if (wc_ecc_init(&key) != 0) return ERR_NOMEM;
    int rc = load_ecc(&key, k, true, why);
    digest_sha256(data, digest);
    wc_ecc_set_rng(&key, rng);
    if (rc == 0 && (wc_ecc_sign_hash(digest, sizeof digest, der, &n, rng, &key) != 0 ||
                    wc_ecc_sig_to_rs(der, n, r, &r_size, s, &s_size) != 0))
        rc = refuse(why, "the key cannot sign");
    wc_ecc_free(&key);
    if (rc < 0) return rc;
    memcpy(raw + P256_SIZE - r_size, r, r_size); /* without zeros in front */
    memcpy(raw + 2 * P256_SIZE - s_size, s, s_size);
    return buf_append(out, slice_of(raw, sizeof raw));
}

static int check_ecc(const struct key *k, struct slice data, struct slice signature, const char **why) {
    ecc_key key;
    int fits = 0;
    uint8_t digest[SHA256_SIZE], der[128];
    word32 n = sizeof der;
    if (wc_ecc_init(&key) != 0) return ERR_NOMEM;
    int rc = load_ecc(&key, k, false, why);
    digest_sha256(data, digest);
    if (rc == 0 && signature.n == 2 * P256_SIZE &&
        wc_ecc_rs_raw_to_sig(signature.p, P256_SIZE, signature.p + P256_SIZE, P256_SIZE, der, &n) == 0)
        wc_ecc_verify_hash(der, n, digest, sizeof digest, &fits, &key);
    wc_ecc_free(&key);
    return rc < 0 ? rc : fits == 1;
}

/* ---- RS256 ---- */

/* What is padded and signed: the digest, and which hash it is of (RFC 8017 9.2). */
static word32 encode(struct slice data, uint8_t out[128]) {
    uint8_t digest[SHA256_SIZE];
    digest_sha256(data, digest);
    return wc_EncodeSignature(out, digest, sizeof digest, wc_GetCTC_HashOID(WC_HASH_TYPE_SHA256));
}

static int make_rsa(struct buf *out, const struct key *k, struct slice data, WC_RNG *rng, const char **why) {
    RsaKey key;
    word32 at = inner(k);
    uint8_t encoded[128], signature[SIGN_SIZE_MOST];
    struct slice der = buf_slice(&k->der);
    if (wc_InitRsaKey(&key, NULL) != 0) return ERR_NOMEM;
    int n = wc_RsaPrivateKeyDecode(der.p, &at, &key, (word32)der.n) == 0 ? 0 : refuse(why, "the key is none of RSA");
    if (n == 0 && wc_RsaEncryptSize(&key) < RSA_LEAST) n = refuse(why, "RS256 needs a key of 2,048 bits and more");
#ifdef WC_RSA_BLINDING
    if (n == 0) wc_RsaSetRNG(&key, rng);
#endif
    if (n == 0) n = wc_RsaSSL_Sign(encoded, encode(data, encoded), signature, sizeof signature, &key, rng);
    if (n <= 0 && !*why) n = refuse(why, "the key cannot sign");
    wc_FreeRsaKey(&key);
    return n < 0 ? ERR_SYNTAX : buf_append(out, slice_of(signature, (size_t)n));
}

static int check_rsa(const struct key *k, struct slice data, struct slice signature, const char **why) {
    RsaKey key;
    word32 at = 0;
    uint8_t encoded[128], opened[SIGN_SIZE_MOST];
    struct slice der = buf_slice(&k->der);
    if (wc_InitRsaKey(&key, NULL) != 0) return ERR_NOMEM;
    int rc = wc_RsaPublicKeyDecode(der.p, &at, &key, (word32)der.n) == 0 ? 0 : refuse(why, "the key is none of RSA");
    if (rc == 0 && wc_RsaEncryptSize(&key) < RSA_LEAST) rc = refuse(why, "RS256 needs a key of 2,048 bits and more");
    if (rc == 0 && signature.n == (size_t)wc_RsaEncryptSize(&key)) {
        int n = wc_RsaSSL_Verify(signature.p, (word32)signature.n, opened, sizeof opened, &key);
        word32 wanted = encode(data, encoded);
        rc = n > 0 && (word32)n == wanted && memcmp(opened, encoded, wanted) == 0;
    }
    wc_FreeRsaKey(&key);
    return rc;
}

/* ---- EdDSA ---- */

static int make_ed(struct buf *out, const struct key *k, struct slice data, const char **why) {
    ed25519_key key;
    word32 at = 0, n = ED25519_SIG_SIZE;
    uint8_t signature[ED25519_SIG_SIZE];
    struct slice der = buf_slice(&k->der);
    if (wc_ed25519_init(&key) != 0) return ERR_NOMEM;
    int rc = wc_Ed25519PrivateKeyDecode(der.p, &at, &key, (word32)der.n) == 0
                 ? 0
                 : refuse(why, "the key is none of Ed25519");
    if (rc == 0 && (wc_ed25519_make_public(&key, key.p, sizeof key.p) != 0 || data.n > UINT32_MAX))
        rc = refuse(why, "the key cannot sign");
    key.pubKeySet = 1;
    if (rc == 0 && wc_ed25519_sign_msg(data.p, (word32)data.n, signature, &n, &key) != 0)
        rc = refuse(why, "the key cannot sign");
    wc_ed25519_free(&key);
    return rc < 0 ? rc : buf_append(out, slice_of(signature, n));
}

static int check_ed(const struct key *k, struct slice data, struct slice signature, const char **why) {
    ed25519_key key;
    word32 at = 0;
    int fits = 0;
    struct slice der = buf_slice(&k->der);
    if (wc_ed25519_init(&key) != 0) return ERR_NOMEM;
    int rc =
        wc_Ed25519PublicKeyDecode(der.p, &at, &key, (word32)der.n) == 0 ? 0 : refuse(why, "the key is none of Ed25519");
    if (rc == 0 && signature.n == ED25519_SIG_SIZE && data.n <= UINT32_MAX)
        wc_ed25519_verify_msg(signature.p, (word32)signature.n, data.p, (word32)data.n, &fits, &key);
    wc_ed25519_free(&key);
    return rc < 0 ? rc : fits == 1;
}

/* ---- whichever it is ---- */

int sign_make(struct buf *out, enum sign_algorithm algorithm, struct slice pem, struct slice data, const char **why) {
    struct key k;
    WC_RNG rng;
    *why = NULL;
    int rc = read_pem(&k, pem, true, why);
    if (rc == 0 && wc_InitRng(&rng) != 0) {
        *why = "the system has no random numbers to give";
        rc = ERR_SYSTEM;
    } else if (rc == 0) {
        rc = algorithm == SIGN_ES256   ? make_ecc(out, &k, data, &rng, why)
             : algorithm == SIGN_RS256 ? make_rsa(out, &k, data, &rng, why)
                                       : make_ed(out, &k, data, why);
        wc_FreeRng(&rng);
    }
    clear_key(&k);
    if (rc < 0 && !*why) *why = "not enough memory";
    return rc < 0 ? rc : 0;
}

int sign_check(enum sign_algorithm algorithm, struct slice pem, struct slice data, struct slice signature,
               const char **why) {
    struct key k;
    *why = NULL;
    int rc = read_pem(&k, pem, false, why);
    if (rc == 0)
        rc = algorithm == SIGN_ES256   ? check_ecc(&k, data, signature, why)
             : algorithm == SIGN_RS256 ? check_rsa(&k, data, signature, why)
                                       : check_ed(&k, data, signature, why);
    clear_key(&k);
    if (rc < 0 && !*why) *why = "not enough memory";
    return rc;
}

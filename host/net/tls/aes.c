/* aes: a crypto callback of wolfSSL's. It has no cipher context for each connection: wolfSSL does not tell a device
 * when it frees a key (5.5.4 and 5.7.2; later ones only where built with WOLF_CRYPTO_CB_FREE), so such contexts would
 * leak or be outdated. But wolfSSL keeps each key beside its own expanded form, and setting a key of libgcrypt takes
 * 0.1 us: so there is one context for each direction and key size, which is given the key of the current record where
 * it has another one. A single connection never pays for that. */
#include "net/tls/aes.h"

#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/settings.h>

/* Does wolfSSL itself use AES instructions? */
static bool has_instructions(void) {
#if defined(WOLFSSL_AESNI) && (defined(__x86_64__) || defined(__i386__))
    return __builtin_cpu_supports("aes");
#elif defined(WOLFSSL_ARMASM)
    return true;
#else
    return false;
#endif
}

#if defined(WSBOT_GCRYPT) && defined(WOLF_CRYPTO_CB) && defined(HAVE_AESGCM)

#include "base/library.h"
#include <dlfcn.h>
#include <errno.h>
#include <gcrypt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/cryptocb.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

#define LIBRARY "libgcrypt.so.20"

#define LEAST_VERSION "1.8.0" /* which has gcry_get_config */

enum { DEVICE = 0x77736274 }; /* any number that nobody else takes */

/* Looked up when TLS is first used: plain ws:// must not pay for it. */
#define FUNCTIONS(F)                                                                                                   \
    F(check_version)                                                                                                   \
    F(control)                                                                                                         \
    F(get_config)                                                                                                      \
    F(free)                                                                                                            \
    F(cipher_open)                                                                                                     \
    F(cipher_close)                                                                                                    \
    F(cipher_setkey)                                                                                                   \
    F(cipher_setiv)                                                                                                    \
    F(cipher_authenticate)                                                                                             \
    F(cipher_encrypt)                                                                                                  \
    F(cipher_decrypt)                                                                                                  \
    F(cipher_gettag)                                                                                                   \
    F(cipher_checktag)

struct gcrypt {
#define FUNCTION(name) __typeof__(gcry_##name) *(name);
    FUNCTIONS(FUNCTION)
#undef FUNCTION
};

enum { KEY_MAX = 32 };

struct cipher {
    gcry_cipher_hd_t handle; /* NULL until it is first needed */
    bool keyed;              /* has this key: */
    uint8_t key[KEY_MAX];
};

struct tls_aes {
    struct gcrypt gcrypt;
    struct cipher ciphers[2][2]; /* to decrypt and to encrypt, with AES-128 and AES-256 */
};

/* The parts of a TLS record that are the same in both directions. */
struct record {
    Aes *aes;
    const byte *iv, *head;
    word32 iv_size, head_size;
};

/* The cipher context for a TLS record, with key, nonce and additional data set. NULL: wolfSSL is to do it; nothing was
 * changed. */
static gcry_cipher_hd_t begin(struct tls_aes *a, bool encrypts, const struct record *r) {
    const struct gcrypt *f = &a->gcrypt;
    size_t size = (size_t)r->aes->keylen;
    if (size != 16 && size != 32) return NULL;
    struct cipher *c = &a->ciphers[encrypts][size == 32];
    if (!c->handle &&
        f->cipher_open(&c->handle, size == 32 ? GCRY_CIPHER_AES256 : GCRY_CIPHER_AES128, GCRY_CIPHER_MODE_GCM, 0) != 0)
        return NULL;
    if (!c->keyed || memcmp(c->key, r->aes->devKey, size) != 0) {
        c->keyed = f->cipher_setkey(c->handle, r->aes->devKey, size) == 0;
        if (!c->keyed) return NULL;
        memcpy(c->key, r->aes->devKey, size);
    }
    if (f->cipher_setiv(c->handle, r->iv, r->iv_size) != 0) return NULL;
    return f->cipher_authenticate(c->handle, r->head, r->head_size) == 0 ? c->handle : NULL;
}

static int encrypt(struct tls_aes *a, wc_CryptoInfo *info) {
    const __typeof__(info->cipher.aesgcm_enc) *e = &info->cipher.aesgcm_enc;
    struct record r = {e->aes, e->iv, e->authIn, e->ivSz, e->authInSz};
    gcry_cipher_hd_t h = begin(a, true, &r);
    if (!h) return CRYPTOCB_UNAVAILABLE;
    if (a->gcrypt.cipher_encrypt(h, e->out, e->sz, e->in, e->sz) != 0) return WC_HW_E;
    return a->gcrypt.cipher_gettag(h, e->authTag, e->authTagSz) == 0 ? 0 : WC_HW_E;
}

static int decrypt(struct tls_aes *a, wc_CryptoInfo *info) {
    const __typeof__(info->cipher.aesgcm_dec) *d = &info->cipher.aesgcm_dec;
    struct record r = {d->aes, d->iv, d->authIn, d->ivSz, d->authInSz};
    gcry_cipher_hd_t h = begin(a, false, &r);
    if (!h) return CRYPTOCB_UNAVAILABLE;
    if (a->gcrypt.cipher_decrypt(h, d->out, d->sz, d->in, d->sz) != 0) return WC_HW_E;
    if (a->gcrypt.cipher_checktag(h, d->authTag, d->authTagSz) == 0) return 0;
    if (d->sz) memset(d->out, 0, d->sz); /* it is not authentic */
    return AES_GCM_AUTH_E;
}

/* wolfSSL calls this for all its operations: hashes, random numbers, keys. What is declined here it does itself. */
static int on_crypto(int device, wc_CryptoInfo *info, void *arg) {
    (void)device;
    if (info->algo_type != WC_ALGO_TYPE_CIPHER || info->cipher.type != WC_CIPHER_AES_GCM) return CRYPTOCB_UNAVAILABLE;
    return info->cipher.enc ? encrypt(arg, info) : decrypt(arg, info);
}

static bool load(struct gcrypt *f) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays loaded: others may use it, too */
    if (!library) return false;
    const struct library_function wanted[] = {
#define FUNCTION(name) {"gcry_" #name, (void **)&f->name},
        FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    return !library_find(library, wanted, sizeof wanted / sizeof *wanted);
}

/* Initializes the library, unless that was done. */
static bool start(const struct gcrypt *f) {
    if (!f->check_version(LEAST_VERSION)) return false;
    if (!f->control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
        f->control(GCRYCTL_DISABLE_SECMEM, 0);
        f->control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    }
    return !f->control(GCRYCTL_FIPS_MODE_P);
}

/* Does it use the CPU's instructions, for AES and for GCM's hash? */
static bool is_accelerated(const struct gcrypt *f) {
    char *list = f->get_config(0, "hwflist"); /* "hwflist:intel-ssse3:intel-pclmul:..." */
    bool intel = list && strstr(list, ":intel-aesni:") && strstr(list, ":intel-pclmul:");
    bool arm = list && strstr(list, ":arm-aes:") && strstr(list, ":arm-pmull:");
    f->free(list);
    return intel || arm;
}

/* libgcrypt ends the program where this file exists and cannot be opened. */
static bool may_load(void) {
    FILE *file = fopen("/proc/sys/crypto/fips_enabled", "r");
    if (file) fclose(file);
    return file || errno == ENOENT || errno == EACCES;
}

struct tls_aes *tls_aes_open(void) {
    if (has_instructions() || !may_load()) return NULL;
    struct tls_aes *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    if (load(&a->gcrypt) && start(&a->gcrypt) && is_accelerated(&a->gcrypt) &&
        wc_CryptoCb_RegisterDevice(DEVICE, on_crypto, a) == 0)
        return a;
    free(a);
    return NULL;
}

void tls_aes_close(struct tls_aes *a) {
    if (!a) return;
    wc_CryptoCb_UnRegisterDevice(DEVICE);
    for (int i = 0; i < 4; i++) a->gcrypt.cipher_close(a->ciphers[i / 2][i % 2].handle);
    explicit_bzero(a, sizeof *a);
    free(a);
}

int tls_aes_device(const struct tls_aes *a) { return a ? DEVICE : INVALID_DEVID; }

#else /* without libgcrypt, or by a wolfSSL that has no devices */

#include <stddef.h>
#include <wolfssl/wolfcrypt/types.h>

struct tls_aes *tls_aes_open(void) {
    return NULL;
}

void tls_aes_close(struct tls_aes *a) { (void)a; }

int tls_aes_device(const struct tls_aes *a) {
    (void)a;
    return INVALID_DEVID;
}

#endif

bool tls_aes_is_fast(const struct tls_aes *a) { return a || has_instructions(); }

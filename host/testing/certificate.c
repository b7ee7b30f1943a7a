/* certificate: makes keys and certificates by wolfCrypt; where that was built without the functions for it, there is a
 * fault. */
#include "testing/certificate.h"

#include "base/file.h"
#include "base/reserve.h"
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/settings.h>

#if defined(WOLFSSL_CERT_GEN) && defined(WOLFSSL_CERT_EXT) && defined(WOLFSSL_ALT_NAMES) && defined(HAVE_ECC)

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/wc_port.h>

enum {
    DAY = 24 * 60 * 60,
    KEY_BYTES = 32, /* of P-256 */
    DER_MAX = 2048, /* a certificate has about 500 bytes, as PEM 700 */
    PEM_MAX = 4096,
};

/* GeneralNames (RFC 5280 4.2.1.6): a sequence of names, [2], and addresses, [7], each with its size. */
static const char here[] = "\x30\x23"
                           "\x82\x09localhost"
                           "\x87\x04\x7f\0\0\1"
                           "\x87\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";
static const char elsewhere[] = "\x30\x0f"
                                "\x82\x0dother.example";

/* The owner of a key, who has a certificate or signs one. */
struct party {
    const char *name;
    ecc_key key;
};

/* What certificate_make works with; it is too large for the stack. */
struct work {
    const char *folder;
    struct fault *fault;
    time_t now;
    WC_RNG rng;
    struct party ca;       /* the CA of ca.pem */
    struct party stranger; /* a CA that no client trusts */
    struct party server;
    Cert cert; /* the one being made */
    byte der[DER_MAX], pem[PEM_MAX];
};

static int refuse(struct work *w, const char *what, int error) {
    fault_put(w->fault, FAULT_TLS, "no certificate could be made: %s: %s (wolfSSL %d)", what, wc_GetErrorString(error),
              error);
    return ERR_SYSTEM;
}

static int write_file(struct work *w, const char *name, mode_t mode, size_t n) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", w->folder, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        goto fail;
    }
    if (unlink(path) < 0 && errno != ENOENT) goto fail; /* the mode of an old file would stay */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) goto fail;
    int error = file_write(fd, slice_of(w->pem, n));
    if (close(fd) < 0 && error == 0) error = errno;
    if (error == 0) return 0;
    errno = error;
fail:
    fault_put(w->fault, FAULT_TLS, "%s/%s could not be written: %s", w->folder, name, strerror(errno));
    return ERR_SYSTEM;
}

/* Writes what is in `der` as a PEM file. */
static int write_pem(struct work *w, const char *name, mode_t mode, int n, int type) {
    int size = wc_DerToPem(w->der, (word32)n, w->pem, sizeof w->pem, type);
    return size < 0 ? refuse(w, name, size) : write_file(w, name, mode, (size_t)size);
}

static int make_key(struct work *w, struct party *p) {
    int rc = wc_ecc_make_key_ex(&w->rng, KEY_BYTES, &p->key, ECC_SECP256R1);
    return rc < 0 ? refuse(w, "a key", rc) : 0;
}

static int write_key(struct work *w, struct party *p, const char *file) {
    word32 size = sizeof w->der;
    int n = wc_EccKeyToPKCS8(&p->key, w->der, &size);
    return n < 0 ? refuse(w, file, n) : write_pem(w, file, 0600, n, PKCS8_PRIVATEKEY_TYPE);
}

/* A Time (RFC 5280 4.1.2.5): the year has two digits until 2049, and four from then on. Returns its size. */
static int put_time(byte out[CTC_DATE_SIZE], time_t t) {
    struct tm tm;
    gmtime_r(&t, &tm);
    bool whole = tm.tm_year >= 2050 - 1900;
    size_t n = strftime((char *)out + 2, CTC_DATE_SIZE - 2, whole ? "%Y%m%d%H%M%SZ" : "%y%m%d%H%M%SZ", &tm);
    out[0] = whole ? ASN_GENERALIZED_TIME : ASN_UTC_TIME;
    out[1] = (byte)n;
    return (int)n + 2;
}

/* Starts a certificate, valid from and until so many days from now. */
static int begin(struct work *w, struct party *subject, struct party *issuer, int from, int until) {
    Cert *c = &w->cert;
    int rc = wc_InitCert(c);
    if (rc < 0) return rc;
    c->sigType = CTC_SHA256wECDSA;
    c->selfSigned = subject == issuer;
    snprintf(c->subject.commonName, sizeof c->subject.commonName, "%s", subject->name);
    snprintf(c->issuer.commonName, sizeof c->issuer.commonName, "%s", issuer->name);
    c->beforeDateSz = put_time(c->beforeDate, w->now + (time_t)from * DAY);
    c->afterDateSz = put_time(c->afterDate, w->now + (time_t)until * DAY);
    rc = wc_SetSubjectKeyIdFromPublicKey_ex(c, ECC_TYPE, &subject->key);
    return rc < 0 ? rc : wc_SetAuthKeyIdFromPublicKey_ex(c, ECC_TYPE, &issuer->key);
}

/* Signs the certificate that was started, and writes it. */
static int finish(struct work *w, struct party *subject, struct party *issuer, const char *file) {
    Cert *c = &w->cert;
    int n = wc_MakeCert_ex(c, w->der, sizeof w->der, ECC_TYPE, &subject->key, &w->rng);
    if (n >= 0) n = wc_SignCert_ex(c->bodySz, c->sigType, w->der, sizeof w->der, ECC_TYPE, &issuer->key, &w->rng);
    return n < 0 ? refuse(w, file, n) : write_pem(w, file, 0644, n, CERT_TYPE);
}

static int make_ca(struct work *w) {
    int rc = begin(w, &w->ca, &w->ca, -30, 30);
    w->cert.isCA = 1;
    if (rc >= 0) rc = wc_SetKeyUsage(&w->cert, "keyCertSign");
    return rc < 0 ? refuse(w, "ca.pem", rc) : finish(w, &w->ca, &w->ca, "ca.pem");
}

static int make_server(struct work *w, enum certificate_kind kind) {
    struct party *issuer = &w->ca;
    int from = -1, until = 7;
    if (kind == CERTIFICATE_EXPIRED) from = -10, until = -2;
    if (kind == CERTIFICATE_NOT_YET_VALID) from = 2, until = 10;
    if (kind == CERTIFICATE_UNKNOWN_ISSUER) issuer = &w->stranger;
    if (kind == CERTIFICATE_SELF_SIGNED) issuer = &w->server;
    bool other = kind == CERTIFICATE_OTHER_NAME;
    if (other) w->server.name = "other.example";
    int rc = begin(w, &w->server, issuer, from, until);
    size_t n = (other ? sizeof elsewhere : sizeof here) - 1;
    memcpy(w->cert.altNames, other ? elsewhere : here, n);
    w->cert.altNamesSz = (int)n;
    if (rc >= 0) rc = wc_SetKeyUsage(&w->cert, "digitalSignature");
    if (rc >= 0) rc = wc_SetExtKeyUsage(&w->cert, "serverAuth");
    return rc < 0 ? refuse(w, "cert.pem", rc) : finish(w, &w->server, issuer, "cert.pem");
}

int certificate_make(const char *folder, enum certificate_kind kind, struct fault *fault) {
    struct work *w = reserve_take(sizeof *w);
    w->folder = folder;
    w->fault = fault;
    w->now = time(NULL);
    w->ca.name = "wsbot test CA";
    w->stranger.name = "wsbot unknown CA";
    w->server.name = "localhost";
    int rc = wolfCrypt_Init(); /* counted; the last to clean up gives its caches back */
    if (rc < 0) {
        rc = refuse(w, "wolfCrypt", rc);
        goto free_work;
    }
    wc_ecc_init(&w->ca.key);
    wc_ecc_init(&w->stranger.key);
    wc_ecc_init(&w->server.key);
    rc = wc_InitRng(&w->rng);
    if (rc < 0) rc = refuse(w, "random numbers", rc);
    if (rc == 0) rc = make_key(w, &w->ca);
    if (rc == 0 && kind == CERTIFICATE_UNKNOWN_ISSUER) rc = make_key(w, &w->stranger);
    if (rc == 0) rc = make_key(w, &w->server);
    if (rc == 0) rc = make_ca(w);
    if (rc == 0) rc = make_server(w, kind);
    if (rc == 0) rc = write_key(w, &w->server, "key.pem");
    wc_FreeRng(&w->rng);
    wc_ecc_free(&w->server.key);
    wc_ecc_free(&w->stranger.key);
    wc_ecc_free(&w->ca.key);
    wolfCrypt_Cleanup();
free_work:
    explicit_bzero(w, sizeof *w);
    free(w);
    return rc;
}

#else

int certificate_make(const char *folder, enum certificate_kind kind, struct fault *fault) {
    (void)folder;
    (void)kind;
    fault_put(fault, FAULT_TLS,
              "this wolfSSL was built without the making of certificates (it needs --enable-certgen, "
              "--enable-certext and ECC)");
    return ERR_SYSTEM;
}

#endif

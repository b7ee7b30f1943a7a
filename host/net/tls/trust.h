/* trust: the one policy for verifying servers (RFC 5280 6, RFC 9525). wolfSSL is less strict in some things than people
 * expect, and stricter in a few, so both are asked: a server needs the consent of wolfSSL (verify.c says which of its
 * errors do not count) and of this. Plain C: certificates in, a verdict out; signatures are checked by a function of
 * the caller's. */
#ifndef NET_TLS_TRUST_H
#define NET_TLS_TRUST_H

#include "wire/x509.h"

enum {
    TRUST_SENT_MOST = 16,  /* certificates of a server that are read */
    TRUST_DEEPEST = 10,    /* certificates from the server's own to the anchor */
    TRUST_SIGNATURES = 24, /* signatures that are checked for one server */
    TRUST_RSA_LEAST = 2048,
    TRUST_CURVE_LEAST = 256,
    TRUST_HASH_LEAST = 256,
};

enum trust_problem {
    TRUST_FINE,
    TRUST_UNREADABLE, /* it is no certificate, or an invalid one */
    TRUST_EXPIRED,
    TRUST_NOT_YET_VALID,
    TRUST_NO_ISSUER,       /* its issuer is neither an anchor nor sent along */
    TRUST_NOT_A_CA,        /* it has issued another, and may not: it is no CA (RFC 5280 4.2.1.9), */
    TRUST_NOT_TO_SIGN,     /* has no keyCertSign in its key usage, */
    TRUST_PATH_LENGTH,     /* or too many CAs follow it */
    TRUST_CONSTRAINED,     /* its name constraints do not allow a name of one below it */
    TRUST_NOT_FOR_SERVERS, /* by its extended key usage */
    TRUST_NOT_FOR_TLS,     /* no digitalSignature in its key usage */
    TRUST_DEMANDS_MORE,    /* a critical extension that is not known */
    TRUST_WEAK_KEY,
    TRUST_WEAK_HASH,
    TRUST_FORGED, /* its signature is not its issuer's */
    TRUST_OTHER_NAME,
    TRUST_TOO_MUCH, /* TRUST_SIGNATURES were not enough to find out, or TRUST_DEEPEST certificates */
};

struct trust_question {
    const struct x509 *sent; /* by the server, its own first; `der` empty: it could not be read */
    size_t sent_count;       /* at least 1 */
    const struct x509 *anchors;
    size_t anchor_count;
    struct slice name, address; /* of the host, as x509_is_for has them */
    int64_t now;                /* seconds since 1970 */
    bool allow_weak;            /* keys and hashes that are not safe */
    bool (*signed_by)(const struct x509 *x, const struct x509 *issuer);
};

struct trust_verdict {
    enum trust_problem problem;             /* the one found farthest on the path to an anchor */
    const struct x509 *about;               /* what it is about: one of those sent, or an anchor */
    const struct x509 *below;               /* the last one on the path before it; NULL: it is the first */
    const struct x509 *path[TRUST_DEEPEST]; /* when fine: from the server's own to the anchor, which may be the same */
    size_t length;
    int64_t until; /* when the first of these expires */
};

/* A path must end in an anchor that is a valid CA; an anchor that is no CA is trusted only as the server's own
 * certificate. The first valid path to an anchor is taken, so neither the order of the certificates sent nor unneeded
 * ones matter. */
struct trust_verdict trust_judge(const struct trust_question *q);

#endif

/* trust: the one policy of whom to believe (RFC 5280 6, RFC 9525). wolfSSL is looser in some things than people
 * expect, and stricter in a few, so both are asked: it refuses what it refuses (verify.c says which of that does
 * not count), and nobody gets through who is not believed here. Plain C: certificates in, a verdict out; whose
 * signature is whose is asked of the caller. */
#ifndef NET_TLS_TRUST_H
#define NET_TLS_TRUST_H

#include "wire/x509.h"

enum {
    TRUST_SENT_MOST = 16,  /* certificates of a server that are looked at */
    TRUST_DEEPEST = 10,    /* certificates from the server's own to the anchor */
    TRUST_SIGNATURES = 24, /* that are checked for one server */
    TRUST_RSA_LEAST = 2048,
    TRUST_CURVE_LEAST = 256,
    TRUST_HASH_LEAST = 256,
};

enum trust_problem {
    TRUST_FINE,
    TRUST_UNREADABLE, /* it is no certificate, or not as it must be */
    TRUST_EXPIRED,
    TRUST_NOT_YET_VALID,
    TRUST_NO_ISSUER,       /* who issued it is neither known nor sent along */
    TRUST_NOT_A_CA,        /* it issues others, and may not: no CA (RFC 5280 4.2.1.9), */
    TRUST_NOT_TO_SIGN,     /* no keyCertSign in its key usage, */
    TRUST_PATH_LENGTH,     /* or too many CAs follow it */
    TRUST_CONSTRAINED,     /* its name constraints do not allow one that follows */
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
    enum trust_problem problem;             /* the one that was met farthest on the way to an anchor */
    const struct x509 *about;               /* what it is about: one of those sent, or an anchor */
    const struct x509 *below;               /* the last one on the way then; NULL: it is the first */
    const struct x509 *path[TRUST_DEEPEST]; /* when it is fine: from the server's own to the anchor, which may be it */
    size_t length;
    int64_t until; /* when the first of these expires */
};

/* A chain must end in an anchor that is valid and a CA; one that is no CA is trusted as exactly itself. The first way
 * to an anchor that holds is taken, so neither the order of what is sent nor what is beside it matters. */
struct trust_verdict trust_judge(const struct trust_question *q);

#endif

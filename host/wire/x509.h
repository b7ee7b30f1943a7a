/* x509: reads from a certificate (RFC 5280 4.1) what is needed to decide whether to trust it. It judges nothing
 * (net/tls/trust.h does), and checks no signature. */
#ifndef WIRE_X509_H
#define WIRE_X509_H

#include "base/slice.h"

enum x509_key { X509_KEY_OTHER, X509_KEY_RSA, X509_KEY_EC, X509_KEY_ED25519, X509_KEY_ED448 };

/* Bits of key usage (RFC 5280 4.2.1.3). */
enum { X509_DIGITAL_SIGNATURE = 1 << 0, X509_CERT_SIGN = 1 << 5 };

/* Slices are borrowed from the certificate; `p` NULL: it has no such field. */
struct x509 {
    struct slice der;
    struct slice issuer, subject;  /* whole names */
    int64_t not_before, not_after; /* seconds since 1970 */

    struct slice key_info; /* SubjectPublicKeyInfo */
    struct slice key_bits; /* the key within that */
    enum x509_key key;
    unsigned key_size;  /* bits: of RSA's modulus, or of a curve's field; 0: not known */
    unsigned hash_size; /* bits of the hash that was signed: 128 MD5, 160 SHA-1, ...; 0: not known */

    struct slice own_id, issuer_id; /* key identifiers (RFC 5280 4.2.1.2, 4.2.1.1) */
    bool is_ca;
    int path_length;     /* CAs that may follow it (RFC 5280 4.2.1.9); -1: any number */
    int usage;           /* bits of X509_DIGITAL_SIGNATURE and so on; -1: for everything */
    bool is_for_servers; /* by its extended key usage (RFC 5280 4.2.1.12); anyExtendedKeyUsage is not enough */
    struct slice names;  /* the GeneralNames of subjectAltName (RFC 5280 4.2.1.6), one element after the other */
    struct slice permitted, excluded; /* GeneralSubtrees (RFC 5280 4.2.1.10), one element after the other */
    bool demands_more;                /* it has a critical extension that is not known here (RFC 5280 4.2) */
};

/* Reads a certificate. 0, or ERR_SYNTAX where it is no certificate, or breaks RFC 5280. */
int x509_read(struct slice der, struct x509 *out);

/* Is it self-issued: are issuer and subject the same name (RFC 5280 6.1)? */
static inline bool x509_is_self_issued(const struct x509 *x) { return slice_eq(x->issuer, x->subject); }

/* May `by` have issued it, as far as names and key identifiers tell? */
bool x509_may_be_issued_by(const struct x509 *x, const struct x509 *by);

#endif

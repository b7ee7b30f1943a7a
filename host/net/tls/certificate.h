/* certificate: what a peer's certificate says of itself, as text that may be shown: it comes from strangers, so
 * it is escaped (base/shown.h). Buffers are cut to `size` and always end in NUL. */
#ifndef NET_TLS_CERTIFICATE_H
#define NET_TLS_CERTIFICATE_H

#include "wire/pin.h"
#include <stdbool.h>
#include <time.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

/* The common name of its subject, else the first of the names it is for, else the whole subject. Returns `text`. */
const char *tls_certificate_subject(WOLFSSL_X509 *cert, char *text, size_t size);

/* The same of its issuer, which signed it. Returns `text`. */
const char *tls_certificate_issuer(WOLFSSL_X509 *cert, char *text, size_t size);

/* The names and addresses that it is for (RFC 5280 4.2.1.6), with ", " between them and "..." for those that do not
 * fit; without any, its subject. To be called once for each `cert`: wolfSSL cannot go back to the first name. Returns
 * `text`. */
const char *tls_certificate_names(WOLFSSL_X509 *cert, char *text, size_t size);

/* Are its subject and issuer the same? They are not where their key identifiers differ. */
bool tls_certificate_is_self_signed(WOLFSSL_X509 *cert);

/* Its pin (wire/pin.h); empty where it cannot be read. Returns `text`. */
const char *tls_certificate_pin(WOLFSSL_X509 *cert, char text[PIN_SIZE + 1]);

/* A time of it, as seconds since 1970; -1 where it cannot be read. */
time_t tls_certificate_time(const WOLFSSL_ASN1_TIME *t);

#endif

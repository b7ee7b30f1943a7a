/* certificate: names and times out of wolfSSL's X509. */
#include "net/tls/certificate.h"

#include "base/shown.h"
#include <stdio.h>
#include <string.h>

/* Escapes a text in place, so that it may be shown. */
static const char *clean(char *text, size_t size) {
    char raw[512];
    snprintf(raw, sizeof raw, "%s", text);
    shown_copy(text, size, slice_str(raw), 0);
    return text;
}

static bool common_name(WOLFSSL_X509_NAME *name, char *text, size_t size) {
    text[0] = '\0';
    return name && wolfSSL_X509_NAME_get_text_by_NID(name, NID_commonName, text, (int)size) > 0 && text[0];
}

static const char *whole_name(WOLFSSL_X509_NAME *name, char *text, size_t size) {
    if (!name || !wolfSSL_X509_NAME_oneline(name, text, (int)size) || !text[0]) snprintf(text, size, "unknown");
    return clean(text, size);
}

const char *tls_certificate_subject(WOLFSSL_X509 *cert, char *text, size_t size) {
    WOLFSSL_X509_NAME *name = wolfSSL_X509_get_subject_name(cert);
    if (common_name(name, text, size)) return clean(text, size);
    WOLFSSL_X509 *copy = wolfSSL_X509_dup(cert); /* whose list of names is at its beginning */
    const char *first = copy ? wolfSSL_X509_get_next_altname(copy) : NULL;
    snprintf(text, size, "%s", first ? first : "");
    wolfSSL_X509_free(copy);
    return text[0] ? clean(text, size) : whole_name(name, text, size);
}

const char *tls_certificate_issuer(WOLFSSL_X509 *cert, char *text, size_t size) {
    WOLFSSL_X509_NAME *name = wolfSSL_X509_get_issuer_name(cert);
    return common_name(name, text, size) ? clean(text, size) : whole_name(name, text, size);
}

const char *tls_certificate_names(WOLFSSL_X509 *cert, char *text, size_t size) {
    static const char more[] = ", ...";
    size_t n = 0;
    text[0] = '\0';
    for (const char *name; (name = wolfSSL_X509_get_next_altname(cert));) {
        if (n + strlen(name) + 2 + sizeof more > size) {
            snprintf(text + n, size - n, "%s", n ? more : more + 2);
            break;
        }
        n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", name);
    }
    return text[0] ? clean(text, size) : tls_certificate_subject(cert, text, size);
}

bool tls_certificate_is_self_signed(WOLFSSL_X509 *cert) {
    char subject[256], issuer[256];
    WOLFSSL_X509_NAME *s = wolfSSL_X509_get_subject_name(cert), *i = wolfSSL_X509_get_issuer_name(cert);
    if (!s || !i || !wolfSSL_X509_NAME_oneline(s, subject, sizeof subject) ||
        !wolfSSL_X509_NAME_oneline(i, issuer, sizeof issuer) || strcmp(subject, issuer) != 0)
        return false;
    byte own[64], of_issuer[64]; /* the keys' identifiers (RFC 5280 4.2.1.1), where there are both */
    int n = sizeof own, m = sizeof of_issuer;
    if (!wolfSSL_X509_get_subjectKeyID(cert, own, &n) || !wolfSSL_X509_get_authorityKeyID(cert, of_issuer, &m))
        return true;
    return n == m && memcmp(own, of_issuer, (size_t)n) == 0;
}

const char *tls_certificate_pin(WOLFSSL_X509 *cert, char text[PIN_SIZE + 1]) {
    int n = 0;
    const unsigned char *der = wolfSSL_X509_get_der(cert, &n);
    pin_of_certificate(slice_of(der, n > 0 ? (size_t)n : 0), text);
    return text;
}

time_t tls_certificate_time(const WOLFSSL_ASN1_TIME *t) {
    struct tm tm = {0};
    return t && wolfSSL_ASN1_TIME_to_tm(t, &tm) == WOLFSSL_SUCCESS ? timegm(&tm) : -1;
}

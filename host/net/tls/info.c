/* info: what was agreed on and whose certificate was shown, read from wolfSSL when it is asked for: a connection keeps
 * nothing for that. */
#include "net/tls/certificate.h"
#include "net/tls/parts.h"
#include <stdio.h>

/* The peer's certificate, to be freed by wolfSSL_X509_free; NULL: there is none, or it is not known any more. A resumed
 * session has it in its chain, unless it has more than 2 KB: then the issuer's may be in its place. */
static WOLFSSL_X509 *certificate_of(WOLFSSL *ssl) {
    if (!wolfSSL_session_reused(ssl)) return wolfSSL_get_peer_certificate(ssl);
    WOLFSSL_X509_CHAIN *chain = wolfSSL_get_peer_chain(ssl);
    if (!chain || wolfSSL_get_chain_count(chain) < 1) return NULL;
    WOLFSSL_X509 *cert = wolfSSL_X509_d2i(NULL, wolfSSL_get_chain_cert(chain, 0), wolfSSL_get_chain_length(chain, 0));
    if (!cert || !wolfSSL_X509_get_isCA(cert) || tls_certificate_is_self_signed(cert)) return cert;
    wolfSSL_X509_free(cert);
    return NULL;
}

/* As RFC 8446 B.4 names it. */
static const char *cipher_of(WOLFSSL *ssl) {
    int suite = wolfSSL_get_current_cipher_suite(ssl);
    return wolfSSL_get_cipher_name_iana_from_suite((unsigned char)(suite >> 8), (unsigned char)suite);
}

bool tls_info_read(const struct tls *t, struct tls_info *out) {
    if (!t->done) return false;
    const char *cipher = cipher_of(t->ssl);
    *out = (struct tls_info){
        .version = wolfSSL_version(t->ssl) == TLS1_3_VERSION ? "1.3" : "1.2",
        .cipher = cipher ? cipher : "",
        .resumed = wolfSSL_session_reused(t->ssl),
    };
    char *alpn = NULL;
    unsigned short size = 0;
    if (wolfSSL_ALPN_GetProtocol(t->ssl, &alpn, &size) == WOLFSSL_SUCCESS && alpn)
        snprintf(out->alpn, sizeof out->alpn, "%.*s", (int)size, alpn);
    WOLFSSL_X509 *cert = certificate_of(t->ssl);
    if (!cert) return true;
    out->has_certificate = true;
    tls_certificate_subject(cert, out->subject, sizeof out->subject);
    tls_certificate_issuer(cert, out->issuer, sizeof out->issuer);
    out->not_after = tls_certificate_time(wolfSSL_X509_get_notAfter(cert));
    tls_certificate_pin(cert, out->pin);
    wolfSSL_X509_free(cert);
    return true;
}

/* tls_refusal: a certificate that is refused: whose, which rule it breaks, and what to do about that. */
#include "net/tls_certificate.h"
#include "net/tls_parts.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

/* "2026-01-02" */
static const char *day_of(const WOLFSSL_ASN1_TIME *t, char text[16]) {
    time_t at = tls_certificate_time(t);
    struct tm tm;
    if (at == -1 || !gmtime_r(&at, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm)) snprintf(text, 16, "an unknown day");
    return text;
}

/* A certificate that is refused, and its place in what the server sent: 0 is the server's own. */
struct suspect {
    WOLFSSL_X509 *cert; /* NULL: it could not be read */
    int error, place, total;
    char subject[100], issuer[100];
    char root[100];    /* the issuer of the last one sent */
    bool no_authority; /* its issuer was sent along, and is none */
    bool to_proxy;     /* see struct tls_config */
};

static const char *today(char text[16]) {
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm)) text[0] = '\0';
    return text;
}

/* Adds to a text, as far as there is room. */
static void add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, size - n, format, args);
    va_end(args);
}

/* Who is not trusted, and what to do if he should be. */
static void say_not_trusted(char *text, size_t size, const struct suspect *s) {
    char pin[PIN_SIZE + 1];
    bool is_servers = s->cert && s->place == 0;
    if (s->cert && tls_certificate_is_self_signed(s->cert)) {
        add(text, size, "is self-signed and not trusted");
    } else if (s->no_authority) {
        add(text, size, "is signed by %s, who is no authority (CA)", s->issuer);
    } else if (strcmp(s->root, s->issuer) == 0) {
        add(text, size, "is from an issuer that is not trusted: %s", s->issuer);
    } else {
        add(text, size, "is from issuers that are not trusted: %s, by way of %s", s->root, s->issuer);
    }
    if (is_servers && s->total == 1 && !tls_certificate_is_self_signed(s->cert))
        add(text, size, " (the server sends no intermediate certificate: should it?)");
    add(text, size, "; trust it with tls.ca_file");
    if (is_servers && !s->to_proxy)
        add(text, size, ", or its key alone with tls.pin = \"%s\" and verify = false",
            tls_certificate_pin(s->cert, pin));
}

/* Adds which rule it breaks, and what to do. */
static void say_problem(char *text, size_t size, const struct suspect *s) {
    char names[160], day[16], now[16];
    switch (s->error) {
    case ASN_AFTER_DATE_E:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: /* what 5.5 says of -151 */
        add(text, size, "expired on %s (today is %s by this machine's clock): the server needs a new one",
            day_of(s->cert ? wolfSSL_X509_get_notAfter(s->cert) : NULL, day), today(now));
        break;
    case ASN_BEFORE_DATE_E:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        add(text, size, "is not valid before %s (today is %s by this machine's clock: is it right?)",
            day_of(s->cert ? wolfSSL_X509_get_notBefore(s->cert) : NULL, day), today(now));
        break;
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
        add(text, size, "is for another name: %s%s",
            s->cert ? tls_certificate_names(s->cert, names, sizeof names) : "unknown",
            s->to_proxy ? "" : " (tls.server_name says which one is meant)");
        break;
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: say_not_trusted(text, size, s); break;
    case ASN_SIG_CONFIRM_E:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        add(text, size,
            "is not signed by the key of its issuer %s that is trusted: it is forged or damaged, or the issuer has "
            "another key now (is tls.ca_file old?)",
            s->issuer);
        break;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        add(text, size, "is of an authority that may not vouch for others in its turn (path length)");
        break;
    case EXTKEYUSE_AUTH_E: add(text, size, "is not for servers: its extended key usage has no serverAuth"); break;
    case KEYUSE_SIGNATURE_E:
    case KEYUSE_ENCIPHER_E:
        add(text, size, "has a key that is not for TLS: its key usage has no digitalSignature");
        break;
    case RSA_KEY_SIZE_E:
    case ECC_KEY_SIZE_E: add(text, size, "has a key that is too short to be safe"); break;
    case OCSP_CERT_REVOKED:
        add(text, size, "was revoked: its issuer says so in the OCSP response that the server sends along");
        break;
    case BAD_CERTIFICATE_STATUS_ERROR:
        add(text, size,
            "comes with an OCSP response that is not valid: out of date, of another certificate, or not signed by "
            "its issuer. The server needs a new one (tls.stapling = false does not ask for it)");
        break;
    case OCSP_LOOKUP_FAIL:
        add(text, size,
            "comes without the OCSP response that the server announced, which wolfSSL does not bear (tls.stapling = "
            "false does not ask for it)");
        break;
    default:
        add(text, size, "is refused: %s (wolfSSL %d)",
            wolfSSL_ERR_reason_error_string((unsigned long)(s->error < 0 ? -s->error : s->error)), s->error);
    }
}

static void tell_certificate(struct tls *t, struct suspect *s) {
    char problem[400] = "";
    if (s->cert) tls_certificate_issuer(s->cert, s->issuer, sizeof s->issuer);
    if (s->cert) tls_certificate_subject(s->cert, s->subject, sizeof s->subject);
    if (!s->root[0]) memcpy(s->root, s->issuer, sizeof s->root);
    s->to_proxy = t->context->config.to_proxy;
    say_problem(problem, sizeof problem, s);
    fault_put(&t->fault, "tls", "the certificate of %s%s%s%s %s [no. %d of %d: %s, signed by %s]",
              s->place ? s->subject : t->host, s->place ? ", which vouches for " : "", s->place ? t->host : "",
              s->place ? "," : "", problem, s->place + 1, s->total, s->subject, s->issuer);
}

/* What the certificates beside it say of its issuer. */
static void look_around(struct suspect *s, WOLFSSL_X509_STORE_CTX *store) {
    for (int i = s->place + 1; i < s->total; i++) {
        WOLFSSL_X509 *cert = wolfSSL_X509_d2i(NULL, store->certs[i].buffer, (int)store->certs[i].length);
        if (!cert) return;
        if (i == s->place + 1) s->no_authority = !wolfSSL_X509_get_isCA(cert);
        tls_certificate_issuer(cert, s->root, sizeof s->root);
        wolfSSL_X509_free(cert);
    }
}

int tls_refusal_verify(int ok, WOLFSSL_X509_STORE_CTX *store) {
    struct tls *t = store->userCtx;
    struct suspect s = {
        .cert = wolfSSL_X509_STORE_CTX_get_current_cert(store),
        .error = store->error,
        .place = store->error_depth,
        .total = store->totalCerts,
        .subject = "unknown",
        .issuer = "unknown",
    };
    if (ok || !t) return ok;
    look_around(&s, store);
    tell_certificate(t, &s);
    return 0;
}

/* What wolfSSL says of the peer's certificate, or of what came with it, without asking tls_refusal_verify. */
static bool is_of_certificate(int error) {
    switch (error) {
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case ASN_AFTER_DATE_E:
    case ASN_BEFORE_DATE_E:
    case ASN_SIG_CONFIRM_E:
    case EXTKEYUSE_AUTH_E:
    case KEYUSE_SIGNATURE_E:
    case KEYUSE_ENCIPHER_E:
    case RSA_KEY_SIZE_E:
    case ECC_KEY_SIZE_E:
    case OCSP_CERT_REVOKED:
    case OCSP_LOOKUP_FAIL:
    case BAD_CERTIFICATE_STATUS_ERROR: return true;
    default: return false;
    }
}

bool tls_refusal_tell(struct tls *t, int error) {
    if (!is_of_certificate(error)) return false;
    WOLFSSL_X509_CHAIN *chain = wolfSSL_get_peer_chain(t->ssl);
    struct suspect s = {
        .cert = wolfSSL_get_peer_certificate(t->ssl),
        .error = error,
        .total = chain ? wolfSSL_get_chain_count(chain) : 1,
        .subject = "unknown",
        .issuer = "unknown",
    };
    tell_certificate(t, &s);
    wolfSSL_X509_free(s.cert);
    return true;
}

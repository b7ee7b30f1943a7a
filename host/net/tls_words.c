/* tls_words: what goes wrong in TLS, in words that say what to do about it. */
#include "net/tls_certificate.h"
#include "net/tls_parts.h"
#include <stdio.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

/* "2026-01-02" */
static const char *day_of(const WOLFSSL_ASN1_TIME *t, char text[16]) {
    time_t at = tls_certificate_time(t);
    struct tm tm;
    if (at == -1 || !gmtime_r(&at, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm)) snprintf(text, 16, "an unknown day");
    return text;
}

/* What is wrong with the certificate of whom, while it is at hand. */
static void tell_certificate(struct tls *t, int error, WOLFSSL_X509 *cert, int depth) {
    char subject[128] = "unknown", issuer[128] = "unknown", names[256], day[16], who[192];
    if (cert) tls_certificate_issuer(cert, issuer, sizeof issuer);
    if (cert && depth > 0) tls_certificate_subject(cert, subject, sizeof subject);
    if (depth > 0) {
        snprintf(who, sizeof who, "the certificate of the authority \"%s\", which vouches for %s,", subject, t->host);
    } else {
        snprintf(who, sizeof who, "the certificate of %s", t->host);
    }
    switch (error) {
    case ASN_AFTER_DATE_E:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: /* what 5.5 says of -151 */
        fault_put(&t->fault, "tls", "%s expired on %s (issuer %s)", who,
                  day_of(cert ? wolfSSL_X509_get_notAfter(cert) : NULL, day), issuer);
        break;
    case ASN_BEFORE_DATE_E:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        fault_put(&t->fault, "tls", "%s is not valid before %s (issuer %s); is this machine's clock right?", who,
                  day_of(cert ? wolfSSL_X509_get_notBefore(cert) : NULL, day), issuer);
        break;
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
        fault_put(&t->fault, "tls", "the certificate that %s shows is for another name: %s", t->host,
                  cert ? tls_certificate_names(cert, names, sizeof names) : "unknown");
        break;
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        if (cert && tls_certificate_is_self_signed(cert)) {
            fault_put(&t->fault, "tls", "%s is self-signed and not trusted (trust it with tls.ca_file)", who);
        } else {
            fault_put(&t->fault, "tls", "%s is from an issuer that is not trusted: %s (trust it with tls.ca_file)", who,
                      issuer);
        }
        break;
    default:
        fault_put(&t->fault, "tls", "%s is refused (%d): %s", who, error,
                  wolfSSL_ERR_reason_error_string((unsigned long)(error < 0 ? -error : error)));
    }
}

int tls_words_verify(int ok, WOLFSSL_X509_STORE_CTX *store) {
    struct tls *t = store->userCtx;
    if (!ok && t) tell_certificate(t, store->error, wolfSSL_X509_STORE_CTX_get_current_cert(store), store->error_depth);
    return ok;
}

void tls_words_pin(struct tls *t, WOLFSSL_X509 *cert, const char *pin) {
    char subject[128] = "unknown", issuer[128] = "unknown";
    if (cert) tls_certificate_subject(cert, subject, sizeof subject);
    if (cert) tls_certificate_issuer(cert, issuer, sizeof issuer);
    fault_put(
        &t->fault, "tls",
        "the key of %s is none of those in tls.pin: it is \"%s\" (subject %s, issuer %s). If that is the server's "
        "new key, and nobody is between here and there, add it to tls.pin",
        t->host, pin, subject, issuer);
}

static const char *alert_words(int alert) {
    switch (alert) {
    case handshake_failure: return "handshake_failure: no version, cipher or certificate that both sides accept";
    case bad_certificate: return "bad_certificate: it refused our certificate";
    case unsupported_certificate: return "unsupported_certificate: it refused our certificate";
    case certificate_revoked: return "certificate_revoked: our certificate was revoked";
    case certificate_expired: return "certificate_expired: our certificate expired";
    case certificate_unknown: return "certificate_unknown: it refused our certificate";
    case unknown_ca: return "unknown_ca: it does not know the issuer of our certificate";
    case decrypt_error: return "decrypt_error";
    case wolfssl_alert_protocol_version: return "protocol_version: no TLS version that both sides accept";
    case unrecognized_name: return "unrecognized_name: it has no certificate for this name (tls.server_name)";
    case 116: return "certificate_required: it wants a client certificate (tls.cert and tls.key)";
    case 120: return "no_application_protocol: it speaks none of tls.alpn";
    default: return "an alert";
    }
}

void tls_words_fail(struct tls *t, int error) {
    WOLFSSL_ALERT_HISTORY alerts;
    char text[WOLFSSL_MAX_ERROR_SZ] = "";
    const char *doing = t->done ? "" : "the TLS handshake failed: ";
    if (wolfSSL_get_alert_history(t->ssl, &alerts) == WOLFSSL_SUCCESS && alerts.last_rx.level == alert_fatal) {
        if (!fault_set(&t->fault)) t->fault.alert = alerts.last_rx.code;
        fault_put(&t->fault, "tls", "%sthe peer sent alert %d (%s)", doing, alerts.last_rx.code,
                  alert_words(alerts.last_rx.code));
    } else if (error == UNKNOWN_RECORD_TYPE || error == VERSION_ERROR || error == -341) {
        fault_put(&t->fault, "tls", "%sthe peer does not speak %s (%s)", doing,
                  error == VERSION_ERROR ? "this version of TLS" : "TLS",
                  error == VERSION_ERROR ? "see tls.min_version" : "is it a ws:// address?");
    } else if (error == DOMAIN_NAME_MISMATCH || error == IPADDR_MISMATCH || error == ASN_NO_SIGNER_E ||
               error == ASN_SELF_SIGNED_E) {
        WOLFSSL_X509 *cert = wolfSSL_get_peer_certificate(t->ssl);
        tell_certificate(t, error, cert, 0);
        wolfSSL_X509_free(cert);
    } else {
        wolfSSL_ERR_error_string_n((unsigned long)error, text, sizeof text);
        fault_put(&t->fault, "tls", "%s%s (wolfSSL %d)", doing, text, error);
    }
}

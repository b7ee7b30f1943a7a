/* words: describes failures of TLS, and what to do about them. For certificates: refusal.c. */
#include "net/tls/certificate.h"
#include "net/tls/parts.h"
#include <wolfssl/error-ssl.h>

void tls_words_pin(struct tls *t, WOLFSSL_X509 *cert, const char *pin) {
    char subject[128] = "unknown", issuer[128] = "unknown";
    if (cert) tls_certificate_subject(cert, subject, sizeof subject);
    if (cert) tls_certificate_issuer(cert, issuer, sizeof issuer);
    fault_put(
        &t->fault, FAULT_TLS,
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
    case certificate_required: return "certificate_required: it wants a client certificate";
    case no_application_protocol: return "no_application_protocol: it speaks none of tls.alpn";
    case illegal_parameter: return "illegal_parameter: something in our part of the handshake";
    default: return "an alert";
    }
}

/* The peer refused us, and says why. */
static void tell_alert(struct tls *t, const char *doing, int alert) {
    bool required = alert == certificate_required, wanted = t->wanted && !required;
    const char *how = t->context->config.to_proxy ? ", and a proxy is shown none" : " (tls.cert and tls.key)";
    if (!fault_set(&t->fault)) t->fault.alert = alert;
    fault_put(&t->fault, FAULT_TLS, "%sthe peer sent alert %d (%s%s)%s%s", doing, alert, alert_words(alert),
              required ? how : "", wanted ? "; it asked for a client certificate" : "", wanted ? how : "");
}

void tls_words_fail(struct tls *t, int error) {
    WOLFSSL_ALERT_HISTORY alerts;
    char text[WOLFSSL_MAX_ERROR_SZ] = "";
    const char *doing = t->done ? "" : "the TLS handshake failed: ";
    if (wolfSSL_get_alert_history(t->ssl, &alerts) == WOLFSSL_SUCCESS && alerts.last_rx.level == alert_fatal) {
        tell_alert(t, doing, alerts.last_rx.code);
    } else if (tls_refusal_tell(t, error)) {
        return;
    } else if (error == UNKNOWN_RECORD_TYPE || error == -341) {
        fault_put(&t->fault, FAULT_TLS, "%sthe peer does not speak TLS (is it a ws:// address, or an http:// proxy?)",
                  doing);
    } else if (!t->done && error == VERSION_ERROR) {
        fault_put(&t->fault, FAULT_TLS,
                  "%sthe peer speaks another version of TLS only; %s and newer are spoken here (%s)", doing,
                  t->context->config.min_version == TLS_1_3 ? "1.3" : "1.2",
                  t->context->config.min_version == TLS_1_3 ? "tls.min_version" : "older ones are not safe");
    } else if (error == DH_KEY_SIZE_E) {
        fault_put(&t->fault, FAULT_TLS,
                  "%sthe peer's Diffie-Hellman group is too weak: fewer than 2048 bits (tls.allow_weak = true takes it "
                  "all the same)",
                  doing);
    } else if (error == UNKNOWN_ALPN_PROTOCOL_NAME_E) {
        fault_put(&t->fault, FAULT_TLS, "%sthe peer picked a protocol that tls.alpn does not offer", doing);
    } else {
        wolfSSL_ERR_error_string_n((unsigned long)error, text, sizeof text);
        fault_put(&t->fault, FAULT_TLS, "%s%s (wolfSSL %d)", doing, text, error);
    }
}

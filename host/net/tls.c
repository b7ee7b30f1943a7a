/* tls: one WOLFSSL object whose I/O callbacks read from a slice and write to a buffer, and words for what goes wrong.
 */
#include "net/tls.h"

#include "net/tls_context.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

enum { CIPHERTEXT_MAX = 512 * 1024 }; /* bytes fed and not used yet: a read and a record */

struct tls {
    struct tls_store *store;
    struct tls_context *context;
    WOLFSSL *ssl;
    char *host;      /* what is verified, for messages; empty for a server */
    char *server;    /* "host:port", names the session; empty for a server */
    struct slice in; /* fed, not used yet: borrowed, or what is kept */
    struct buf kept;
    struct buf out;
    bool done;       /* the handshake */
    bool has_ticket; /* one that the server gave on this connection */
    struct fault fault;
};

/* ---- words ---- */

static const char *name_of(WOLFSSL_X509_NAME *name, char *text, size_t size) {
    if (!name || wolfSSL_X509_NAME_get_text_by_NID(name, NID_commonName, text, (int)size) <= 0)
        if (!name || !wolfSSL_X509_NAME_oneline(name, text, (int)size)) snprintf(text, size, "unknown");
    return text;
}

/* "2026-01-02" from an ASN.1 time, which is YYMMDD... or YYYYMMDD... */
static const char *date_of(const WOLFSSL_ASN1_TIME *t, char text[16]) {
    const char *d = t ? (const char *)t->data : "";
    size_t n = t ? (size_t)t->length : 0;
    bool whole = t && t->type == ASN_GENERALIZED_TIME;
    snprintf(text, 16, "an unknown day");
    if (n >= 8 && whole) snprintf(text, 16, "%.4s-%.2s-%.2s", d, d + 4, d + 6);
    if (n >= 6 && !whole) snprintf(text, 16, "%s%.2s-%.2s-%.2s", d[0] >= '5' ? "19" : "20", d, d + 2, d + 4);
    return text;
}

static bool is_self_signed(WOLFSSL_X509 *cert) {
    char subject[256], issuer[256];
    WOLFSSL_X509_NAME *s = wolfSSL_X509_get_subject_name(cert), *i = wolfSSL_X509_get_issuer_name(cert);
    return s && i && wolfSSL_X509_NAME_oneline(s, subject, sizeof subject) &&
           wolfSSL_X509_NAME_oneline(i, issuer, sizeof issuer) && strcmp(subject, issuer) == 0;
}

/* The names a certificate is for, as far as they fit. */
static const char *names_in(WOLFSSL_X509 *cert, char *text, size_t size) {
    size_t n = 0;
    text[0] = '\0';
    for (char *name; (name = wolfSSL_X509_get_next_altname(cert)) && n < size;)
        n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", name);
    if (n == 0) name_of(wolfSSL_X509_get_subject_name(cert), text, size);
    return text;
}

/* What is wrong with the certificate of whom, while it is at hand. */
static void tell_certificate(struct tls *t, int error, WOLFSSL_X509 *cert, int depth) {
    char subject[128] = "unknown", issuer[128] = "unknown", names[256], day[16], who[192];
    if (cert) {
        name_of(wolfSSL_X509_get_subject_name(cert), subject, sizeof subject);
        name_of(wolfSSL_X509_get_issuer_name(cert), issuer, sizeof issuer);
    }
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
                  date_of(cert ? wolfSSL_X509_get_notAfter(cert) : NULL, day), issuer);
        break;
    case ASN_BEFORE_DATE_E:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        fault_put(&t->fault, "tls", "%s is not valid before %s (issuer %s); is this machine's clock right?", who,
                  date_of(cert ? wolfSSL_X509_get_notBefore(cert) : NULL, day), issuer);
        break;
    case DOMAIN_NAME_MISMATCH:
    case IPADDR_MISMATCH:
        fault_put(&t->fault, "tls", "the certificate that %s shows is for another name: %s", t->host,
                  cert ? names_in(cert, names, sizeof names) : "unknown");
        break;
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        if (cert && is_self_signed(cert)) {
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

/* wolfSSL asks about each certificate, with its own judgement; what it refused is put into words and stays refused. */
static int on_verify(int ok, WOLFSSL_X509_STORE_CTX *store) {
    struct tls *t = store->userCtx;
    if (!ok && t) tell_certificate(t, store->error, wolfSSL_X509_STORE_CTX_get_current_cert(store), store->error_depth);
    return ok;
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
    case 120: return "no_application_protocol";
    case illegal_parameter: return "illegal_parameter";
    default: return "an alert";
    }
}

static enum tls_step fail(struct tls *t, int error) {
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
    return TLS_FAILED;
}

/* ---- bytes ---- */

static int on_receive(WOLFSSL *ssl, char *out, int size, void *arg) {
    (void)ssl;
    struct tls *t = arg;
    struct slice part = slice_head(t->in, (size_t)size);
    if (part.n == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
    memcpy(out, part.p, part.n);
    t->in = slice_skip(t->in, part.n);
    return (int)part.n;
}

static int on_send(WOLFSSL *ssl, char *data, int size, void *arg) {
    (void)ssl;
    struct tls *t = arg;
    return buf_append(&t->out, slice_of(data, (size_t)size)) < 0 ? WOLFSSL_CBIO_ERR_GENERAL : size;
}

/* Forgets the part of what was kept that wolfSSL has read since. */
static void drop_used(struct tls *t) { buf_consume(&t->kept, t->kept.len - t->in.n); }

void tls_feed(struct tls *t, struct slice ciphertext) {
    if (t->in.n == 0) {
        buf_reset(&t->kept, 0);
        t->in = ciphertext;
        return;
    }
    drop_used(t); /* `in` is what tls_keep kept: go on behind it */
    if (buf_append(&t->kept, ciphertext) < 0) fault_put(&t->fault, "tls", "no memory for what was received");
    t->in = buf_slice(&t->kept);
}

int tls_keep(struct tls *t) {
    int rc = 0;
    if (t->kept.len) {
        drop_used(t);
    } else {
        rc = buf_append(&t->kept, t->in);
    }
    t->in = buf_slice(&t->kept);
    return rc;
}

static int on_ticket(WOLFSSL *ssl, const unsigned char *ticket, int size, void *arg) {
    (void)ssl, (void)ticket, (void)size;
    ((struct tls *)arg)->has_ticket = true;
    return 0;
}

/* ---- life ---- */

static struct tls *new_tls(struct tls_store *s, const struct tls_config *config, bool server, struct fault *fault) {
    struct tls_context *context = tls_context_get(s, config, server, fault);
    if (!context) return NULL;
    struct tls *t = calloc(1, sizeof *t);
    if (!t || !(t->ssl = wolfSSL_new(context->ctx))) {
        fault_put(fault, "tls", "no memory for a TLS session");
        free(t);
        tls_context_release(s, context);
        return NULL;
    }
    t->store = s;
    t->context = context;
    buf_init(&t->kept, CIPHERTEXT_MAX);
    buf_init(&t->out, SIZE_MAX);
    wolfSSL_SSLSetIORecv(t->ssl, on_receive);
    wolfSSL_SSLSetIOSend(t->ssl, on_send);
    wolfSSL_SetIOReadCtx(t->ssl, t);
    wolfSSL_SetIOWriteCtx(t->ssl, t);
    return t;
}

/* The form in which wolfSSL compares an address of a certificate: IPv6 as eight groups of four digits. */
static void address_to_verify(const char *host, char *text, size_t size) {
    struct in6_addr a;
    if (inet_pton(AF_INET6, host, &a) != 1) {
        snprintf(text, size, "%s", host);
        return;
    }
    size_t n = 0;
    for (int i = 0; i < 16; i += 2)
        n += (size_t)snprintf(text + n, size - n, "%s%02X%02X", i ? ":" : "", a.s6_addr[i], a.s6_addr[i + 1]);
}

static bool is_address(const char *host) {
    uint8_t a[16];
    return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

struct tls *tls_client_new(struct tls_store *s, const struct tls_config *config, const char *host, uint16_t port,
                           struct fault *fault) {
    struct tls *t = new_tls(s, config, false, fault);
    if (!t) return NULL;
    if (config->server_name) host = config->server_name;
    char name[264], server[280];
    snprintf(name, sizeof name, "%s", host);
    size_t n = strlen(name);
    if (n > 1 && name[n - 1] == '.') name[n - 1] = '\0'; /* "example.org." is example.org's */
    snprintf(server, sizeof server, "%s:%u", name, port);
    t->host = strdup(name);
    t->server = strdup(server);
    if (!t->host || !t->server) abort();
    if (!is_address(name)) wolfSSL_UseSNI(t->ssl, WOLFSSL_SNI_HOST_NAME, name, (word16)strlen(name));
    if (config->no_verify) {
        wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_NONE, NULL);
    } else {
        char verified[264];
        address_to_verify(name, verified, sizeof verified);
        wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_PEER, on_verify);
        wolfSSL_SetCertCbCtx(t->ssl, t);
        wolfSSL_check_domain_name(t->ssl, verified);
    }
    WOLFSSL_SESSION *session = tls_session_find(t->context, t->server);
    if (session) wolfSSL_set_session(t->ssl, session);
    wolfSSL_set_SessionTicket_cb(t->ssl, on_ticket, t);
    return t;
}

struct tls *tls_server_new(struct tls_store *s, const struct tls_config *config, struct fault *fault) {
    struct tls *t = new_tls(s, config, true, fault);
    if (!t) return NULL;
    wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_NONE, NULL);
    t->host = strdup("the client");
    return t;
}

void tls_free(struct tls *t) {
    if (!t) return;
    tls_memory_forget(&t->store->memory, t->ssl);
    wolfSSL_free(t->ssl);
    buf_clear(&t->kept);
    buf_clear(&t->out);
    free(t->host);
    free(t->server);
    tls_context_release(t->store, t->context);
    free(t);
}

enum tls_step tls_handshake(struct tls *t) {
    if (t->done) return TLS_DONE;
    if (fault_set(&t->fault)) return TLS_FAILED;
    int rc = t->server ? wolfSSL_connect(t->ssl) : wolfSSL_accept(t->ssl);
    if (rc == WOLFSSL_SUCCESS) {
        t->done = true;
        tls_memory_settle(&t->store->memory, t->ssl);
        return TLS_DONE;
    }
    int error = wolfSSL_get_error(t->ssl, rc);
    if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return TLS_MORE;
    return fail(t, error);
}

enum tls_step tls_read(struct tls *t, uint8_t *out, size_t size, size_t *n) {
    if (fault_set(&t->fault)) return TLS_FAILED;
    int rc = wolfSSL_read(t->ssl, out, (int)size);
    if (rc > 0) {
        *n = (size_t)rc;
        return TLS_DONE;
    }
    int error = wolfSSL_get_error(t->ssl, rc);
    if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return TLS_MORE;
    if (error == WOLFSSL_ERROR_ZERO_RETURN) return TLS_ENDED;
    return fail(t, error);
}

int tls_write(struct tls *t, struct slice plain) {
    while (plain.n) {
        int rc = wolfSSL_write(t->ssl, plain.p, plain.n < (1 << 20) ? (int)plain.n : 1 << 20);
        if (rc <= 0) {
            fail(t, wolfSSL_get_error(t->ssl, rc));
            return ERR_SYSTEM;
        }
        plain = slice_skip(plain, (size_t)rc);
    }
    return 0;
}

void tls_end(struct tls *t) {
    if (!t->done) return;
    if (!fault_set(&t->fault)) wolfSSL_shutdown(t->ssl);
    /* A resumed session without a new ticket has the old one beside new secrets, which do not fit it: a server takes
     * no such session, and ends the handshake (illegal_parameter). The one that it was resumed from still serves. */
    bool keeps = t->server && !fault_set(&t->fault) && (t->has_ticket || !tls_resumed(t));
    WOLFSSL_SESSION *session = keeps ? wolfSSL_get1_session(t->ssl) : NULL;
    if (session) tls_session_keep(t->context, t->server, session);
}

struct buf *tls_out(struct tls *t) {
    return &t->out;
}
const struct fault *tls_fault(const struct tls *t) { return &t->fault; }

void tls_describe(const struct tls *t, char *text, size_t size) {
    snprintf(text, size, "%s %s", wolfSSL_get_version(t->ssl), wolfSSL_get_cipher(t->ssl));
}

bool tls_resumed(const struct tls *t) { return wolfSSL_session_reused(t->ssl); }

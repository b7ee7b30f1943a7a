/* tls: one WOLFSSL object whose I/O callbacks read from a slice and write to a buffer. */
#include "base/container_of.h"
#include "base/reserve.h"
#include "net/net.h"
#include "net/tls/certificate.h"
#include "net/tls/parts.h"
#include "net/tls/ticket.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <wolfssl/error-ssl.h>

enum {
    CIPHERTEXT_MAX = 2 * NET_READ_SIZE, /* bytes fed and not used yet: a read, and what tls_keep kept of the last */
    UNSENT_MOST = 1 << 20,              /* bytes of unsent output while reading; writers stay far below that */
};

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
    if (buf_append(&t->kept, ciphertext) < 0) fault_put(&t->fault, FAULT_TLS, "no memory for what was received");
    t->in = buf_slice(&t->kept);
}

bool tls_has_unread(const struct tls *t) { return t->in.n > 0 || wolfSSL_pending(t->ssl) > 0; }

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

/* Keeps a ticket that came after the handshake. */
static int on_ticket(WOLFSSL *ssl, const unsigned char *ticket, int size, void *arg) {
    struct tls *t = arg;
    (void)ticket;
    (void)size;
    if (t->done) tls_session_keep(t->context, t->server, wolfSSL_get1_session(ssl), t->until);
    return 0;
}

/* ---- life ---- */

static enum tls_step fail(struct tls *t, int error) {
    tls_words_fail(t, error);
    return TLS_FAILED;
}

static struct tls *new_tls(struct tls_store *s, const struct tls_config *config, bool server, struct fault *fault) {
    struct tls_context *context = tls_context_get(s, config, server, fault);
    if (!context) return NULL;
    struct tls *t = calloc(1, sizeof *t);
    errno = 0;
    if (!t || !(t->ssl = wolfSSL_new(context->ctx))) {
        tls_context_refused(fault);
        free(t);
        tls_context_release(s, context);
        return NULL;
    }
    t->store = s;
    t->context = context;
    context->made++;
    buf_init(&t->kept, CIPHERTEXT_MAX);
    buf_init(&t->out, SIZE_MAX);
    wolfSSL_SSLSetIORecv(t->ssl, on_receive);
    wolfSSL_SSLSetIOSend(t->ssl, on_send);
    wolfSSL_SetIOReadCtx(t->ssl, t);
    wolfSSL_SetIOWriteCtx(t->ssl, t);
    return t;
}

static bool is_address(const char *host) {
    uint8_t a[16];
    return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

static int on_certificate_wanted(WOLFSSL *ssl, WOLFSSL_X509 **cert, WOLFSSL_EVP_PKEY **key) {
    (void)cert;
    (void)key;
    struct tls *t = wolfSSL_GetIOReadCtx(ssl);
    t->wanted = true;
    return 0;
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
    if (!t->host || !t->server) {
        fault_put(fault, FAULT_TLS, "no memory for a TLS session");
        tls_free(t);
        return NULL;
    }
    if (!is_address(name)) wolfSSL_UseSNI(t->ssl, WOLFSSL_SNI_HOST_NAME, name, (word16)strlen(name));
    if (config->no_verify) {
        wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_NONE, NULL);
    } else {
        wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_PEER, tls_verify);
        wolfSSL_SetCertCbCtx(t->ssl, t);
    }
    if (!config->cert) wolfSSL_CTX_set_client_cert_cb(t->context->ctx, on_certificate_wanted);
    if (config->alpn)
        wolfSSL_UseALPN(t->ssl, config->alpn, (word32)strlen(config->alpn), WOLFSSL_ALPN_FAILED_ON_MISMATCH);
    const struct tls_session *last = tls_session_find(t->context, t->server, time(NULL));
    t->until = last ? last->until : INT64_MAX;
    if (last) wolfSSL_set_session(t->ssl, last->session);
    wolfSSL_set_SessionTicket_cb(t->ssl, on_ticket, t);
    t->shown_1_2 = t->ticket_waits = last && wolfSSL_version(t->ssl) == TLS1_2_VERSION;
    return t;
}

struct tls *tls_server_new(struct tls_store *s, const struct tls_config *config, struct fault *fault) {
    struct tls *t = new_tls(s, config, true, fault);
    if (!t) return NULL;
    wolfSSL_set_verify(t->ssl, WOLFSSL_VERIFY_NONE, NULL);
    t->host = reserve_copy("the client");
    return t;
}

void tls_free(struct tls *t) {
    if (!t) return;
    tls_anchors_leave(&t->wait);
    if (t->server && (!t->done || fault_set(&t->fault))) /* (RFC 5246 7.2.2); and it may be why the handshake failed */
        tls_session_keep(t->context, t->server, NULL, 0);
    tls_memory_forget(&t->store->memory, t->ssl);
    wolfSSL_free(t->ssl);
    free(t->trial);
    buf_clear(&t->kept);
    buf_clear(&t->out);
    free(t->host);
    free(t->server);
    tls_context_release(t->store, t->context);
    free(t);
}

void tls_trace_as(struct tls *t, const struct trace_subject *subject) {
    t->subject = subject;
    if (!trace_wants(TRACE_TLS)) return;
    char made[64] = "a new context";
    if (t->context->made > 1) snprintf(made, sizeof made, "the context of %u more", t->context->made - 1);
    bool offers = t->server && tls_session_find(t->context, t->server, time(NULL));
    trace_line(TRACE_TLS, subject, "%s; %s%s", made,
               !t->server ? "a server's end"
               : offers   ? "offers the session that it has of "
                          : "has no session of ",
               t->server ? t->server : "");
}

/* Has the server a pinned key? A resumed session was checked before: a context, with its sessions, is for one
 * configuration alone. */
static bool has_pinned_key(struct tls *t) {
    const char *pins = t->context->config.pins;
    if (!t->server || !pins || wolfSSL_session_reused(t->ssl)) return true;
    char pin[PIN_SIZE + 1] = "";
    WOLFSSL_X509 *cert = wolfSSL_get_peer_certificate(t->ssl);
    bool has = cert && pin_is_among(pins, tls_certificate_pin(cert, pin));
    if (!has) tls_words_pin(t, cert, pin);
    wolfSSL_X509_free(cert);
    return has;
}

/* False: more bytes are needed before wolfSSL may read them. */
static bool ticket_is_settled(struct tls *t) {
    if (!t->ticket_waits || t->in.n == 0) return true;
    enum tls_ticket ticket = tls_ticket_look(t->in);
    if (ticket == TLS_TICKET_MORE) return false;
    if (ticket == TLS_TICKET_REFUSED) wolfSSL_set_SessionTicket(t->ssl, NULL, 0);
    t->ticket_waits = false;
    return true;
}

/* A resumed session is not kept: it has the old ticket with new secrets, which do not belong together; the session that
 * it was resumed from stays usable. And a server that refused a session of TLS 1.2 may support 1.3 by now: the next
 * connection offers that again. */
static void keep_session(struct tls *t) {
    if (wolfSSL_session_reused(t->ssl)) return;
    tls_session_keep(t->context, t->server, t->shown_1_2 ? NULL : wolfSSL_get1_session(t->ssl), t->until);
}

static void on_anchors(struct tls_anchors_wait *w) {
    struct tls *t = container_of(w, struct tls, wait);
    if (t->ready) t->ready(t->ready_arg);
}

void tls_await(struct tls *t, void (*ready)(void *arg), void *arg) {
    t->ready = ready;
    t->ready_arg = arg;
}

/* Gives the context its CAs, once they have been read. TLS_MORE: they are being read. */
static enum tls_step settle(struct tls *t) {
    struct tls_anchors *anchors = t->context->anchors;
    if (anchors && !anchors->is_ready) {
        if (!t->wait.ready) TRACE(TRACE_TLS, t->subject, "waits for the CAs to be read");
        t->wait.ready = on_anchors;
        tls_anchors_wait(anchors, &t->wait);
        return TLS_MORE;
    }
    return tls_context_settle(t->context, &t->fault) < 0 ? TLS_FAILED : TLS_DONE;
}

/* Did tls_verify accept the server, in this handshake or in that of the session that was resumed? */
static bool is_believed(struct tls *t) {
    if (!t->context->anchors || t->is_believed || wolfSSL_session_reused(t->ssl)) return true;
    fault_put(&t->fault, FAULT_TLS, "the server showed no certificate");
    return false;
}

static enum tls_step shake_hands(struct tls *t) {
    if (fault_set(&t->fault)) return TLS_FAILED;
    enum tls_step settled = settle(t);
    if (settled != TLS_DONE) return settled;
    if (!ticket_is_settled(t)) return TLS_MORE;
    int rc = t->server ? wolfSSL_connect(t->ssl) : wolfSSL_accept(t->ssl);
    if (rc == WOLFSSL_SUCCESS) {
        if (!is_believed(t) || !has_pinned_key(t)) return TLS_FAILED;
        t->done = true;
        tls_verify_done(t);
        if (t->server) keep_session(t);
        tls_memory_settle(&t->store->memory, t->ssl);
        return TLS_DONE;
    }
    int error = wolfSSL_get_error(t->ssl, rc);
    if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return TLS_MORE;
    return fail(t, error);
}

static void trace_outcome(const struct tls *t) {
    struct tls_info info;
    if (tls_info_read(t, &info))
        trace_line(TRACE_TLS, t->subject, "TLS %s, %s, %s%s%s", info.version, info.cipher,
                   info.resumed ? "resumed" : "a full handshake", info.alpn[0] ? ", " : "", info.alpn);
    else
        trace_line(TRACE_TLS, t->subject, "refused: %s", t->fault.text);
}

enum tls_step tls_handshake(struct tls *t) {
    if (t->done) return TLS_DONE;
    enum tls_step step = shake_hands(t);
    if (step != TLS_MORE && trace_wants(TRACE_TLS)) trace_outcome(t);
    return step;
}

enum tls_step tls_read(struct tls *t, uint8_t *out, size_t size, size_t *n) {
    if (t->out.len > UNSENT_MOST) /* every key update may ask for one of ours (RFC 8446 4.6.3) */
        fault_put(&t->fault, FAULT_TLS, "the peer asks for new keys again and again, and does not read them");
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
    if (t->done && !fault_set(&t->fault)) wolfSSL_shutdown(t->ssl);
}

size_t tls_waiting(const struct tls *t) { return t->kept.len + t->out.len; }

struct buf *tls_out(struct tls *t) {
    return &t->out;
}
const struct fault *tls_fault(const struct tls *t) { return &t->fault; }

/* parts: what the files that make up tls (tls.c, info.c, refusal.c, verify.c, words.c) share.
 * Nobody else includes it. */
#ifndef NET_TLS_PARTS_H
#define NET_TLS_PARTS_H

#include "net/tls/anchors.h"
#include "net/tls/context.h"
#include "net/tls/tls.h"
#include "net/tls/trust.h"

/* The certificates that a server sent, while they are verified; their bytes are in wolfSSL's memory. */
struct tls_trial {
    struct x509 sent[TRUST_SENT_MOST];
    size_t count;
    struct trust_verdict verdict;
};

struct tls {
    struct tls_store *store;
    struct tls_context *context;
    WOLFSSL *ssl;
    char *host;      /* what is verified, for messages; empty for a server */
    char *server;    /* "host:port", names the TLS session to resume; empty for a server */
    struct slice in; /* fed, not used yet: borrowed, or what is kept */
    struct buf kept;
    struct buf out;
    bool done;         /* the handshake */
    bool shown_1_2;    /* it began with a session of TLS 1.2, and offers nothing newer: wolfSSL does not */
    bool ticket_waits; /* whether the server takes the ticket is not known yet: see ticket.h */
    bool wanted;       /* the server asked for a certificate of ours, and there is none */
    struct fault fault;
    bool is_believed;             /* in this handshake, by its certificate */
    int64_t until;                /* when the first certificate on the verified path expires */
    struct tls_trial *trial;      /* NULL: no certificates are being verified */
    struct tls_anchors_wait wait; /* for the CAs to be read */
    void (*ready)(void *arg);
    void *ready_arg;
    const struct trace_subject *subject; /* of its lines in the trace; NULL: nobody's */
};

/* ---- verify.c ---- */

/* The verify callback of wolfSSL, called for each certificate with wolfSSL's own verdict. */
int tls_verify(int ok, WOLFSSL_X509_STORE_CTX *store);

/* The handshake is over: frees what verifying took. */
void tls_verify_done(struct tls *t);

/* ---- refusal.c ---- */

/* Puts into words in t->fault why the server of t->trial is not believed. */
void tls_refusal_tell_verdict(struct tls *t);

/* The same for what wolfSSL says of the server's own certificate. */
void tls_refusal_tell_error(struct tls *t, int error);

/* Is `error` one about a certificate or an OCSP response, for which wolfSSL does not call tls_verify? Then it is put
 * into words, too. */
bool tls_refusal_tell(struct tls *t, int error);

/* ---- words.c ---- */

/* Keeps in t->fault why wolfSSL gave up with `error`, where nothing is kept yet. */
void tls_words_fail(struct tls *t, int error);

/* Keeps in t->fault that the server's certificate has a key that is not pinned: `pin`. */
void tls_words_pin(struct tls *t, WOLFSSL_X509 *cert, const char *pin);

#endif

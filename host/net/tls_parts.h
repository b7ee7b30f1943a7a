/* tls_parts: what the files that make up tls (tls.c, tls_info.c, tls_refusal.c, tls_words.c) share. Nobody else
 * includes it. */
#ifndef NET_TLS_PARTS_H
#define NET_TLS_PARTS_H

#include "net/tls.h"
#include "net/tls_context.h"

struct tls {
    struct tls_store *store;
    struct tls_context *context;
    WOLFSSL *ssl;
    char *host;      /* what is verified, for messages; empty for a server */
    char *server;    /* "host:port", names the session; empty for a server */
    struct slice in; /* fed, not used yet: borrowed, or what is kept */
    struct buf kept;
    struct buf out;
    bool done;         /* the handshake */
    bool shown_1_2;    /* it began with a session of TLS 1.2, and offers nothing newer: wolfSSL does not */
    bool ticket_waits; /* what the server says to its ticket: see tls_ticket.h */
    bool wanted;       /* the server asked for a certificate of ours, and there is none */
    struct fault fault;
};

/* ---- tls_refusal.c ---- */

/* The callback of wolfSSL that is asked about each certificate, with its own judgement; what it refused is put into
 * words in t->fault, and stays refused. */
int tls_refusal_verify(int ok, WOLFSSL_X509_STORE_CTX *store);

/* Is `error` what wolfSSL says of the server's certificate without asking? Then it is put into words as well. */
bool tls_refusal_tell(struct tls *t, int error);

/* ---- tls_words.c ---- */

/* Keeps in t->fault why wolfSSL gave up with `error`, where nothing is kept yet. */
void tls_words_fail(struct tls *t, int error);

/* Keeps in t->fault that the server's certificate has a key that is not pinned: `pin`. */
void tls_words_pin(struct tls *t, WOLFSSL_X509 *cert, const char *pin);

#endif

/* tls_context: a configuration loaded into wolfSSL, shared by all connections that have it. Only tls.c looks in here.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/tls.h"
#include "net/tls_memory.h"
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum {
    TLS_SESSIONS = 64,     /* servers whose session a context remembers */
    TLS_IDLE_CONTEXTS = 8, /* contexts kept though no connection uses them */
};

struct tls_session {
    char *server; /* "host:port" */
    WOLFSSL_SESSION *session;
};

struct tls_context {
    struct tls_context *next;
    struct tls_config config; /* its own copy */
    bool server;
    WOLFSSL_CTX *ctx;
    unsigned users;
    struct tls_session sessions[TLS_SESSIONS];
    unsigned next_session; /* the place that is overwritten next */
};

struct tls_store {
    struct tls_context *contexts;
    struct tls_aes *aes; /* NULL: AES as wolfSSL has it */
    struct tls_memory memory;
    bool warned; /* that verification is off */
};

/* The context for `config`, held until tls_context_release. NULL with `fault`. */
struct tls_context *tls_context_get(struct tls_store *s, const struct tls_config *config, bool server,
                                    struct fault *fault);
void tls_context_release(struct tls_store *s, struct tls_context *c);

/* The session of a server, or NULL. Borrowed. */
WOLFSSL_SESSION *tls_session_find(struct tls_context *c, const char *server);

/* Remembers a session, which becomes the context's; NULL: forgets what there is. */
void tls_session_keep(struct tls_context *c, const char *server, WOLFSSL_SESSION *session);

#endif

/* context: a configuration loaded into wolfSSL, shared by all connections that have it. Only tls.c looks in here.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/tls/memory.h"
#include "net/tls/tls.h"
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum {
    TLS_SESSIONS = 64,     /* servers whose TLS session a context keeps */
    TLS_IDLE_CONTEXTS = 8, /* contexts kept though no connection uses them */
};

struct tls_session {
    char *server; /* "host:port" */
    WOLFSSL_SESSION *session;
    int64_t until; /* when the first certificate on its server's verified path expires; seconds since 1970 */
};

struct tls_context {
    struct tls_context *next;
    struct tls_config config; /* its own copy */
    bool server;
    WOLFSSL_CTX *ctx;
    struct tls_anchors *anchors; /* of a client that verifies; else NULL */
    bool is_ready;               /* wolfSSL has the anchors */
    bool is_old;                 /* their files have changed: no new connection takes it */
    unsigned users;
    unsigned made; /* TLS sessions made so far */
    struct tls_session sessions[TLS_SESSIONS];
    unsigned next_session; /* the place that is overwritten next */
};

struct tls_store {
    struct net *net;
    struct tls_context *contexts;
    struct tls_anchors *anchors;
    struct tls_aes *aes; /* NULL: wolfSSL's own AES */
    struct tls_memory memory;
    bool warned, warned_weak; /* the log has said that verification is off, that weak keys are allowed */
};

/* The context for `config`, held until tls_context_release. NULL with `fault`. */
struct tls_context *tls_context_get(struct tls_store *s, const struct tls_config *config, bool server,
                                    struct fault *fault);
void tls_context_release(struct tls_store *s, struct tls_context *c);

/* Its CAs have been read: gives them to wolfSSL. 0, or ERR_SYSTEM with `fault`. */
int tls_context_settle(struct tls_context *c, struct fault *fault);

/* Says in `fault` that wolfSSL made no object, and why by errno, which was 0 before: wolfSSL opens /dev/urandom, for
 * one. Returns an enum err. */
int tls_context_refused(struct fault *fault);

/* The session that can be resumed with a server at the time `now`, or NULL. Borrowed. */
const struct tls_session *tls_session_find(struct tls_context *c, const char *server, int64_t now);

/* Keeps a session, which becomes the context's, for a server and until a time. NULL: drops the one that is kept. */
void tls_session_keep(struct tls_context *c, const char *server, WOLFSSL_SESSION *session, int64_t until);

#endif

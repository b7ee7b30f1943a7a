/* context: a configuration loaded into wolfSSL, shared by all connections that have it. Only tls.c looks in here.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/tls/memory.h"
#include "net/tls/tls.h"
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum {
    TLS_SESSIONS = 64,     /* servers whose session a context remembers */
    TLS_IDLE_CONTEXTS = 8, /* contexts kept though no connection uses them */
};

struct tls_session {
    char *server; /* "host:port" */
    WOLFSSL_SESSION *session;
    int64_t until; /* the first certificate expires that its server was believed for; seconds since 1970 */
};

struct tls_context {
    struct tls_context *next;
    struct tls_config config; /* its own copy */
    bool server;
    WOLFSSL_CTX *ctx;
    struct tls_anchors *anchors; /* of a client that verifies; else NULL */
    bool is_ready;               /* wolfSSL has them */
    bool is_old;                 /* their files have changed: no new connection takes it */
    unsigned users;
    unsigned made; /* TLS sessions that were, so far */
    struct tls_session sessions[TLS_SESSIONS];
    unsigned next_session; /* the place that is overwritten next */
};

struct tls_store {
    struct net *net;
    struct tls_context *contexts;
    struct tls_anchors *anchors;
    struct tls_aes *aes; /* NULL: AES as wolfSSL has it */
    struct tls_memory memory;
    bool warned, warned_weak; /* that verification is off, that what is weak is allowed */
};

/* The context for `config`, held until tls_context_release. NULL with `fault`. */
struct tls_context *tls_context_get(struct tls_store *s, const struct tls_config *config, bool server,
                                    struct fault *fault);
void tls_context_release(struct tls_store *s, struct tls_context *c);

/* Its CAs have been read: wolfSSL has them from now on. 0, or ERR_SYSTEM with `fault`. */
int tls_context_settle(struct tls_context *c, struct fault *fault);

/* Says in `fault` that wolfSSL has given nothing, and why by errno, which was 0 before: it opens /dev/urandom, for one.
 * Returns an enum err. */
int tls_context_refused(struct fault *fault);

/* The session of a server at that time, or NULL. Borrowed. */
const struct tls_session *tls_session_find(struct tls_context *c, const char *server, int64_t now);

/* Remembers a session, which becomes the context's, until then; NULL: forgets what there is. */
void tls_session_keep(struct tls_context *c, const char *server, WOLFSSL_SESSION *session, int64_t until);

#endif

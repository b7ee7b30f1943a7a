/* plan: what a connection was told to do: where to, how, and its limits. Connections that were told the same have one
 * in common: a load generator has thousands. */
#ifndef NET_DIAL_PLAN_H
#define NET_DIAL_PLAN_H

#include "net/dial/dial.h"
#include "net/net.h"
#include "net/option.h"
#include "net/tls/tls.h"
#include "wire/handshake.h"
#include "wire/retry.h"

/* What is sent while it is not open: waits during an attempt, between attempts as well, or is refused. */
enum conn_queueing { QUEUE_CONNECTING, QUEUE_ALWAYS, QUEUE_NEVER };

/* Times are nanoseconds, sizes bytes. */
struct conn_settings {
    uint64_t ping_interval; /* 0: none */
    uint64_t connect_timeout, handshake_timeout, close_timeout, pong_timeout;
    size_t max_message_size, max_send_buffer, max_receive_buffer;
    size_t fragment_size; /* bytes of a frame at most, of messages that are sent; 0: they leave whole */
    enum conn_queueing queue;
    struct retry_policy retry; /* of a client */
    unsigned max_redirects;    /* that are followed in one attempt; 0: none */
    bool redirect_headers;     /* the script's go to another origin as well */
    bool cookies;              /* what the server sets is sent with the next handshake */
};

/* What is an option of ws.connect has a row in options.c, which says what is usual. */
struct plan {
    unsigned users; /* with more than one it does not change: see plan_own */
    struct conn_settings settings;
    struct url url;               /* of a client */
    struct handshake_offer offer; /* of a client; of a server, whether it agrees on compression */
    struct tls_config tls;
    char *local;        /* the address to bind to, or NULL */
    int family;         /* 4 or 6: that one alone; 0: both */
    struct buf resolve; /* what names stand for (net/dial/resolve.h) */
    struct option_proxy proxy;
    size_t size;                  /* bytes of all this; known when it is shared */
    struct plan *next, *previous; /* of those that are shared; linked while `shared` */
    bool shared;
};

extern const struct option plan_options[];

/* The usual one, for one user. NULL: there is no memory for it. */
struct plan *plan_new(void);
struct plan *plan_hold(struct plan *p); /* for one user more; returns it */
void plan_release(struct net *net, struct plan *p);

/* The plan at `*at`, to be changed: where others have it too, `*at` becomes a copy. NULL: there is no memory for that,
 * and `*at` is as it was. */
struct plan *plan_own(struct net *net, struct plan **at);

/* It is as it is to be: where another connection has the same, `*at` becomes that one. */
void plan_share(struct net *net, struct plan **at);

/* How to dial. Borrowed from the plan. */
struct dial_options plan_dial(const struct plan *p);

#endif

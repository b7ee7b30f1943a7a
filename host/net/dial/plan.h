/* plan: what a connection was told to do: where to connect, how, and its limits. Connections with equal plans share
 * one: a load generator has thousands of them. */
#ifndef NET_DIAL_PLAN_H
#define NET_DIAL_PLAN_H

#include "net/dial/dial.h"
#include "net/net.h"
#include "net/option.h"
#include "net/tls/tls.h"
#include "wire/handshake.h"
#include "wire/retry.h"

/* What conn_send does with a message while the connection is not open: queues it during an attempt, between attempts as
 * well, or refuses it. */
enum conn_queueing { QUEUE_CONNECTING, QUEUE_ALWAYS, QUEUE_NEVER };

/* When a connection changes its transport by itself, and how long the old one stays. Nanoseconds. */
struct rotate_policy {
    uint64_t every; /* 0: never */
    uint64_t overlap;
};

/* Times are nanoseconds, sizes bytes. */
struct conn_settings {
    uint64_t ping_interval; /* 0: none */
    uint64_t connect_timeout, handshake_timeout, close_timeout, pong_timeout;
    size_t max_message_size, max_send_buffer, max_receive_buffer;
    size_t fragment_size; /* the most bytes in a frame that is sent; 0: no message is fragmented */
    enum conn_queueing queue;
    struct retry_policy retry; /* of a client */
    struct rotate_policy rotate;
    unsigned max_redirects; /* that are followed in one attempt; 0: none */
    bool redirect_headers;  /* the script's headers are sent to another origin as well */
    struct option_cookies cookies;
};

/* What is an option of ws.connect has a row in options.c, which has its default. */
struct plan {
    unsigned users; /* with more than one it must not be changed: see plan_own */
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
extern const struct option plan_reconnect[]; /* of these: those of a struct retry_policy */

/* The default plan, with one user. NULL: there is no memory for it. */
struct plan *plan_new(void);
struct plan *plan_hold(struct plan *p); /* adds a user; returns `p` */
void plan_release(struct net *net, struct plan *p);

/* The plan at `*at`, to be changed: where others have it too, `*at` becomes a copy. NULL: there is no memory for that,
 * and `*at` is as it was. */
struct plan *plan_own(struct net *net, struct plan **at);

/* The changes are done: where another connection has an equal plan, `*at` becomes that one. */
void plan_share(struct net *net, struct plan **at);

/* How to dial. Borrowed from the plan. */
struct dial_options plan_dial(const struct plan *p);

#endif

/* listener: accepts connections for the server role: the echo peer, and the test peer. */
#ifndef NET_CONN_LISTENER_H
#define NET_CONN_LISTENER_H

#include "base/err.h"
#include "net/address.h"
#include "net/conn/conn.h"

struct listener;

/* What happens with each connection accepted. */
struct listener_options {
    const char *path;             /* a Unix domain socket to make; only this user, and root, get in; NULL: TCP */
    const char *host;             /* an address to listen on */
    uint16_t port;                /* 0: a free one */
    const struct tls_config *tls; /* NULL: plain. Borrowed while the listener lives */
    const struct conn_sink *sink;
    void (*accepted)(
        void *arg,
        struct conn *c); /* settings may be changed now; its reference is the listener's, and is released on return */
    void *arg;           /* for the sink, and for `accepted` */
};

/* Starts to listen. 0, or ERR_SYSTEM with `fault`. */
int listener_open(struct listener **out, struct net *net, const struct listener_options *options, struct fault *fault);

/* The address it listens on, as "127.0.0.1:1234"; not of a Unix domain socket. */
void listener_address(const struct listener *l, char *text, size_t size);

/* From now on it does not keep the loop alive. */
void listener_unref(struct listener *l);

/* Stops, and removes its Unix domain socket; connections that were accepted live on. */
void listener_close(struct listener *l);

#endif

/* incoming: accepts the connections to a listening socket, some in each turn of the loop. libuv itself would accept
 * without end, and do nothing else, while clients connect as fast as that. */
#ifndef NET_INCOMING_H
#define NET_INCOMING_H

#include "base/err.h"
#include "net/stream.h"

struct incoming {
    struct net *net;
    uv_stream_t *listening;
    bool unix_path;                                /* it is a Unix domain socket */
    void (*accepted)(void *arg, struct stream *s); /* `s` is the callee's, who may close it */
    void *arg;
    struct deadline again;     /* accepts the next one */
    union address address;     /* that it listens on; empty: it does not */
    LIST_ENTRY(incoming) link; /* of those of the same net that listen */
};

/* Reads an address to listen on. 0, or ERR_SYSTEM with `fault`: it is no address, or not one of this machine. */
int incoming_read_address(union address *out, const char *host, uint16_t port, struct fault *fault);

/* The socket listens from now on, and is found by incoming_is_at; of a Unix domain socket the address is empty. */
void incoming_begin(struct incoming *in, union address address);

/* Does a socket of this net listen on this address? */
bool incoming_is_at(const struct net *net, const union address *address);

/* A connection has come: to be called by uv_connection_cb of libuv. */
void incoming_came(struct incoming *in, int status);

/* Accepts no more: to be called before the socket is closed. */
void incoming_end(struct incoming *in);

#endif

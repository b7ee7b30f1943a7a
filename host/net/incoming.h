/* incoming: accepts the connections to a listening socket, some in each turn of the loop. Of those who connect as fast
 * as they are accepted libuv would accept one after the other, and do nothing else. */
#ifndef NET_INCOMING_H
#define NET_INCOMING_H

#include "base/err.h"
#include "net/stream.h"

struct incoming {
    struct net *net;
    uv_stream_t *listening;
    void (*accepted)(void *arg, struct stream *s); /* who owns it from then on, and may close it */
    void *arg;
    struct deadline again;     /* until the next one is accepted */
    union address address;     /* that it listens on; empty: it does not */
    LIST_ENTRY(incoming) link; /* of those of the same net that listen */
};

/* Reads an address to listen on. 0, or ERR_SYSTEM with `fault`: it is none, or none of this machine. */
int incoming_read_address(union address *out, const char *host, uint16_t port, struct fault *fault);

/* It listens, and may be found by incoming_is_at. */
void incoming_begin(struct incoming *in, union address address);

/* Does one of this net listen on this address? */
bool incoming_is_at(const struct net *net, const union address *address);

/* One has come: libuv's uv_connection_cb is to call it. */
void incoming_came(struct incoming *in, int status);

/* No more is accepted; before the socket is closed. */
void incoming_end(struct incoming *in);

#endif

/* incoming: accepts the connections to a listening socket, some in each turn of the loop. Of those who connect as fast
 * as they are accepted libuv would accept one after the other, and do nothing else. */
#ifndef NET_INCOMING_H
#define NET_INCOMING_H

#include "net/stream.h"

struct incoming {
    struct net *net;
    uv_stream_t *listening;
    void (*accepted)(void *arg, struct stream *s); /* who owns it from then on, and may close it */
    void *arg;
    struct deadline again; /* until the next one is accepted */
};

/* One has come: libuv's uv_connection_cb is to call it. */
void incoming_came(struct incoming *in, int status);

/* No more is accepted; before the socket is closed. */
void incoming_end(struct incoming *in);

#endif

/* lookup: the addresses of a name, found off the loop. It sets no deadline: who asks decides when to give up. */
#ifndef NET_LOOKUP_H
#define NET_LOOKUP_H

#include "net/net.h"

enum { LOOKUP_MOST = 16 }; /* addresses */

struct lookup;

/* The result: 0 and the addresses, with the port asked for, both families in turn, the resolver's first choice (RFC
 * 6724) first, as RFC 8305 4 says; or a libuv error. They live until the return. Called once, in a later turn of the
 * loop, unless lookup_cancel came first. `l` is gone after it. */
typedef void (*lookup_done)(void *arg, int status, const struct sockaddr_storage *addresses, size_t count);

/* Starts. 0, or a libuv error, and then `*out` is NULL and `done` is not called. */
int lookup_start(struct lookup **out, struct net *net, const char *host, uint16_t port, lookup_done done, void *arg);

/* Ends it; `done` is not called. */
void lookup_cancel(struct lookup *l);

/* Reads a literal address. False where it is none. */
bool lookup_literal(const char *host, uint16_t port, struct sockaddr_storage *out);

#endif

/* dial: from a host name to a connected socket. Names are looked up off the loop; the addresses found are tried as RFC
 * 8305 says: both families in turn, the next one 250 ms after the last or as soon as that failed, the first to answer
 * wins. It sets no deadline: who dials decides when to give up. */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "base/err.h"
#include "net/stream.h"

struct dial;

/* The result: a connected stream, now the receiver's, or NULL and a fault ("dns" or "connect"). Called once, in a later
 * turn of the loop, unless dial_cancel came first. `d` is gone after it. */
typedef void (*dial_done)(void *arg, struct stream *s, const struct fault *fault);

/* Starts. `host` is a name or an address; `local` an address to bind to, or NULL. `title` stands before the host in
 * what is told of it: "", or "the proxy "; a string literal. */
struct dial *dial_start(struct net *net, const char *title, const char *host, uint16_t port, const char *local,
                        dial_done done, void *arg);

/* Starts to a socket of the file system. */
struct dial *dial_start_path(struct net *net, const char *path, dial_done done, void *arg);

/* Ends it; `done` is not called. */
void dial_cancel(struct dial *d);

/* Is the name still being looked up? */
bool dial_is_looking_up(const struct dial *d);

/* What it waits for, for the message of a deadline: "no address for NAME" or "no answer from ADDRESS". */
void dial_describe(const struct dial *d, char *text, size_t size);

#endif

/* dial: from a host name to a connected socket. Names are looked up off the loop (net/dial/names.h); the addresses are
 * tried as RFC 8305 says: both families in turn, the next one 250 ms after the last or as soon as that failed, the
 * first to answer wins. Those that failed in the last minute come last (net/dial/dead.h). It sets no deadline: the
 * caller decides when to give up. */
#ifndef NET_DIAL_DIAL_H
#define NET_DIAL_DIAL_H

#include "base/err.h"
#include "base/slice.h"
#include "base/trace.h"
#include "net/stream.h"

struct dial;

/* How to dial. All zero is the default: any address there is. */
struct dial_options {
    const char *local;                   /* the IP address to bind to, which chooses the family as well; NULL: any */
    int family;                          /* 4 or 6: that one alone; 0: both */
    struct slice resolve;                /* what names stand for (net/dial/resolve.h) */
    const char *title;                   /* a literal before the host in texts about it: "the proxy "; NULL: none */
    const struct trace_subject *subject; /* whom lines of the trace are about, until the end; NULL: nobody */
};

/* The result: a connected stream, now the receiver's, which may read already, and where it leads; or NULL
 * and a fault ("dns" or "connect"). Called once, never from within dial_start, unless dial_cancel came first. `d` is
 * gone after it. */
typedef void (*dial_done)(void *arg, struct stream *s, union address to, const struct fault *fault);

/* Starts. `host` is a name or an address, perhaps with a zone (net/address.h); where that is known without a look-up,
 * the first connect has been asked for when this returns. The options are borrowed until then. NULL: there is no memory
 * for it. */
struct dial *dial_start(struct net *net, const char *host, uint16_t port, const struct dial_options *how,
                        dial_done done, void *arg);

/* Starts to connect to a Unix domain socket, or for "@name" to an abstract one of Linux. `subject` as that of the
 * options. NULL as above. */
struct dial *dial_start_path(struct net *net, const char *path, const struct trace_subject *subject, dial_done done,
                             void *arg);

/* Ends it; `done` is not called. */
void dial_cancel(struct dial *d);

/* Does it wait for a look-up alone? */
bool dial_is_looking_up(const struct dial *d);

/* Its time is up, and dial_cancel follows: what has not answered counts as dead. Writes what it waited for: "no address
 * for NAME" or "no answer from ADDRESS, ADDRESS", and how other addresses failed. */
void dial_time_out(struct dial *d, char *text, size_t size);

#endif

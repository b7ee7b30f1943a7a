/* tunnel: connects to a server, directly (net/dial) or through a proxy, by its dialogue (wire/proxy) and, for an
 * https:// proxy, TLS to it. It sets no deadline: the caller decides when to give up. */
#ifndef NET_DIAL_TUNNEL_H
#define NET_DIAL_TUNNEL_H

#include "net/dial/dial.h"
#include "net/dial/plan.h"

struct tunnel;

/* Starts to connect to `url` as the plan says, by plan->proxy, or else by the proxy that the environment names now; not
 * for listeners in this process and Unix domain sockets. `url` is borrowed until the return, `subject`, which lines of
 * the trace are about, until the end; the plan is held until then. `done` is as for dial_start; beside "dns" and
 * "connect" the fault may be "proxy", which names it ("127.0.0.1:3128", never with user and password) and what it
 * answered. NULL: there is no memory for it. */
struct tunnel *tunnel_start(struct net *net, const struct url *url, struct plan *plan,
                            const struct trace_subject *subject, dial_done done, void *arg);

/* Ends it; `done` is not called. */
void tunnel_cancel(struct tunnel *t);

/* Is a name still being looked up? */
bool tunnel_is_looking_up(const struct tunnel *t);

/* The phase it is in: "dns", "connect" or "proxy". */
const char *tunnel_phase(const struct tunnel *t);

/* Its time is up, and tunnel_cancel follows. Writes what it waited for: "no answer from ADDRESS", ... */
void tunnel_time_out(struct tunnel *t, char *text, size_t size);

#endif

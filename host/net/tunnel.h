/* tunnel: the way to a server, whatever leads there: straight (net/dial), or through a proxy, by its dialogue
 * (wire/proxy) and TLS of its own where it is https://. It sets no deadline: who asks decides when to give up. */
#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

#include "net/dial.h"
#include "net/plan.h"

struct tunnel;

/* Starts the way to plan->url, from plan->local, by plan->proxy or else as the environment says now; its listeners in
 * this process, and sockets of the file system, need no proxy of the environment. Nothing of the plan is kept. `done`
 * is as of dial_start; beside "dns" and "connect" the fault may be "proxy", which names it ("127.0.0.1:3128", never
 * with user and password) and what it answered. */
struct tunnel *tunnel_start(struct net *net, const struct plan *plan, dial_done done, void *arg);

/* Ends it; `done` is not called. */
void tunnel_cancel(struct tunnel *t);

/* Is a name still being looked up? */
bool tunnel_is_looking_up(const struct tunnel *t);

/* Where it is: "dns", "connect" or "proxy". */
const char *tunnel_phase(const struct tunnel *t);

/* What it waits for, for the message of a deadline: "no answer from ADDRESS", ... */
void tunnel_describe(const struct tunnel *t, char *text, size_t size);

#endif

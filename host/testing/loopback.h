/* loopback: connections that have both ends in this process, as those of tests have. With the clock stopped a test must
 * know when everything that was said has been heard: the kernel hands bytes over in its own time. */
#ifndef TESTING_LOOPBACK_H
#define TESTING_LOOPBACK_H

#include "net/conn/conn.h"

/* A server's side was accepted: notes both ends as a pair, where the other is a conn of this process. */
void loopback_pair(struct conn *server);

/* Has everything arrived that one end has sent to another that reads? That includes the beginnings and ends of
 * connections, and names that are being looked up; and `with_dials` those who await an answer from anywhere, which may
 * never come. */
bool loopback_is_quiet(const struct net *net, bool with_dials);

#endif

/* loopback: connections with both ends in this process, as in tests. While the clock is stopped, a test must know when
 * all that was sent has arrived: the kernel delivers bytes in its own time. */
#ifndef TESTING_LOOPBACK_H
#define TESTING_LOOPBACK_H

#include "net/conn/conn.h"

/* To be called when a server's side was accepted: notes both ends as a pair, where the other is a conn of this
 * process. */
void loopback_pair(struct conn *server);

/* Has everything arrived that one end has sent to another which reads? That includes the beginnings and ends of
 * connections, and names that are being looked up; and, `with_dials`, dials that wait for any host, which may never
 * reply. */
bool loopback_is_quiet(const struct net *net, bool with_dials);

#endif

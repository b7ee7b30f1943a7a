/* ticket: does a server of TLS 1.2 accept the session ticket that it was sent? wolfSSL assumes so, and fails at the
 * first message of a full handshake; if it is told in time that there is no ticket, it goes on with the full handshake.
 * That holds for 5.5.4 and 5.7.2 (which looks for a session ID first, but gives each ticket one): no version is known
 * that does not need this. */
#ifndef NET_TLS_TICKET_H
#define NET_TLS_TICKET_H

#include "base/slice.h"

enum tls_ticket {
    TLS_TICKET_MORE,    /* more of the answer is needed to tell */
    TLS_TICKET_TAKEN,   /* or the answer is invalid: wolfSSL will say so */
    TLS_TICKET_REFUSED, /* a full handshake begins */
};

/* Looks at the first bytes that came from the server: a ServerHello, and what is behind it (RFC 5077 3.1). */
enum tls_ticket tls_ticket_look(struct slice in);

#endif

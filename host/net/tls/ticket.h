/* ticket: does a server of TLS 1.2 take the ticket that it was shown? wolfSSL takes that for granted, and fails with
 * the first message of a full handshake; told in time that there is no ticket, it goes on with that. So do 5.5.4
 * and 5.7.2 (which looks for a session ID first, but gives each ticket one): no version is known that needs no such
 * look. */
#ifndef NET_TLS_TICKET_H
#define NET_TLS_TICKET_H

#include "base/slice.h"

enum tls_ticket {
    TLS_TICKET_MORE,    /* more of the answer is needed to tell */
    TLS_TICKET_TAKEN,   /* or the answer is none: wolfSSL will say so */
    TLS_TICKET_REFUSED, /* a full handshake begins */
};

/* Looks at the first bytes that came from the server: a ServerHello, and what is behind it (RFC 5077 3.1). */
enum tls_ticket tls_ticket_look(struct slice in);

#endif

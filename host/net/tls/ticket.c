/* ticket: walks over records (RFC 5246 6.2.1) to the message behind the first one. */
#include "net/tls/ticket.h"

enum {
    RECORD_HEAD = 5,
    RECORD_HANDSHAKE = 22,
    MESSAGE_HEAD = 4,
    HELLO_MOST = 16 * 1024, /* bytes, far more than a ServerHello has */
    MESSAGE_NEW_TICKET = 4,
};

enum tls_ticket tls_ticket_look(struct slice in) {
    size_t ahead = 0; /* bytes of messages up to the second one */
    bool known = false;
    for (;;) {
        if (in.n < RECORD_HEAD) return TLS_TICKET_MORE;
        size_t size = (size_t)in.p[3] << 8 | in.p[4];
        if (in.p[0] != RECORD_HANDSHAKE || size == 0) return TLS_TICKET_TAKEN; /* ChangeCipherSpec, or an alert */
        struct slice part = slice_head(slice_skip(in, RECORD_HEAD), size);
        if (!known) {
            if (size < MESSAGE_HEAD) return TLS_TICKET_TAKEN;
            if (part.n < MESSAGE_HEAD) return TLS_TICKET_MORE;
            ahead = MESSAGE_HEAD + ((size_t)part.p[1] << 16 | (size_t)part.p[2] << 8 | part.p[3]);
            if (ahead > HELLO_MOST) return TLS_TICKET_TAKEN;
            known = true;
        }
        if (ahead < part.n) return part.p[ahead] == MESSAGE_NEW_TICKET ? TLS_TICKET_TAKEN : TLS_TICKET_REFUSED;
        if (part.n < size) return TLS_TICKET_MORE;
        ahead -= size;
        in = slice_skip(in, RECORD_HEAD + size);
    }
}

/* handshake: the opening handshake (RFC 6455 4), both sides: writes our head, judges the peer's. Heads are parsed by
 * http1. */
#ifndef WIRE_HANDSHAKE_H
#define WIRE_HANDSHAKE_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/deflate.h"
#include "wire/http1.h"
#include "wire/url.h"

enum {
    HANDSHAKE_KEY_SIZE = 24,         /* characters of Sec-WebSocket-Key */
    HANDSHAKE_OFFER_MAX = 64 * 1024, /* bytes of the headers a script may add */
};

/* What a client asks for beyond the address. Empty after handshake_offer_init. */
struct handshake_offer {
    struct buf headers;                                /* lines ready to be sent, CRLF included */
    struct buf protocols;                              /* "v2.chat, v1.chat" */
    struct buf origin;                                 /* empty: no Origin line */
    struct deflate_offer deflate;                      /* off after handshake_offer_init */
    bool host_given, agent_given, authorization_given; /* `headers` has such a line */
};

void handshake_offer_init(struct handshake_offer *o);
void handshake_offer_clear(struct handshake_offer *o);

/* Adds a header line. 0, or ERR_RANGE with `*why` a literal: a name that is no token, one that the handshake owns, a
 * value with a control character, or over 64 KB in all. */
int handshake_offer_header(struct handshake_offer *o, struct slice name, struct slice value, const char **why);

/* Forgets the header lines, for others to take their place. */
void handshake_offer_reset_headers(struct handshake_offer *o);

/* Adds a subprotocol. 0, or ERR_RANGE with `*why`: not a token, or offered before (RFC 6455 4.1, 10). */
int handshake_offer_protocol(struct handshake_offer *o, struct slice name, const char **why);

/* Sets the Origin. 0, or ERR_RANGE with `*why`. */
int handshake_offer_origin(struct handshake_offer *o, struct slice origin, const char **why);

/* Makes a Sec-WebSocket-Key from 16 random bytes. */
void handshake_key(const uint8_t nonce[16], char key[HANDSHAKE_KEY_SIZE + 1]);

/* What a request has in addition to the offer, or without parts of it. All zero: as the offer is. */
struct handshake_extras {
    struct slice cookies; /* "a=1; b=2": go into one Cookie line with those of the offer (RFC 6265 5.4) */
    bool foreign; /* it goes to another origin than the script named, or was redirected by one. Then of the script's
                     headers only User-Agent, Accept and Accept-Language are sent, and no subprotocol that looks like a
                     key (wire/secret.h). */
    bool headers; /* where it is foreign, the script's headers are sent all the same, but for Host, cookies and
                     credentials */
};

/* Appends the request; `extras` NULL: none. 0, ERR_FULL or ERR_NOMEM. */
int handshake_request_write(struct buf *out, const struct url *url, const struct handshake_offer *offer,
                            const struct handshake_extras *extras, const char *key);

/* Is an answer of this status a redirect, if it has a Location (RFC 9110 15.4)? */
static inline bool handshake_is_redirect(unsigned status) {
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

/* Judges the answer to a request with `key` and `offer`. 0: the connection is open, `*protocol` is what the server
 * chose (`p` NULL: none). ERR_RANGE: it is not, and `fault` (kind "handshake") says why. 1xx other than 101 are the
 * caller's to skip. */
int handshake_response_judge(const struct http1_head *head, const struct handshake_offer *offer, const char *key,
                             struct slice *protocol, struct deflate_params *deflate, struct fault *fault);

/* The server's side. Judges a request: 101, or the status to refuse it with (400, 405, 426) and `*why` a literal. */
unsigned handshake_request_judge(const struct http1_head *head, const char **why);

/* Appends the answer that accepts `request`; `protocol` empty: none. With `deflate`, compression is agreed on where the
 * client offers it, and `*deflate` says how; NULL: it is not. 0, ERR_FULL or ERR_NOMEM. */
int handshake_response_write(struct buf *out, const struct http1_head *request, struct slice protocol,
                             struct deflate_params *deflate);

/* Appends an answer that refuses, with `why` as its body. 0, ERR_FULL or ERR_NOMEM. */
int handshake_refusal_write(struct buf *out, unsigned status, const char *why);

#endif

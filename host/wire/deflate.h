/* deflate: permessage-deflate (RFC 7692) over zlib: its parameters, offered, judged and agreed on, and the two streams.
 * A stream has no memory before it is first used, nor between messages where there is no context take-over. */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include "base/buf.h"
#include "base/err.h"
#define ZLIB_CONST
#include <zlib.h>

enum {
    DEFLATE_BITS_MIN = 8, /* of a window: 2^8 to 2^15 bytes (RFC 7692 7.1.2) */
    DEFLATE_BITS_MAX = 15,
    DEFLATE_THRESHOLD = 64, /* bytes: shorter messages are sent as they are, where nothing else is asked for */
};

/* What a client offers, and how it compresses. */
struct deflate_offer {
    bool on;
    bool server_no_context_takeover, client_no_context_takeover;
    uint8_t server_max_window_bits; /* 0: not asked for */
    uint8_t client_max_window_bits; /* 0: offered without a value: the server may choose */
    int level;                      /* of zlib: 0 to 9 */
    int memory_level;               /* of zlib: 1 to 9 */
    size_t threshold;               /* bytes; shorter messages are sent as they are */
};

/* The default: compression is offered, with the default level and memory level of zlib. */
extern const struct deflate_offer deflate_default_offer;

/* What was agreed on. */
struct deflate_params {
    bool on;
    bool server_no_context_takeover, client_no_context_takeover;
    uint8_t server_max_window_bits, client_max_window_bits; /* 8 to 15 */
};

/* Appends the value of Sec-WebSocket-Extensions that makes the offer. 0, ERR_FULL or ERR_NOMEM. */
int deflate_offer_write(struct buf *out, const struct deflate_offer *offer);

/* Judges the answer, all its Sec-WebSocket-Extensions lines joined by commas (RFC 7692 7.1). 0 with `*out`, or
 * ERR_RANGE with a fault ("handshake"): an extension or a parameter that was not offered, repeated, unknown or out of
 * range. */
int deflate_answer_judge(struct slice answer, const struct deflate_offer *offer, struct deflate_params *out,
                         struct fault *fault);

/* A server's side: accepts the first offer that it can, and appends the value of Sec-WebSocket-Extensions that says so.
 * Where it can accept none, nothing is appended and `out->on` is false. 0, ERR_FULL or ERR_NOMEM. */
int deflate_request_accept(struct slice request, struct deflate_params *out, struct buf *answer);

/* The two streams of one side of a conversation. */
struct deflate {
    z_stream deflater, inflater;
    bool deflating, inflating;         /* the stream is initialized */
    bool keep_deflater, keep_inflater; /* context take-over */
    int deflate_bits, inflate_bits, level, memory_level;
    uint64_t plain_in, packed_in, plain_out, packed_out; /* bytes of messages, and of what they were or are packed to */
};

/* Prepares the client's or the server's side for what was agreed on. `offer` says how to compress. */
void deflate_init(struct deflate *d, const struct deflate_params *params, const struct deflate_offer *offer,
                  bool client);
void deflate_clear(struct deflate *d);

/* How many bytes its streams take, about. */
size_t deflate_size(const struct deflate *d);

/* Forgets the compression context, since what was compressed last will not be sent: the next message must not refer to
 * it. */
void deflate_forget(struct deflate *d);

/* Compresses a whole message, the tail 00 00 ff ff cut off (RFC 7692 7.2.1), onto `out`. 0, ERR_FULL or ERR_NOMEM; then
 * the stream is of no further use. */
int deflate_message(struct deflate *d, struct slice message, struct buf *out);

/* Inflates a part of a message onto `out`; `last`: the part ends the message. What is inflated never passes the cap of
 * `out`. 0, ERR_TOO_BIG (it would), ERR_SYNTAX (not DEFLATE) or ERR_NOMEM; then the stream is of no further use. */
int deflate_inflate(struct deflate *d, struct slice part, bool last, struct buf *out);

#endif

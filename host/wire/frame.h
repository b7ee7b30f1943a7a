/* frame: one frame head (RFC 6455 5.2). Stateless; what a head means within a conversation is judged by ws. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/slice.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xA,
};

enum {
    FRAME_HEAD_MAX = 14,     /* bytes of the longest head */
    FRAME_CONTROL_MAX = 125, /* payload bytes of a control frame (RFC 6455 5.5) */
    FRAME_ERROR_SIZE = 160,  /* bytes of the text of frame_error_tell, at most, with a NUL */
};

struct frame_head {
    bool fin;
    uint8_t rsv; /* RSV1 is 4, RSV2 is 2, RSV3 is 1 */
    enum frame_opcode opcode;
    bool masked;
    uint8_t mask[4]; /* zero where not masked */
    uint64_t length; /* of the payload, below 2^63 */
};

/* What a head may look like here. */
struct frame_rules {
    uint8_t rsv_allowed; /* bits that an extension uses, in the first frame of a message */
    bool masked;         /* frames must be masked (what a server reads), or must not be (what a client reads) */
};

/* What can be wrong in a head. */
enum frame_error {
    FRAME_BAD_RSV = -1,
    FRAME_BAD_OPCODE = -2,
    FRAME_BAD_CONTROL = -3,      /* a control frame that is fragmented or over 125 bytes */
    FRAME_BAD_MASK = -4,         /* masked and must not be */
    FRAME_MISSING_MASK = -5,     /* not masked and must be */
    FRAME_LENGTH_NOT_LEAST = -6, /* not the shortest form of the length */
    FRAME_LENGTH_TOO_LARGE = -7, /* 2^63 and above */
};

static inline bool frame_is_control(enum frame_opcode opcode) { return (opcode & 0x8) != 0; }

/* Reads a head from the front of `in`. Returns its size, 0 when `in` has only part of one, or a frame_error, as soon as
 * the first byte that proves it is there. Writes `*out` only when the result is positive. Allocates nothing. */
int frame_head_read(struct slice in, const struct frame_rules *rules, struct frame_head *out);

/* Writes `head` in its shortest form; returns its size. */
size_t frame_head_write(uint8_t out[FRAME_HEAD_MAX], const struct frame_head *head);

/* How large head and payload of `length` bytes, which are in memory, are together. */
size_t frame_size(size_t length, bool masked);

/* Describes a frame_error in the head at the front of `in`, with what was found there. The text is the same however
 * much of `in` has come. */
void frame_error_tell(int error, struct slice in, const struct frame_rules *rules, char text[FRAME_ERROR_SIZE]);

/* "continuation", "text", "ping", ...; NULL: it is reserved. */
const char *frame_opcode_name(unsigned opcode);

#endif

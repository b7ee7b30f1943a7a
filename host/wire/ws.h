/* ws: the conversation after the upgrade, either role (RFC 6455 5 to 7): frames become messages, pings are answered,
 * the closing handshake is kept. Bytes in, events out; the caller pulls. Replies go into the buffer given at the start.
 * The first fault ends it: a Close frame with the right code is written, and all input after it is ignored. */
#ifndef WIRE_WS_H
#define WIRE_WS_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/deflate.h"
#include "wire/frame.h"
#include "wire/utf8.h"

enum ws_role { WS_CLIENT, WS_SERVER };

enum ws_kind {
    WS_TEXT = FRAME_TEXT,
    WS_BINARY = FRAME_BINARY,
    WS_CLOSE = FRAME_CLOSE,
    WS_PING = FRAME_PING,
    WS_PONG = FRAME_PONG
};

/* Close codes with a meaning here (RFC 6455 7.4.1). */
enum {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_NO_CODE = 1005,  /* never sent: a Close frame came without a code */
    WS_CLOSE_ABNORMAL = 1006, /* never sent: no Close frame came */
    WS_CLOSE_INVALID_DATA = 1007,
    WS_CLOSE_TOO_BIG = 1009,
};

enum {
    WS_REASON_MAX = FRAME_CONTROL_MAX - 2, /* bytes of a close reason */
    WS_PONG_BACKLOG = 1 << 20,             /* output waiting, in bytes, above which only the latest ping is answered */
    WS_KEEP = 64 * 1024,                   /* memory kept from one message to the next of the same read, in bytes */
    WS_LARGE = 48 * 1024,  /* bytes of a message from which on it is read directly into memory of its own */
    WS_FIRST = 128 * 1024, /* bytes of that memory at first; it grows as the message arrives */
    WS_BEFORE = 24,        /* bytes that are free in front of a message in its own memory; one is free behind it */
    WS_INFLATE = 1024, /* compressed bytes that are inflated at a time: they become a thousand times as many at most */
    WS_GLANCE = 4 * 1024, /* bytes to read beyond the end of a large message: another may follow */
};

/* What came. `data` lives until the next ws_ call on this conversation. */
struct ws_event {
    enum ws_kind kind;
    struct slice data;  /* the message; of a ping or pong its payload; of a Close the reason */
    uint16_t code;      /* of a Close: the peer's code, or WS_CLOSE_NO_CODE */
    uint32_t tag;       /* from backlog_first: as it was put */
    struct buf *memory; /* of a large message: its own, which the caller may take (buf_swap); else NULL */
};

enum ws_step {
    WS_MORE,   /* all input is used: bring more */
    WS_EVENT,  /* *ev is filled */
    WS_LATER,  /* ws->inflate_left is used up: go on when there is more of it */
    WS_FAILED, /* ws->fault says why; from now on input is ignored */
};

/* The state of reading within a frame or message. Allocated for that time alone: most connections are idle. */
struct ws_partial {
    uint8_t head[FRAME_HEAD_MAX]; /* the part of a head that a read ended in */
    uint8_t head_n;
    bool in_frame; /* a head was read, `left` bytes of its payload are to come */
    struct frame_head frame;
    uint64_t left;
    uint8_t control[FRAME_CONTROL_MAX]; /* the payload of a control frame that is cut or masked */

    uint8_t kind;               /* of the message being received; 0: none */
    bool compressed, delivered; /* `message` went out with the last event and is to be emptied */
    bool large; /* the frame is a message that has memory of its own, unless it lies whole in the input */
    struct utf8 utf8;
    uint64_t compressed_size; /* bytes of it that came, where it is compressed */
    struct buf message;       /* fragments and parts so far */
};

struct ws {
    enum ws_role role;
    uint16_t sent_code; /* in our Close frame; WS_CLOSE_NO_CODE: it had none; 0: not sent */
    bool close_sent : 1, close_received : 1;
    uint8_t pong_n;
    uint8_t *pong; /* the payload of a ping that could not be answered yet; NULL: there is none */

    uint32_t frames_in, frames_out; /* modulo 2^32 */

    uint64_t max_message_size; /* bytes */
    struct buf *out;           /* borrowed: where frames are written; the caller sends and consumes */
    uint32_t (*mask)(void);    /* a fresh masking key; used by clients alone */

    size_t large;               /* bytes of the last message, where that was read into its own memory; 0: it was not */
    struct ws_partial *partial; /* what was read of a frame or message that is not whole; NULL: between two messages */
    struct deflate *deflate;    /* NULL: messages are not compressed */
    int64_t inflate_left;       /* bytes that may still be inflated in this turn; the last WS_INFLATE bytes of input may
                                   exceed it */
    size_t threshold;           /* bytes of a message from which on it is sent compressed */
    size_t fragment;            /* the most bytes of payload in a frame that is sent; 0: no message is fragmented */
    struct fault *fault;        /* "protocol", "invalid_utf8" or "too_big", and why; NULL: none yet */
};

/* Has the conversation failed? */
static inline bool ws_failed(const struct ws *w) { return w->fault != NULL; }

/* Does a ping wait for its answer until `out` is emptier? */
static inline bool ws_pong_due(const struct ws *w) { return w->pong != NULL; }

/* Starts a conversation. `out` and `mask` are borrowed for its whole life. */
void ws_init(struct ws *w, enum ws_role role, uint64_t max_message_size, struct buf *out, uint32_t (*mask)(void));
void ws_clear(struct ws *w);

/* Limits the size of messages from now on; one being received that is larger already is refused when more of it
 * comes. */
void ws_limit(struct ws *w, uint64_t max_message_size);

/* From the first message on, messages are compressed as was agreed on. 0 or ERR_NOMEM. */
int ws_use_deflate(struct ws *w, const struct deflate_params *params, const struct deflate_offer *offer);

/* Advances `in` past what it used. WS_EVENT fills `*ev`. Writes the answers to pings and the echo of a Close into `out`
 * by itself. */
enum ws_step ws_step(struct ws *w, struct slice *in, struct ws_event *ev);

/* Where to read the next bytes to, and how many at most: `*at` and `*n` come with the caller's choice, and may be
 * changed. The rest of a large message is best read directly into its memory; then the bytes at `*at` are the input of
 * the next ws_step. */
void ws_place(struct ws *w, uint8_t **at, size_t *n);

/* Appends one message, in one frame or in fragments of w->fragment bytes (RFC 6455 5.4). 0, ERR_CLOSED (a Close was
 * sent or received, or the conversation failed), ERR_INVALID_UTF8 (a text that is not UTF-8), ERR_FULL (past the cap of
 * `out`) or ERR_NOMEM; where it is not 0, nothing was appended. */
int ws_send(struct ws *w, enum ws_kind kind, struct slice data);

/* Appends a ping with up to 125 bytes. 0, ERR_CLOSED, ERR_RANGE (too long), ERR_FULL or ERR_NOMEM. */
int ws_ping(struct ws *w, struct slice data);

/* Appends our Close frame; `code` 0 sends it without a code, and then without a reason. 0 (also where one was sent
 * before), ERR_RANGE (a code that may not be sent, or a reason over 123 bytes), ERR_INVALID_UTF8 (the reason), ERR_FULL
 * or ERR_NOMEM. */
int ws_close(struct ws *w, uint16_t code, struct slice reason);

/* Answers the latest ping where that had to wait until `out` was emptier. Call it after `out` was sent. */
void ws_catch_up(struct ws *w);

/* How many bytes have come of a message that is not whole yet; and how many bytes of memory the conversation has. */
size_t ws_received(const struct ws *w);
size_t ws_size(const struct ws *w);

/* Fails the conversation ("too_big", 1009), since there is no memory for what came. */
void ws_refuse(struct ws *w, const char *text);

/* May this code stand in a Close frame (RFC 6455 7.4 and the IANA registry)? */
bool ws_close_code_valid(uint16_t code);

#endif

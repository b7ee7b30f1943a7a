/* ws_send: the writer of a conversation: messages as frames, pings, the Close, and the pongs that pings ask for. */
#include "wire/ws_parts.h"

#include "wire/mask.h"
#include <stdlib.h>

/* Appends a frame with that head, whose mask and length it fills in. A text in one frame is validated while it is
 * copied: most text is ASCII. */
static inline int put_frame(struct ws *w, struct frame_head head, struct slice data) {
    head.masked = w->role == WS_CLIENT;
    head.length = data.n;
    if (head.masked) {
        uint32_t key = w->mask();
        memcpy(head.mask, &key, 4);
    }
    size_t size = frame_size(data.n, head.masked);
    uint8_t *to = buf_reserve(w->out, size);
    if (!to) return buf_fits(w->out, size) ? ERR_NOMEM : ERR_FULL;
    to += frame_head_write(to, &head);
    bool ascii = false;
    if (head.masked)
        ascii = mask_copy(to, data.p, data.n, head.mask, 0);
    else if (data.n)
        memcpy(to, data.p, data.n);
    bool checked = head.opcode == FRAME_TEXT && head.fin && !head.rsv;
    if (checked && !ascii && !utf8_valid(data)) return ERR_INVALID_UTF8;
    buf_commit(w->out, size);
    w->frames_out++;
    return 0;
}

/* Appends a message in fragments. If it is a text, it has been validated, or is compressed. */
static int put_fragments(struct ws *w, enum frame_opcode opcode, uint8_t rsv, struct slice data) {
    size_t before = w->out->len;
    for (bool first = true; first || data.n; first = false) {
        struct slice part = slice_head(data, w->fragment);
        data = slice_skip(data, part.n);
        struct frame_head head = {.fin = data.n == 0, .opcode = first ? opcode : FRAME_CONTINUATION};
        if (first) head.rsv = rsv; /* RFC 7692 6.1: the first frame alone */
        int rc = put_frame(w, head, part);
        if (rc == 0) continue;
        w->out->len = before;
        return rc;
    }
    return 0;
}

static int put(struct ws *w, enum frame_opcode opcode, uint8_t rsv, struct slice data) {
    if (!w->fragment || data.n <= w->fragment || opcode >= FRAME_CLOSE)
        return put_frame(w, (struct frame_head){.fin = true, .rsv = rsv, .opcode = opcode}, data);
    if (opcode == FRAME_TEXT && !rsv && !utf8_valid(data)) return ERR_INVALID_UTF8;
    return put_fragments(w, opcode, rsv, data);
}

static int put_compressed(struct ws *w, enum frame_opcode opcode, struct slice data) {
    struct buf shorter;
    if (opcode == FRAME_TEXT && !utf8_valid(data)) return ERR_INVALID_UTF8;
    buf_init(&shorter, SIZE_MAX);
    int rc = deflate_message(w->deflate, data, &shorter);
    if (rc == 0) rc = put(w, opcode, WS_RSV_COMPRESSED, buf_slice(&shorter));
    if (rc < 0) deflate_forget(w->deflate);
    buf_clear(&shorter);
    return rc;
}

bool ws_may_send(const struct ws *w) { return !w->close_sent && !w->close_received && !ws_failed(w); }

int ws_send(struct ws *w, enum ws_kind kind, struct slice data) {
    if (!ws_may_send(w)) return ERR_CLOSED;
    if (w->deflate && data.n >= w->threshold) return put_compressed(w, (enum frame_opcode)kind, data);
    return put(w, (enum frame_opcode)kind, 0, data);
}

int ws_ping(struct ws *w, struct slice data) {
    if (!ws_may_send(w)) return ERR_CLOSED;
    return data.n > FRAME_CONTROL_MAX ? ERR_RANGE : put(w, FRAME_PING, 0, data);
}

int ws_close(struct ws *w, uint16_t code, struct slice reason) {
    if (w->close_sent) return 0;
    if (reason.n > WS_REASON_MAX || (code ? !ws_close_code_valid(code) : reason.n > 0)) return ERR_RANGE;
    if (!utf8_valid(reason)) return ERR_INVALID_UTF8;
    uint8_t payload[FRAME_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (reason.n) memcpy(payload + 2, reason.p, reason.n);
    int rc = put(w, FRAME_CLOSE, 0, slice_of(payload, code ? 2 + reason.n : 0));
    if (rc == 0) {
        w->close_sent = true;
        w->sent_code = code ? code : WS_CLOSE_NO_CODE;
    }
    return rc;
}

static bool put_pong(struct ws *w, struct slice data) {
    return w->out->len <= WS_PONG_BACKLOG && put(w, FRAME_PONG, 0, data) == 0;
}

static void forget_pong(struct ws *w) {
    free(w->pong);
    w->pong = NULL;
}

void ws_answer_ping(struct ws *w, struct slice data) {
    if (put_pong(w, data)) {
        forget_pong(w);
        return;
    }
    if (!w->pong && !(w->pong = malloc(FRAME_CONTROL_MAX))) return;
    w->pong_n = (uint8_t)data.n;
    if (data.n) memcpy(w->pong, data.p, data.n);
}

void ws_catch_up(struct ws *w) {
    if (w->pong && ws_may_send(w) && put_pong(w, slice_of(w->pong, w->pong_n))) forget_pong(w);
}

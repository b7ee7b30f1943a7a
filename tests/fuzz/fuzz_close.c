/* A Close frame with any payload, in any cut: the event and the answer are those that the rules, written down once more
 * here, ask for (RFC 6455 5.5.1, 7.4; the codes by the registry of IANA). */
#include "fuzz.h"
#include "wire/ws.h"

static uint32_t no_mask(void) { return 0; }

static bool code_may_be_sent(unsigned code) {
    switch (code) {
    case 1004: /* reserved */
    case 1005:
    case 1006: /* never in a frame */ return false;
    default: return (code >= 1000 && code < 1015) || (code >= 3000 && code < 5000);
    }
}

static void judge(const struct ws *w, enum ws_step step, const struct ws_event *ev, struct slice payload) {
    unsigned code = payload.n >= 2 ? (unsigned)payload.p[0] << 8 | payload.p[1] : WS_CLOSE_NO_CODE;
    struct slice reason = slice_skip(payload, payload.n < 2 ? payload.n : 2);
    struct slice sent = buf_slice(w->out);
    MUST(w->close_sent && sent.n >= 6 && sent.p[0] == 0x88 && sent.p[1] == (0x80 | (sent.n - 6)));
    unsigned answered = sent.n >= 8 ? (unsigned)sent.p[6] << 8 | sent.p[7] : WS_CLOSE_NO_CODE;
    if (payload.n == 1 || (payload.n && !code_may_be_sent(code))) {
        MUST(step == WS_FAILED && answered == WS_CLOSE_PROTOCOL);
    } else if (!utf8_valid(reason)) {
        MUST(step == WS_FAILED && answered == WS_CLOSE_INVALID_DATA);
    } else {
        MUST(step == WS_EVENT && ev->kind == WS_CLOSE && ev->code == code && slice_eq(ev->data, reason));
        MUST(answered == code);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    uint8_t cut = take_byte(&in) | 1;
    struct slice payload = slice_head(in, FRAME_CONTROL_MAX);
    struct ws w;
    struct ws_event ev;
    struct buf frame, out;
    buf_init(&frame, 1000);
    buf_init(&out, 1000);
    ws_init(&w, WS_CLIENT, 1000, &out, no_mask);
    const uint8_t head[2] = {0x88, (uint8_t)payload.n};
    buf_append(&frame, slice_of(head, 2));
    buf_append(&frame, payload);
    enum ws_step step = WS_MORE;
    for (struct slice left = buf_slice(&frame); left.n && step == WS_MORE;) {
        struct slice part = slice_head(left, cut);
        left = slice_skip(left, part.n);
        step = ws_step(&w, &part, &ev);
    }
    judge(&w, step, &ev, payload);
    ws_clear(&w);
    buf_clear(&frame);
    buf_clear(&out);
    return 0;
}

/* A conversation told whole and told in pieces, cut where the input says, is the same story: events, bytes sent, and
 * the fault. The buffers stay within their caps. */
#include "fuzz.h"
#include "wire/ws.h"

static uint32_t fixed_mask(void) { return 0x04030201; }

struct story {
    struct buf told, sent;
};

static void tell(struct story *s, const struct ws_event *ev) {
    uint8_t mark[3] = {(uint8_t)ev->kind, (uint8_t)(ev->code >> 8), (uint8_t)ev->code};
    uint32_t n = (uint32_t)ev->data.n;
    buf_append(&s->told, slice_of(mark, 3));
    buf_append(&s->told, slice_of(&n, 4));
    buf_append(&s->told, ev->data);
}

static struct deflate_params agreed;

static void play(struct story *s, enum ws_role role, uint64_t limit, struct slice in, uint8_t seed) {
    struct ws w;
    struct ws_event ev;
    buf_init(&s->told, SIZE_MAX);
    buf_init(&s->sent, SIZE_MAX);
    ws_init(&w, role, limit, &s->sent, fixed_mask);
    MUST(ws_use_deflate(&w, &agreed, &deflate_default_offer) == 0);
    while (in.n) {
        struct slice piece = seed ? slice_head(in, 1 + seed % 7) : in;
        seed = seed ? (uint8_t)(seed * 5 + 3) | 1 : 0;
        in = slice_skip(in, piece.n);
        enum ws_step step;
        while ((step = ws_step(&w, &piece, &ev)) == WS_EVENT) {
            MUST(ev.data.n <= limit || ev.kind >= WS_CLOSE);
            tell(s, &ev);
        }
        MUST(piece.n == 0);
        MUST(!w.partial || w.partial->message.len <= limit);
        MUST((step == WS_FAILED) == ws_failed(&w));
    }
    if (ws_failed(&w)) buf_append(&s->told, slice_str(w.fault->text));
    ws_clear(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    uint8_t how = take_byte(&in); /* role, compression, context take-over, window */
    enum ws_role role = how & 1 ? WS_SERVER : WS_CLIENT;
    uint8_t bits = 8 + (how >> 4) % 8;
    agreed = (struct deflate_params){.on = how & 2,
                                     .server_no_context_takeover = how & 4,
                                     .client_no_context_takeover = how & 4,
                                     .server_max_window_bits = bits,
                                     .client_max_window_bits = bits};
    uint64_t limit = 1 + (uint64_t)take_byte(&in) * 16;
    uint8_t seed = take_byte(&in) | 1;
    struct story whole, cut, bytes;
    play(&whole, role, limit, in, 0);
    play(&cut, role, limit, in, seed);
    play(&bytes, role, limit, in, 7); /* 1 byte first */
    /* a peer that looks back beyond the window it agreed to is caught only where a cut falls right: zlib checks the
     * window between two calls, so the stories may differ then */
    bool strict = !agreed.on || bits == DEFLATE_BITS_MAX;
    MUST(!strict || (slice_eq(buf_slice(&whole.told), buf_slice(&cut.told)) &&
                     slice_eq(buf_slice(&whole.sent), buf_slice(&cut.sent)) &&
                     slice_eq(buf_slice(&whole.told), buf_slice(&bytes.told))));
    buf_clear(&whole.told), buf_clear(&whole.sent);
    buf_clear(&cut.told), buf_clear(&cut.sent);
    buf_clear(&bytes.told), buf_clear(&bytes.sent);
    return 0;
}

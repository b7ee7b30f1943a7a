/* Arbitrary bytes as the messages of a compressed stream: whatever comes out stays within the cap, and what is refused
 * is refused by a word. Then the same bytes as messages to compress: the other side has them back, however they are
 * cut, with every window and both ways of keeping the context. */
#include "fuzz.h"
#include "wire/deflate.h"

static struct deflate_params read_params(struct slice *in) {
    uint8_t how = take_byte(in), bits = take_byte(in);
    return (struct deflate_params){
        .on = true,
        .server_no_context_takeover = how & 1,
        .client_no_context_takeover = how & 2,
        .server_max_window_bits = 8 + bits % 8,
        .client_max_window_bits = 8 + bits / 8 % 8,
    };
}

static void inflate_anything(struct slice in, const struct deflate_params *params, size_t cap) {
    struct deflate d;
    struct buf out;
    int rc = 0;
    deflate_init(&d, params, &deflate_default_offer, true);
    buf_init(&out, cap);
    while (in.n && rc == 0) {
        uint8_t cut = take_byte(&in);
        struct slice part = slice_head(in, cut / 2);
        in = slice_skip(in, part.n);
        rc = deflate_inflate(&d, part, cut & 1, &out);
        MUST(out.len <= cap);
        MUST(rc == 0 || rc == ERR_TOO_BIG || rc == ERR_SYNTAX);
        if (cut & 1) buf_reset(&out, 1000);
    }
    buf_clear(&out);
    deflate_clear(&d);
}

static void there_and_back(struct slice in, const struct deflate_params *params, struct deflate_offer offer) {
    struct deflate client, server;
    struct buf shorter, back;
    buf_init(&shorter, SIZE_MAX);
    deflate_init(&client, params, &offer, true);
    deflate_init(&server, params, &offer, false);
    while (in.n) {
        uint8_t size = take_byte(&in), cut = take_byte(&in) | 1;
        struct slice message = slice_head(in, (size_t)size * 4);
        in = slice_skip(in, slice_head(in, size).n); /* messages overlap, so that there is something to look back to */
        buf_init(&back, message.n);
        MUST(deflate_message(&client, message, &shorter) == 0);
        for (struct slice left = buf_slice(&shorter); left.n;) {
            struct slice part = slice_head(left, cut);
            left = slice_skip(left, part.n);
            MUST(deflate_inflate(&server, part, left.n == 0, &back) == 0);
        }
        MUST(slice_eq(buf_slice(&back), message));
        buf_clear(&back);
        buf_reset(&shorter, 1000);
    }
    buf_clear(&shorter);
    deflate_clear(&client);
    deflate_clear(&server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct deflate_params params = read_params(&in);
    struct deflate_offer offer = deflate_default_offer;
    uint8_t how = take_byte(&in);
    offer.level = how % 10;
    offer.memory_level = 1 + how / 10 % 9;
    inflate_anything(in, &params, 1 + (size_t)how * 64);
    there_and_back(in, &params, offer);
    return 0;
}

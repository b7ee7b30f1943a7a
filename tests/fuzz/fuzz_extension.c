/* The parameters of permessage-deflate, in answers and in requests: judged the same each time, and what is taken is in
 * range. */
#include "fuzz.h"
#include "wire/deflate.h"

static void must_be_in_range(const struct deflate_params *p) {
    MUST(p->server_max_window_bits >= DEFLATE_BITS_MIN && p->server_max_window_bits <= DEFLATE_BITS_MAX);
    MUST(p->client_max_window_bits >= DEFLATE_BITS_MIN && p->client_max_window_bits <= DEFLATE_BITS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    uint8_t how = take_byte(&in), bits = take_byte(&in);
    struct deflate_offer offer = deflate_default_offer;
    offer.server_no_context_takeover = how & 1;
    offer.client_no_context_takeover = how & 2;
    if (how & 4) offer.server_max_window_bits = 8 + bits % 8;
    if (how & 8) offer.client_max_window_bits = 8 + bits / 8 % 8;
    struct deflate_params params;
    struct fault fault = {0};
    int rc = deflate_answer_judge(in, &offer, &params, &fault);
    MUST((rc == 0) == !fault_set(&fault));
    if (rc == 0 && params.on) {
        must_be_in_range(&params);
        MUST(!offer.client_max_window_bits || params.client_max_window_bits <= offer.client_max_window_bits);
        MUST(!offer.server_no_context_takeover || params.server_no_context_takeover);
    }
    struct buf answer;
    buf_init(&answer, 500);
    MUST(deflate_request_accept(in, &params, &answer) == 0 && params.on == (answer.len > 0));
    if (params.on) must_be_in_range(&params);
    if (params.on) { /* our own answer is one that our own client takes */
        struct deflate_params again;
        MUST(deflate_answer_judge(buf_slice(&answer), &deflate_default_offer, &again, &fault) == 0 || rc < 0);
    }
    buf_clear(&answer);
    return 0;
}

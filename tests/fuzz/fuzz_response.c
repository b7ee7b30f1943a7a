/* The answer to a handshake: its end is found at the same place however it comes, and no head is read past its end. */
#include "fuzz.h"
#include "wire/handshake.h"

static void judge(uint8_t *head, size_t n, struct slice rest) {
    static struct http1_head parts;
    struct handshake_offer offer;
    struct slice protocol;
    struct deflate_params deflate;
    struct fault fault = {0};
    const char *why = NULL;
    if (http1_response_parse(head, n, &parts, &why) < 0) {
        MUST(why);
        return;
    }
    MUST(parts.status >= 100 && parts.status <= 999);
    handshake_offer_init(&offer);
    offer.deflate = deflate_default_offer;
    handshake_offer_protocol(&offer, slice_str("chat"), &why);
    int rc = handshake_response_judge(&parts, &offer, "dGhlIHNhbXBsZSBub25jZQ==", &protocol, &deflate, &fault);
    MUST((rc == 0) == !fault_set(&fault));
    handshake_offer_clear(&offer);
    struct http1_body body;
    struct buf kept;
    buf_init(&kept, 64);
    http1_body_init(&body, &parts, &kept);
    while (rest.n) {
        struct slice part = slice_head(rest, 3);
        rest = slice_skip(rest, part.n);
        if (http1_body_step(&body, part)) break;
    }
    MUST(kept.len <= 64);
    buf_clear(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    size_t scanned = 0, whole = http1_head_size(in, &scanned), slowly = 0;
    scanned = 0;
    for (size_t n = 0; n <= in.n && !slowly; n++) slowly = http1_head_size(slice_head(in, n), &scanned);
    MUST(whole == slowly && whole <= in.n);
    if (whole == 0) return 0;
    uint8_t *head = malloc(whole);
    MUST(head);
    memcpy(head, in.p, whole);
    judge(head, whole, slice_skip(in, whole));
    free(head);
    return 0;
}

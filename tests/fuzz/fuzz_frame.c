/* A head that is read and written again is the same bytes; a part of one is never taken for a whole; the first byte
 * that is wrong is told however little follows it. */
#include "fuzz.h"
#include "wire/frame.h"
#include "wire/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct frame_rules rules = {.masked = take_byte(&in) & 1};
    rules.rsv_allowed = take_byte(&in) & 7;
    struct frame_head head;
    int n = frame_head_read(in, &rules, &head);
    if (n > 0) {
        uint8_t again[FRAME_HEAD_MAX];
        MUST((size_t)n <= in.n && n <= FRAME_HEAD_MAX);
        MUST(frame_head_write(again, &head) == (size_t)n && memcmp(again, in.p, (size_t)n) == 0);
        MUST(frame_size(head.length, head.masked) == head.length + (size_t)n);
        for (size_t part = 0; part < (size_t)n; part++) MUST(frame_head_read(slice_head(in, part), &rules, &head) == 0);
    }
    if (n < 0) MUST(frame_head_read(slice_head(in, FRAME_HEAD_MAX), &rules, &head) == n);
    uint8_t key[4], whole[256], parts[256];
    for (int i = 0; i < 4; i++) key[i] = take_byte(&in);
    in = slice_head(in, sizeof whole);
    size_t cut = in.n ? key[0] % (in.n + 1) : 0;
    if (in.n) {
        mask_copy(whole, in.p, in.n, key, 0);
        mask_copy(parts, in.p, cut, key, 0);
        mask_copy(parts + cut, in.p + cut, in.n - cut, key, cut);
        MUST(memcmp(whole, parts, in.n) == 0);
        mask_copy(whole, whole, in.n, key, 0);
        MUST(memcmp(whole, in.p, in.n) == 0);
    }
    return 0;
}

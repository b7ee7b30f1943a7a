/* A stream of events: however it is cut, it gives the same, within its cap. The first byte says how it is cut. */
#include "fuzz.h"
#include "wire/sse.h"

enum { CAP = 64 };

static void note(struct buf *told, const struct sse_event *event) {
    const struct slice parts[] = {event->type, event->id, event->data};
    for (size_t i = 0; i < 3; i++) {
        MUST(parts[i].n <= CAP);
        MUST(buf_append(told, parts[i]) == 0 && buf_append(told, slice_of("", 1)) == 0);
    }
}

static void read_all(struct slice in, size_t step, struct buf *told) {
    struct sse s;
    struct sse_event event;
    int rc = 0;
    sse_init(&s, CAP);
    while (in.n && rc >= 0) {
        struct slice piece = slice_head(in, step), rest = piece;
        while ((rc = sse_step(&s, &rest, &event)) == 1) note(told, &event);
        MUST(rc < 0 || rest.n == 0);
        in = slice_skip(in, piece.n);
    }
    MUST(sse_step(&s, &in, &event) == (rc < 0 ? rc : 0));
    sse_clear(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct buf whole, cut;
    size_t step = (size_t)take_byte(&in) + 1;
    buf_init(&whole, SIZE_MAX);
    buf_init(&cut, SIZE_MAX);
    read_all(in, SIZE_MAX, &whole);
    read_all(in, step, &cut);
    MUST(slice_eq(buf_slice(&whole), buf_slice(&cut)));
    buf_clear(&whole);
    buf_clear(&cut);
    return 0;
}

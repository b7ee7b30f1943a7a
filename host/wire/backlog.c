/* backlog: messages one behind the other in a buffer, each after its size, kind and tag. */
#include "wire/backlog.h"

#include "base/err.h"

struct record {
    uint64_t size;
    enum ws_kind kind;
    uint32_t tag;
};

void backlog_init(struct backlog *b) { buf_init(&b->bytes, SIZE_MAX); }

void backlog_clear(struct backlog *b) { buf_clear(&b->bytes); }

int backlog_put(struct backlog *b, enum ws_kind kind, uint32_t tag, struct slice data) {
    struct record r = {.size = data.n, .kind = kind, .tag = tag};
    uint8_t *to = buf_reserve(&b->bytes, sizeof r + data.n);
    if (!to) return ERR_NOMEM;
    memcpy(to, &r, sizeof r);
    if (data.n) memcpy(to + sizeof r, data.p, data.n);
    buf_commit(&b->bytes, sizeof r + data.n);
    return 0;
}

bool backlog_first(const struct backlog *b, struct ws_event *ev) {
    struct record r;
    struct slice all = buf_slice(&b->bytes);
    if (all.n == 0) return false;
    memcpy(&r, all.p, sizeof r);
    *ev = (struct ws_event){.kind = r.kind, .tag = r.tag, .data = slice_of(all.p + sizeof r, (size_t)r.size)};
    return true;
}

void backlog_drop(struct backlog *b) {
    struct ws_event ev;
    if (!backlog_first(b, &ev)) return;
    buf_consume(&b->bytes, sizeof(struct record) + ev.data.n);
    if (b->bytes.len == 0) buf_reset(&b->bytes, WS_KEEP);
}

size_t backlog_count(const struct backlog *b) {
    struct record r;
    size_t count = 0;
    for (struct slice rest = buf_slice(&b->bytes); rest.n; count++) {
        memcpy(&r, rest.p, sizeof r);
        rest = slice_skip(rest, sizeof r + (size_t)r.size);
    }
    return count;
}

size_t backlog_size(const struct backlog *b) { return b->bytes.len - backlog_count(b) * sizeof(struct record); }

/* inbox: records in a capped buffer. When it is full is its owner's to judge, by bytes.len. */
#include "script/inbox.h"

#include "base/err.h"

struct record {
    uint64_t size;
    enum ws_kind kind;
};

void inbox_init(struct inbox *i, size_t cap) { buf_init(&i->bytes, cap); }

void inbox_clear(struct inbox *i) { buf_clear(&i->bytes); }

int inbox_put(struct inbox *i, const struct ws_event *ev) {
    struct record r = {.size = ev->data.n, .kind = ev->kind};
    uint8_t *to = buf_reserve(&i->bytes, sizeof r + ev->data.n);
    if (!to) return ERR_NOMEM;
    memcpy(to, &r, sizeof r);
    if (ev->data.n) memcpy(to + sizeof r, ev->data.p, ev->data.n);
    buf_commit(&i->bytes, sizeof r + ev->data.n);
    return 0;
}

bool inbox_first(const struct inbox *i, struct ws_event *ev) {
    struct record r;
    if (i->bytes.len == 0) return false;
    memcpy(&r, buf_slice(&i->bytes).p, sizeof r);
    *ev = (struct ws_event){.kind = r.kind, .data = slice_of(buf_slice(&i->bytes).p + sizeof r, (size_t)r.size)};
    return true;
}

void inbox_drop(struct inbox *i) {
    struct ws_event ev;
    if (!inbox_first(i, &ev)) return;
    buf_consume(&i->bytes, sizeof(struct record) + ev.data.n);
    if (i->bytes.len == 0) buf_reset(&i->bytes, WS_KEEP);
}

/* inbox: a backlog of messages and a list of events. Most connections are idle, and an empty inbox is only a
 * pointer. */
#include "script/ws/inbox.h"

#include "base/reserve.h"
#include <stdlib.h>
#include <string.h>

/* The content, made where the inbox was empty, for something to be added. */
static struct inbox_content *fill(struct inbox *b) {
    struct inbox_content *c = b->content;
    if (c) return c;
    c = reserve_take(sizeof *c);
    backlog_init(&c->messages);
    c->last = &c->first;
    return b->content = c;
}

/* To be called after something was taken out: frees the content when it is empty. */
static void settle(struct inbox *b) {
    struct inbox_content *c = b->content;
    if (!c || c->first || !backlog_is_empty(&c->messages)) return;
    backlog_clear(&c->messages);
    free(c);
    b->content = NULL;
}

void inbox_event_free(struct inbox_event *ev) {
    conn_head_free(ev->head);
    free(ev->end);
    free(ev);
}

static size_t head_size(const struct conn_head *h) { return h ? sizeof *h + h->text.len + h->body.len : 0; }

static size_t size_of(const struct inbox_event *ev) {
    return sizeof *ev + ev->size + (ev->end ? sizeof *ev->end : 0) + head_size(ev->head);
}

/* Counts in the account what has changed since the inbox had `before` bytes. */
static void count(const struct inbox *b, size_t before) { account_add(b->account, inbox_size(b) - before); }

static struct inbox_event *take_first(const struct inbox *b) {
    struct inbox_content *c = b->content;
    struct inbox_event *ev = c->first;
    c->first = ev->next;
    if (!c->first) c->last = &c->first;
    c->event_bytes -= size_of(ev);
    account_take(b->account, size_of(ev));
    c->count[ev->kind]--;
    return ev;
}

void inbox_drop_messages(struct inbox *b) {
    if (!b->content) return;
    account_take(b->account, b->content->messages.bytes.len);
    backlog_clear(&b->content->messages);
    b->content->taken = b->content->came;
    settle(b);
}

void inbox_clear(struct inbox *b) {
    while (inbox_has_event(b)) inbox_event_free(take_first(b));
    inbox_drop_messages(b);
}

err_lists_all(struct inbox, 24);

void inbox_move(struct inbox *to, struct inbox *from) {
    account_take(from->account, inbox_size(from));
    account_add(to->account, inbox_size(from));
    to->content = from->content;
    from->content = NULL;
}

int inbox_put(struct inbox *b, enum ws_kind kind, struct slice data) {
    struct inbox_content *c = fill(b);
    size_t before = inbox_size(b);
    int rc = backlog_put(&c->messages, kind, b->rotation, data);
    count(b, before);
    if (rc == 0) c->came++;
    settle(b);
    return rc;
}

/* An event of a content that fill has made. */
static struct inbox_event *new_event(const struct inbox *b, enum inbox_kind kind, struct slice data) {
    struct inbox_event *ev = reserve_take(sizeof *ev + data.n);
    ev->kind = kind;
    ev->after = b->content->came;
    ev->rotation = b->rotation;
    ev->size = data.n;
    if (data.n) memcpy(ev->data, data.p, data.n);
    return ev;
}

static void count_event(const struct inbox *b, const struct inbox_event *ev) {
    b->content->event_bytes += size_of(ev);
    b->content->count[ev->kind]++;
    account_add(b->account, size_of(ev));
}

static void add(const struct inbox *b, struct inbox_event *ev) {
    *b->content->last = ev;
    b->content->last = &ev->next;
    count_event(b, ev);
}

void inbox_tell_number(struct inbox *b, enum inbox_kind kind, uint64_t attempt) {
    fill(b);
    struct inbox_event *ev = new_event(b, kind, slice_of(NULL, 0));
    ev->attempt = attempt;
    add(b, ev);
}

void inbox_tell(struct inbox *b, enum inbox_kind kind, struct slice data, const struct conn_end *end,
                struct conn_head *head, double seconds) {
    fill(b);
    struct inbox_event *ev = new_event(b, kind, data);
    ev->head = head;
    ev->seconds = seconds;
    if (end) {
        ev->end = reserve_take(sizeof *end);
        *ev->end = *end;
    }
    add(b, ev);
}

void inbox_tell_first(struct inbox *b, enum inbox_kind kind, struct slice data, double seconds) {
    struct inbox_content *c = fill(b);
    struct inbox_event *ev = new_event(b, kind, data);
    ev->after = 0;
    ev->seconds = seconds;
    ev->next = c->first;
    if (!ev->next) c->last = &ev->next;
    c->first = ev;
    count_event(b, ev);
}

int inbox_join(struct inbox *to, struct inbox *from) {
    int rc = 0;
    uint32_t rotation = to->rotation;
    while (from->content) {
        struct ws_event ev;
        struct inbox_event *event = inbox_event(from, true);
        if (event) {
            event->after = fill(to)->came;
            add(to, event);
        } else if (inbox_message(from, &ev)) {
            to->rotation = ev.tag;
            if (inbox_put(to, ev.kind, ev.data) < 0) rc = ERR_NOMEM;
            inbox_drop_message(from);
        }
    }
    to->rotation = rotation;
    return rc;
}

bool inbox_message(const struct inbox *b, struct ws_event *ev) {
    return b->content && backlog_first(&b->content->messages, ev);
}

void inbox_drop_message(struct inbox *b) {
    if (!inbox_has_message(b)) return; /* a finalizer has dropped all messages */
    size_t before = inbox_size(b);
    backlog_drop(&b->content->messages);
    count(b, before);
    b->content->taken++;
    settle(b);
}

struct inbox_event *inbox_event(struct inbox *b, bool wanted) {
    struct inbox_content *c = b->content;
    if (!c || !c->first || (wanted && c->first->after > c->taken)) return NULL;
    struct inbox_event *ev = take_first(b);
    settle(b);
    return ev;
}

/* inbox: a backlog of messages and a list of events. */
#include "script/inbox.h"

#include <stdlib.h>
#include <string.h>

void inbox_init(struct inbox *b) {
    *b = (struct inbox){0};
    backlog_init(&b->messages);
    b->last = &b->first;
}

void inbox_event_free(struct inbox_event *ev) {
    conn_head_free(ev->head);
    free(ev->end);
    free(ev);
}

static size_t size_of(const struct inbox_event *ev) {
    return sizeof *ev + ev->size + (ev->end ? sizeof *ev->end : 0) + (ev->head ? sizeof *ev->head : 0);
}

static struct inbox_event *take_first(struct inbox *b) {
    struct inbox_event *ev = b->first;
    b->first = ev->next;
    if (!b->first) b->last = &b->first;
    b->event_bytes -= size_of(ev);
    b->count[ev->kind]--;
    return ev;
}

void inbox_drop_messages(struct inbox *b) {
    backlog_clear(&b->messages);
    b->taken = b->came;
}

void inbox_clear(struct inbox *b) {
    while (b->first) inbox_event_free(take_first(b));
    inbox_drop_messages(b);
}

void inbox_move(struct inbox *to, struct inbox *from) {
    *to = *from;
    if (!to->first) to->last = &to->first;
    inbox_init(from);
}

int inbox_put(struct inbox *b, enum ws_kind kind, struct slice data) {
    int rc = backlog_put(&b->messages, kind, data);
    if (rc == 0) b->came++;
    return rc;
}

static struct inbox_event *new_event(struct inbox *b, enum inbox_kind kind, struct slice data) {
    struct inbox_event *ev = calloc(1, sizeof *ev + data.n);
    if (!ev) abort();
    ev->kind = kind;
    ev->after = b->came;
    ev->size = data.n;
    if (data.n) memcpy(ev->data, data.p, data.n);
    return ev;
}

static void add(struct inbox *b, struct inbox_event *ev) {
    *b->last = ev;
    b->last = &ev->next;
    b->event_bytes += size_of(ev);
    b->count[ev->kind]++;
}

void inbox_tell_start(struct inbox *b, uint64_t attempt) {
    struct inbox_event *ev = new_event(b, INBOX_STARTS, slice_of(NULL, 0));
    ev->attempt = attempt;
    add(b, ev);
}

void inbox_tell(struct inbox *b, enum inbox_kind kind, struct slice data, const struct conn_end *end,
                struct conn_head *head, double seconds) {
    struct inbox_event *ev = new_event(b, kind, data);
    ev->head = head;
    ev->seconds = seconds;
    if (end) {
        ev->end = malloc(sizeof *end);
        if (!ev->end) abort();
        *ev->end = *end;
    }
    add(b, ev);
}

void inbox_tell_first(struct inbox *b, enum inbox_kind kind, struct slice data) {
    struct inbox_event *ev = new_event(b, kind, data);
    ev->after = 0;
    ev->next = b->first;
    if (!ev->next) b->last = &ev->next;
    b->first = ev;
    b->event_bytes += size_of(ev);
    b->count[kind]++;
}

bool inbox_message(const struct inbox *b, struct ws_event *ev) { return backlog_first(&b->messages, ev); }

void inbox_drop_message(struct inbox *b) {
    if (b->taken == b->came) return; /* a finalizer has dropped them all */
    backlog_drop(&b->messages);
    b->taken++;
}

struct inbox_event *inbox_event(struct inbox *b, bool wanted) {
    if (!b->first || (wanted && b->first->after > b->taken)) return NULL;
    return take_first(b);
}

/* events: the sink of every connection that a script opens: puts each event into the inbox, and has it delivered. */
#include "script/box.h"
#include "script/ws/parts.h"

/* Could an event be delivered at once, but has no callback? Then it need not go into the inbox. */
static bool is_unheard(const struct conn_box *b, enum callback which) {
    return !conn_box_hears(b, which) && !b->delivery.task && inbox_is_empty(&b->inbox);
}

static void tell(struct conn_box *b, enum inbox_kind kind, const struct conn_end *end, struct conn_head *head) {
    inbox_tell(&b->inbox, kind, slice_of(NULL, 0), end, head, 0);
    delivery_drain(b);
}

static bool on_starts(void *arg, struct conn *c) {
    struct conn_box *b = arg;
    if (rotation_holds_back(b)) return false;
    if (!b->url_function && !b->headers_function && !b->delivery.task && !inbox_has_event(&b->inbox)) return true;
    inbox_tell_number(&b->inbox, INBOX_STARTS, c->attempt);
    delivery_drain(b);
    return false;
}

static void on_connected(void *arg, struct conn *c) {
    (void)c;
    if (!is_unheard(arg, ON_CONNECT)) tell(arg, INBOX_CONNECTED, NULL, NULL);
}

/* Tasks that wait for the connection to open go on before anything is read, as a callback would: they can then receive
 * what came together with the response. */
static void run_openers(struct conn_box *b, struct conn *c) {
    if (!c->sink) return; /* code that ran meanwhile has abandoned it */
    b->delivery.draining = true;
    while (b->openers.first && c->phase == CONN_OPEN && !b->engine->tasks.exits) task_run_first(&b->openers);
    delivery_end_draining(b);
}

static void on_opened(void *arg, struct conn *c) {
    struct conn_box *b = arg;
    b->heard = false;
    conn_begin_login(c);
    if (!conn_box_hears(b, ON_WEBSOCKET_CONNECT)) conn_end_login(c);
    tell(b, INBOX_OPENED, NULL, conn_take_head(c));
    run_openers(b, c);
}

/* What an old transport still brings is delivered with what comes from the one in place, in the order in which it
 * comes. */
static void on_readable(void *arg, struct conn *c) {
    struct conn_box *b = arg, *front = conn_box_front(b);
    if (b->role != ROTATION_OLD) {
        delivery_drain(b);
        return;
    }
    front->delivery.source = c;
    front->inbox.rotation = b->number;
    delivery_drain(front);
    front->inbox.rotation = front->number;
    front->delivery.source = NULL;
}

/* For events of which one is enough, however many come while a callback waits. */
static void tell_once(struct conn_box *b, enum inbox_kind kind) {
    if (inbox_count(&b->inbox, kind) == 0) tell(b, kind, NULL, NULL);
}

static void on_buffer_full(void *arg, struct conn *c) {
    struct conn_box *b = arg;
    (void)c;
    if (b->role != ROTATION_OLD) tell_once(b, INBOX_BUFFER_FULL);
}

static void on_drained(void *arg, struct conn *c, bool was_behind) {
    struct conn_box *b = arg;
    (void)c;
    if (b->role == ROTATION_OLD) {
        rotation_other_drained(b, was_behind);
        return;
    }
    if (rotation_buffered(b) == 0) b->drains++;
    task_wake_all(&b->drainers);
    if (was_behind) tell_once(b, INBOX_DRAINED);
}

/* Cancels the function that was to give the url or headers of an attempt that has ended. False: its code has abandoned
 * the connection. */
static bool end_start(struct conn_box *b, const struct conn *c) {
    if (b->delivery.draining || !b->delivery.task || b->delivery.tells != INBOX_STARTS) return true;
    b->delivery.draining = true;
    task_cancel(b->delivery.task);
    b->delivery.draining = false;
    if (!c->sink) box_unanchor(b->engine->L, b);
    return c->sink;
}

/* Collecting garbage messages and connections may give the memory that is wanted. */
static void on_starved(void *arg, struct conn *c) {
    (void)c;
    engine_collect(((struct conn_box *)arg)->engine);
}

static void on_failed(void *arg, struct conn *c, const struct fault *fault) {
    struct conn_end end = {.fault = *fault};
    struct conn_box *b = arg;
    if (rotation_keeps_failed(b, fault)) return;
    b->heard = b->openers.first != NULL;
    if (end_start(b, c)) tell(b, INBOX_FAILED, &end, NULL);
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    struct conn_box *b = arg;
    if (b->front) rotation_other_ended(b, c, end);
    if (rotation_keeps_closed(b, c, end) || !end_start(b, c)) return;
    struct conn_head *head = c->head && c->head->received ? conn_take_head(c) : NULL;
    inbox_tell(&b->inbox, INBOX_CLOSED, slice_of(NULL, 0), end, head, 0);
    if (end->gave_up[0]) inbox_tell(&b->inbox, INBOX_GAVE_UP, slice_of(NULL, 0), end, NULL, 0);
    service_end(b);
    delivery_drain(b);
    task_wake_all(&b->drainers);
    if (b->delivery.task) delivery_wake_all(b); /* the callback may be what waits */
}

static const char *name_of(void *arg) { return conn_box_front(arg)->name; }

const struct conn_sink events_sink = {
    .starts = on_starts,
    .connected = on_connected,
    .opened = on_opened,
    .readable = on_readable,
    .buffer_full = on_buffer_full,
    .drained = on_drained,
    .starved = on_starved,
    .failed = on_failed,
    .closed = on_closed,
    .name = name_of,
};

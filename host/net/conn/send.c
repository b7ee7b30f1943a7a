/* send: what the owner of a connection sends: written as frames while it is open, or queued until then; and how much
 * waits. */
#include "net/conn/parts.h"

#include "net/conn/record.h"
#include <stdlib.h>

/* ---- the queue ---- */

static void note_unsent(struct conn *c, struct slice data) {
    struct conn_end *e = conn_ending(c);
    e->unsent_messages++;
    e->unsent_bytes += data.n;
}

int conn_queue(struct conn *c, enum ws_kind kind, struct slice data) {
    if (!c->queue) {
        if (!(c->queue = malloc(sizeof *c->queue))) return ERR_NOMEM;
        backlog_init(c->queue);
    }
    return backlog_put(c->queue, kind, 0, data);
}

void conn_drop_queue(struct conn *c) {
    if (c->queue) backlog_clear(c->queue);
    free(c->queue);
    c->queue = NULL;
}

/* Messages that conn_send has taken are sent, even where their frames exceed max_send_buffer. */
void conn_send_queue(struct conn *c) {
    size_t cap = c->out.cap;
    c->out.cap = SIZE_MAX;
    for (struct ws_event ev; c->queue && backlog_first(c->queue, &ev); backlog_drop(c->queue))
        if (conn_write(c, ev.kind, ev.data) < 0) note_unsent(c, ev.data);
    c->out.cap = cap;
    conn_drop_queue(c);
}

/* With "always" the queue stays for the next attempt, even one that the script has yet to ask for. Where no attempt is
 * planned, it is told as unsent all the same. */
void conn_leave_queue(struct conn *c) {
    bool comes = c->phase == CONN_WAITING || c->again, always = c->plan->settings.queue == QUEUE_ALWAYS;
    if (!c->queue || (always && comes)) return;
    struct conn_end *e = conn_ending(c);
    e->unsent_messages += backlog_count(c->queue);
    e->unsent_bytes += backlog_size(c->queue);
    if (!always || c->ended_by_owner) conn_drop_queue(c);
}

/* ---- sending ---- */

int conn_write(struct conn *c, enum ws_kind kind, struct slice data) {
    int rc = ws_send(&c->ws, kind, data);
    if (rc < 0) return rc;
    c->given_messages++;
    c->behind = c->behind || c->out.len > CONN_BEHIND;
    conn_sent(c, kind, data, 0);
    return 0;
}

static size_t sendable(const struct conn *c) { return c->out.len + (c->queue ? c->queue->bytes.len : 0); }

/* Counts what was sent; compression has memory of its own. */
static void count_sent(struct conn *c, size_t before) {
    size_t more = sendable(c) - before;
    c->counted += more;
    account_add(c->account, more);
    if (c->ws.deflate) conn_count(c);
}

static int refuse_full(struct conn *c) {
    c->full = true;
    conn_mark_busy(c);
    return ERR_FULL;
}

/* Writes a message, or queues it. */
static int put(struct conn *c, enum ws_kind kind, struct slice data, bool queued) {
    size_t most = c->plan->settings.max_send_buffer; /* for a message alone, without its frame's head */
    if (data.n > most || conn_buffered(c) > most - data.n) return refuse_full(c);
    if (!queued) net_take_buffer(c->net, &c->out);
    if (queued && !c->queue)
        CONN_TRACE(c, "queues what is sent until %s", c->login ? "on_websocket_connect has returned" : "it is open");
    size_t before = sendable(c);
    int rc = !queued                                ? conn_write(c, kind, data)
             : kind == WS_TEXT && !utf8_valid(data) ? ERR_INVALID_UTF8
                                                    : conn_queue(c, kind, data);
    count_sent(c, before);
    if (rc == ERR_FULL) return refuse_full(c);
    if (rc < 0) return rc;
    c->messages_out++;
    return 0;
}

/* Sends while the connection is not open. */
static int put_early(struct conn *c, enum ws_kind kind, struct slice data) {
    enum conn_queueing queueing = c->plan->settings.queue;
    if (c->phase < CONN_WAITING || c->phase > CONN_OPEN) return ERR_CLOSED;
    if (queueing == QUEUE_NEVER || (queueing == QUEUE_CONNECTING && c->phase == CONN_WAITING)) return ERR_NOT_OPEN;
    return put(c, kind, data, true);
}

int conn_send(struct conn *c, enum ws_kind kind, struct slice data) {
    return c->phase == CONN_OPEN ? put(c, kind, data, c->login) : put_early(c, kind, data);
}

int conn_send_login(struct conn *c, enum ws_kind kind, struct slice data) {
    return c->phase == CONN_OPEN ? put(c, kind, data, false) : put_early(c, kind, data);
}

void conn_begin_login(struct conn *c) { c->login = true; }

void conn_end_login(struct conn *c) {
    if (!c->login) return;
    c->login = false;
    if (c->phase != CONN_OPEN) return; /* the queue is told as unsent */
    if (c->queue) CONN_TRACE(c, "on_websocket_connect has returned: the queue goes out");
    conn_send_queue(c);
    conn_await_drained(c); /* while the queue waited, `drained` was not called */
}

int conn_send_raw(struct conn *c, struct slice bytes) {
    if (c->phase != CONN_OPEN && c->phase != CONN_CLOSING) return ERR_CLOSED;
    int rc = buf_append(&c->out, bytes);
    conn_count(c);
    if (rc == 0) conn_mark_busy(c);
    return rc;
}

/* ---- what waits ---- */

void conn_apply_limits(struct conn *c) {
    const struct conn_settings *s = &c->plan->settings;
    size_t heads = s->fragment_size ? s->max_send_buffer / s->fragment_size * FRAME_HEAD_MAX : 0;
    ws_limit(&c->ws, s->max_message_size);
    c->ws.fragment = s->fragment_size;
    c->out.cap = s->max_send_buffer + heads + CONN_CONTROL_ROOM;
}

size_t conn_unwritten(const struct conn *c) {
    return c->out.len + (c->tls ? tls_out(c->tls)->len : 0) + (c->stream ? stream_waiting(c->stream) : 0);
}

size_t conn_buffered(const struct conn *c) {
    size_t queued = c->queue ? c->queue->bytes.len : 0;
    return queued + (c->phase == CONN_ENDED ? (size_t)c->end->unsent_bytes : conn_unwritten(c));
}

/* A login may wait for `drained`: for that the queue, which waits for the login, does not count. */
static bool login_is_written(const struct conn *c) { return c->login && c->drain_awaited && !conn_unwritten(c); }

void conn_look_drained(struct conn *c) {
    size_t waits = conn_buffered(c);
    c->behind = c->behind || (waits > CONN_BEHIND && c->given_messages); /* pongs alone do not count */
    if (waits && !login_is_written(c)) return;
    c->given_messages = c->given_bytes = 0;
    if (waits) {
        c->drain_awaited = false;
        if (c->sink && c->sink->drained) c->sink->drained(c->sink_arg, c, false);
        return;
    }
    if (!c->full && !c->behind && !c->drain_awaited) return;
    bool was_behind = c->full || c->behind;
    c->full = c->full_told = c->behind = c->drain_awaited = false;
    if (c->sink && c->sink->drained) c->sink->drained(c->sink_arg, c, was_behind);
}

void conn_note_given(struct conn *c, size_t bytes) {
    for (; bytes > UINT32_MAX / 2 - c->given_bytes / 2; bytes /= 2) { /* the proportion stays the same */
        c->given_messages /= 2;
        c->given_bytes /= 2;
    }
    c->given_bytes += (uint32_t)bytes;
}

/* Estimates how many messages the waiting bytes are: their share of all bytes written since nothing waited, applied to
 * the messages written since then. Encrypted messages cannot be told apart any more. */
void conn_note_unsent(struct conn *c) {
    struct conn_end *e = conn_ending(c);
    uint64_t encrypted = c->tls ? tls_out(c->tls)->len : 0, waits = c->out.len + encrypted;
    uint64_t all = c->given_bytes + waits, messages = c->given_messages;
    if (c->stream) waits += stream_waiting(c->stream);
    if (!messages || !waits || !all) return;
    e->unsent_bytes += waits;
    e->unsent_messages += waits < all ? (uint64_t)((double)messages * (double)waits / (double)all + 0.999) : messages;
}

/* count: how many bytes a connection keeps, for the account of its owner, and what happens where those are too many.
 * What its owner sends beyond that is refused by conn_send; what a peer sends is read in small parts, and of a
 * connection whose messages nobody takes no more is kept than one message. */
#include "net/conn/parts.h"

#include "net/tls/stream_tls.h"

enum { RECEIVED_FREE = 4 * 1024 }; /* bytes of an incomplete message that each connection may have received */

static size_t held_size(const struct buf *b) { return b ? b->len : 0; }

static size_t head_size(const struct conn_head *h) { return h ? sizeof *h + h->text.len + h->body.len : 0; }

static size_t more_size(const struct conn_more *m) {
    return m ? sizeof *m + m->cookies.size + histogram_size(&m->pings) : 0;
}

static size_t tls_size(const struct tls *t) { return t ? CONN_TLS_SIZE + tls_waiting(t) : 0; }

/* A proxy may be spoken to by TLS as well. */
static size_t stream_size(const struct stream *s) {
    return s ? sizeof *s + stream_waiting(s) + tls_size(stream_tls(s)) : 0;
}

/* The size of a plan is shared by the connections that have it. */
static size_t size_of(const struct conn *c) {
    return sizeof *c + (uint32_t)c->plan->size / c->plan->users + c->out.len + held_size(c->held) +
           (c->queue ? c->queue->bytes.len : 0) + head_size(c->head) + more_size(c->more) + stream_size(c->stream) +
           tls_size(c->tls) + ws_size(&c->ws);
}

void conn_count(struct conn *c) {
    size_t now = size_of(c);
    account_add(c->account, now - c->counted);
    c->counted = now;
}

void conn_set_account(struct conn *c, struct account *account) {
    account_take(c->account, c->counted);
    account_add(account, c->counted);
    account_hold(account);
    account_release(c->account);
    c->account = account;
}

bool conn_has_room(struct conn *c, size_t n) {
    if (account_has_room(c->account, n)) return true;
    if (c->sink && c->sink->starved) c->sink->starved(c->sink_arg, c);
    return account_has_room(c->account, n);
}

void conn_limit_received(struct conn *c) {
    conn_count(c);
    if (account_has_room(c->account, 0)) return;
    size_t received = conn_is_open(c) ? ws_received(&c->ws) : c->head ? c->head->text.len + c->head->body.len : 0;
    if (received <= RECEIVED_FREE || conn_has_room(c, 0) || !conn_is_live(c)) return;
    if (conn_is_open(c) && c->ws.out) {
        ws_refuse(&c->ws, "no memory for a message");
        conn_count(c); /* so that there is memory to tell of the end */
        CONN_FAIL(c, FAULT_TOO_BIG, "no memory for a message, of which %zu bytes had come (--max-memory)", received);
    } else {
        CONN_FAIL(c, FAULT_TOO_BIG, "no memory for an answer, of which %zu bytes had come (--max-memory)", received);
    }
}

/* io: what a connection reads and writes. In: socket, TLS, then the handshake or `ws`, whose events the sink takes;
 * bytes that it leaves are kept back. Out: frames are corked in `out` and go to the socket once, before the loop
 * sleeps. */
#include "net/conn/parts.h"

#include "base/container_of.h"
#include "base/reserve.h"
#include "net/conn/record.h"

#include <stdlib.h>
#include <string.h>

enum {
    TLS_BATCH = 256 * 1024,  /* plain bytes encrypted before the socket has taken the last */
    STARVED_READ = 4 * 1024, /* bytes read at a time while the account is over its limit */
};

static void write_tls(struct conn *c);
static void flush(struct conn *c);

/* ---- reading ---- */

static void note_close(struct conn *c, const struct ws_event *ev) {
    struct conn_end *e = conn_ending(c);
    CONN_TRACE(c, "a Close came: %u", ev->code);
    e->code = ev->code;
    e->reason_size = ev->data.n;
    if (ev->data.n) memcpy(e->reason, ev->data.p, ev->data.n);
    if (c->phase == CONN_OPEN) conn_begin_closing(c);
    /* our Close was sent: next, the server closes TCP (RFC 6455 7.1.1) */
    if (c->role == WS_CLIENT && c->stream && conn_buffered(c) == 0) stream_expect_end(c->stream);
    conn_mark_busy(c);
}

/* The rest of the turn is for other connections. */
static void put_off(struct conn *c) {
    c->net->turn.over = true;
    c->pump_due = true;
    conn_mark_busy(c);
}

/* Reads an event while the turn lasts: the rest of the input waits for the next turn. */
static enum ws_step step_in_turn(struct conn *c, struct ws_event *ev) {
    struct net_turn *turn = &c->net->turn;
    if (c->in.n && net_turn_is_over(c->net)) {
        put_off(c);
        return WS_LATER;
    }
    if (c->ws.deflate) c->ws.inflate_left = turn->inflate_left;
    enum ws_step step = ws_step(&c->ws, &c->in, ev);
    if (c->ws.deflate) turn->inflate_left = c->ws.inflate_left;
    if (step == WS_LATER) put_off(c);
    if (step == WS_EVENT) turn->looks -= (int32_t)(ev->data.n / NET_TURN_BYTES);
    return step;
}

bool conn_next(struct conn *c, struct ws_event *ev) {
    while (c->phase == CONN_CLOSING || (c->phase == CONN_OPEN && !c->paused)) {
        enum ws_step step = step_in_turn(c, ev);
        if (c->out.len) conn_mark_busy(c);
        if (step != WS_EVENT) return false;
        if (c->net->record && c->role == WS_CLIENT)
            record_event(c->net->record, c, false, ev->kind, ev->data, ev->code);
        if (ev->kind == WS_CLOSE) {
            note_close(c, ev);
            continue;
        }
        if (ev->kind == WS_PONG) conn_note_pong(c, ev->data);
        bool is_message = ev->kind == WS_TEXT || ev->kind == WS_BINARY;
        if (is_message) c->messages_in++;
        c->cut_short = c->cut_short || (c->paused && is_message);
        /* paused and closing: nobody wants this message; and later ones, after a resume, would have a gap before
         * them */
        if (!c->paused && !c->cut_short) return true;
    }
    return false;
}

bool conn_has_turn(struct conn *c) {
    if (!net_turn_is_over(c->net)) return true;
    conn_wake(c);
    return false;
}

void conn_drop_held(struct conn *c) {
    if (c->held) buf_clear(c->held);
    free(c->held);
    c->held = NULL;
}

/* Keeps back bytes that are to be read later. False where there is no memory for them: then the attempt has failed. */
static bool keep_back(struct conn *c, struct slice bytes) {
    if (!c->held) {
        c->held = reserve_take(sizeof *c->held);
        buf_init(c->held, (size_t)2 * NET_READ_SIZE);
    }
    if (buf_append(c->held, bytes) == 0) return true;
    CONN_FAIL(c, FAULT_TOO_BIG, "no memory for what was received");
    return false;
}

/* Lets the sink take what is in c->in, then keeps what it left. */
static void pump(struct conn *c) {
    struct ws_event ev;
    c->pump_due = false;
    if (c->sink && c->sink->readable)
        c->sink->readable(c->sink_arg, c);
    else
        while (conn_next(c, &ev)) continue;
    if (!conn_is_live(c)) return;
    if (ws_failed(&c->ws)) conn_fail(c, c->ws.fault);
    if (!conn_is_live(c)) return;
    if (c->held) {
        buf_consume(c->held, c->held->len - c->in.n);
        if (c->held->len == 0) conn_drop_held(c);
    } else if (c->in.n && !keep_back(c, c->in)) {
        return;
    }
    c->in = slice_of(NULL, 0);
    if (c->held && !(c->paused && c->phase == CONN_OPEN)) {
        c->pump_due = true;
        conn_mark_busy(c);
    }
}

/* Plain bytes came. */
static void take(struct conn *c, struct slice in) {
    while (in.n && c->phase == CONN_HANDSHAKE) conn_handshake_take(c, &in);
    if (c->phase == CONN_REFUSED && http1_body_step(&c->head->reader, in)) conn_handshake_refused(c);
    if (!conn_is_open(c)) return;
    if (!c->ws.out) return; /* a request was refused: all that follows is ignored */
    if (!c->held) {
        c->in = in;
    } else {
        if (!keep_back(c, in)) return;
        c->in = buf_slice(c->held);
    }
    if (c->in.n) pump(c);
}

static void broke(struct conn *c, int error, const char *when, const char *hint) {
    struct fault fault = {.system = uv_err_name(error)};
    fault_put(&fault, FAULT_RESET, "the connection broke%s%s: %s%s", when[0] ? " " : "", when, uv_strerror(error),
              hint);
    conn_fail(c, &fault);
}

/* Did the server close without an answer, as one does where only one side speaks TLS? */
static bool is_speechless(const struct conn *c) {
    if (c->role != WS_CLIENT) return false;
    return c->phase == CONN_TLS ? c->last_in == 0 : c->phase == CONN_HANDSHAKE && c->head->text.len == 0;
}

/* The connection ended without a Close frame: by the peer (UV_EOF), or because it broke. */
static void end(struct conn *c, int error) {
    const char *who = c->role == WS_CLIENT ? "the server" : "the client";
    const char *when = c->phase == CONN_TLS         ? "in the TLS handshake"
                       : c->phase == CONN_HANDSHAKE ? "before the opening handshake was done"
                                                    : "without a Close frame";
    const char *hint = is_speechless(c) ? conn_tls_hint(c) : "";
    if (error == UV_EOF && conn_is_open(c)) flush(c); /* the peer may still read what we said last, and our Close */
    if (c->phase == CONN_REFUSED) {
        conn_handshake_refused(c);
    } else if (c->phase == CONN_CLOSING) {
        if (conn_is_live(c)) conn_end_attempt(c); /* after a Close the end of TCP is no error */
    } else if (error == UV_EOF) {
        CONN_FAIL(c, FAULT_RESET, "%s ended the connection %s%s", who, when, hint);
    } else {
        broke(c, error, when, hint);
    }
}

static void on_ended(void *owner, int error) {
    struct conn *c = owner;
    if (error == UV_EOF && c->phase != CONN_CLOSING) error = stream_why_ended(c->stream);
    end(c, error);
}

static bool wants_plain(const struct conn *c) {
    return conn_is_live(c) && c->tls && !c->held && !(c->paused && c->phase == CONN_OPEN);
}

/* Goes on with TLS; `last_in` is what c->last_in was before the bytes to be read now came. */
static void go_on(struct conn *c, uint64_t last_in) {
    bool any = false;
    if (c->phase == CONN_TLS) {
        enum tls_step step = tls_handshake(c->tls);
        write_tls(c);
        if (c->phase != CONN_TLS) return; /* the write failed and, while paused, ended the attempt */
        if (step == TLS_FAILED) {
            conn_fail(c, tls_fault(c->tls));
            return;
        }
        if (step == TLS_DONE) conn_transport_up(c);
    }
    if (!c->net->plain && !(c->net->plain = malloc(NET_PLAIN_SIZE))) {
        CONN_FAIL(c, FAULT_TLS, "no memory for what was received");
        return;
    }
    while (c->phase != CONN_TLS && wants_plain(c)) {
        size_t n;
        enum tls_step step = tls_read(c->tls, c->net->plain, NET_PLAIN_SIZE, &n);
        if (step == TLS_DONE) {
            any = true;
            take(c, slice_of(c->net->plain, n));
            continue;
        }
        write_tls(c); /* an alert, or a key update */
        if (step == TLS_ENDED) {
            if (!any)
                c->last_in = last_in; /* close_notify is no sign of life: a proxy may send it because of a silence */
            end(c, UV_EOF);
        }
        if (step == TLS_FAILED && c->phase == CONN_CLOSING)
            conn_end_attempt(c);
        else if (step == TLS_FAILED)
            conn_fail(c, tls_fault(c->tls));
        break;
    }
    if (c->tls && tls_keep(c->tls) < 0) CONN_FAIL(c, FAULT_TLS, "no memory for what was received");
}

void conn_io_go_on(struct conn *c) { go_on(c, c->last_in); }

/* The next bytes of a large message are read into its own memory. */
static void place(void *owner, uint8_t **at, size_t *n) {
    struct conn *c = owner;
    if (conn_is_open(c) && c->ws.out && !c->tls && !c->held) ws_place(&c->ws, at, n);
    if (!account_has_room(c->account, 0) && *n > STARVED_READ) *n = STARVED_READ;
}

static void on_received(void *owner, uint8_t *data, size_t n) {
    struct conn *c = owner;
    uint64_t before = c->last_in;
    conn_hold(c);
    c->bytes_in += n;
    c->last_in = conn_now(c);
    if (c->tls) {
        tls_feed(c->tls, slice_of(data, n));
        go_on(c, before);
    } else {
        take(c, slice_of(data, n));
    }
    conn_limit_received(c);
    conn_update_reading(c);
    conn_release(c);
}

/* ---- writing ---- */

void conn_sent(struct conn *c, enum ws_kind kind, struct slice data, uint16_t code) {
    if (c->net->record && c->role == WS_CLIENT) record_event(c->net->record, c, true, kind, data, code);
    conn_mark_busy(c);
}

/* Output that cannot be written is dropped: reading will tell why, and what the peer sent last. While reading is paused
 * and nothing is left to read, the error is told at once. */
static void cannot_write(struct conn *c, int error) {
    bool unread = c->held || (c->tls && tls_has_unread(c->tls)) || (c->stream && stream_has_unread(c->stream));
    buf_clear(&c->out);
    if (c->paused && !unread && conn_is_live(c)) broke(c, error, "", "");
}

/* Gives bytes to the socket. */
static void put(struct conn *c, struct buf *b) {
    if (!c->stream || stream_busy(c->stream) || b->len == 0) return;
    c->bytes_out += b->len;
    conn_note_given(c, b->len);
    c->last_out = conn_now(c);
    int rc = stream_write(c->stream, b);
    net_give_buffer(c->net, b);
    if (rc != 0)
        cannot_write(c, rc);
    else if (stream_busy(c->stream))
        CONN_TRACE(c, "the system takes no more: %zu bytes wait for the peer to read", stream_waiting(c->stream));
}

static void write_tls(struct conn *c) {
    if (c->tls) put(c, tls_out(c->tls));
}

/* A server that has sent its last frame sends FIN, and waits for the client to close. */
static void shut_when_done(struct conn *c) {
    bool said = c->ws.out ? c->ws.close_sent && (c->ws.close_received || ws_failed(&c->ws)) : true;
    if (c->role != WS_SERVER || c->phase != CONN_CLOSING || c->shut || !said || conn_buffered(c)) return;
    c->shut = true;
    if (c->tls) tls_end(c->tls);
    write_tls(c);
    stream_shutdown(c->stream);
}

static void flush(struct conn *c) {
    conn_note_ping(c);
    if (!c->stream || stream_busy(c->stream)) return;
    if (c->tls && c->phase != CONN_TLS) {
        do { /* as long as the kernel takes it at once */
            while (c->out.len && tls_out(c->tls)->len < TLS_BATCH) {
                struct slice part = slice_head(buf_slice(&c->out), TLS_BATCH);
                if (tls_write(c->tls, part) < 0) {
                    conn_fail(c, tls_fault(c->tls));
                    return;
                }
                buf_consume(&c->out, part.n);
            }
            write_tls(c);
        } while (c->out.len && c->stream && !stream_busy(c->stream));
        if (c->out.len == 0) net_give_buffer(c->net, &c->out);
    } else if (!c->tls) {
        put(c, &c->out);
    }
    if (ws_pong_due(&c->ws)) {
        ws_catch_up(&c->ws);
        if (c->out.len) conn_mark_busy(c);
    }
    shut_when_done(c);
}

static void on_written(void *owner, int error) {
    struct conn *c = owner;
    if (error)
        cannot_write(c, error);
    else
        CONN_TRACE(c, "the system has taken what waited");
    conn_mark_busy(c);
}

static const struct stream_events stream_events = {
    .place = place, .received = on_received, .ended = on_ended, .written = on_written};

void conn_half_close(struct conn *c) {
    if (!c->stream || c->shut || !conn_is_open(c)) return;
    flush(c);
    if (!c->stream) return;
    c->shut = true;
    if (c->tls) tls_end(c->tls);
    write_tls(c);
    stream_shutdown(c->stream);
}

void conn_io_own(struct conn *c, struct stream *s, union address to) {
    c->pair = 0;
    c->stream = s;
    c->remote_address = to;
    stream_own(s, &stream_events, c);
    stream_hasten(s);
}

/* ---- turns ---- */

/* Does what is due before the loop sleeps. */
static void turn(struct conn *c) {
    if (c->step_due) conn_take_step(c);
    if (c->pump_due && c->ws.out && conn_is_open(c)) {
        c->in = c->held ? buf_slice(c->held) : slice_of(NULL, 0);
        pump(c);
        if (c->tls && wants_plain(c)) conn_io_go_on(c);
        conn_limit_received(c);
        conn_update_reading(c);
    }
    if (c->wake_due) {
        c->wake_due = false;
        if (c->sink && c->sink->readable) c->sink->readable(c->sink_arg, c);
    }
    if (c->full && !c->full_told) {
        c->full_told = true;
        if (c->sink && c->sink->buffer_full) c->sink->buffer_full(c->sink_arg, c);
    }
    flush(c);
    if (c->phase == CONN_OPEN) conn_look_drained(c);
}

void conn_take_turn(struct net_busy *b) {
    struct conn *c = container_of(b, struct conn, busy);
    c->is_busy = false;
    turn(c);
    conn_count(c);
    conn_release(c);
}

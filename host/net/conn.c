/* conn: the life of a connection. Top to bottom: its lists, how it ends, how it begins, what it reads, what it writes,
 * pings, and what its owner may ask. Every change of phase is one assignment in here, with the deadline of that phase
 * beside it. */
#include "net/conn.h"

#include "base/random.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TLS_BATCH = 256 * 1024, /* plain bytes encrypted before the socket has taken the last */
    LATE = 100 * CLOCK_MS,  /* a deadline met later than this was missed by us, not by the peer */
};

const struct conn_settings conn_default_settings = {
    .connect_timeout = 10 * CLOCK_SECOND,
    .handshake_timeout = 10 * CLOCK_SECOND,
    .close_timeout = 5 * CLOCK_SECOND,
    .pong_timeout = 20 * CLOCK_SECOND,
    .max_message_size = 16 << 20,
    .max_send_buffer = 16 << 20,
    .max_receive_buffer = 16 << 20,
};

static uint64_t now(const struct conn *c) { return clock_now(&c->net->clock); }

/* ---- lists and references ---- */

static void link_all(struct conn *c) {
    c->all_next = c->net->all;
    c->all_at = &c->net->all;
    if (c->all_next) c->all_next->all_at = &c->all_next;
    c->net->all = c;
    uv_ref((uv_handle_t *)&c->net->before_sleep); /* a paused connection keeps the loop alive as well */
    conn_hold(c);                                 /* while it is in the list */
}

static void unlink_all(struct conn *c) {
    *c->all_at = c->all_next;
    if (c->all_next) c->all_next->all_at = c->all_at;
    c->all_at = NULL;
    if (!c->net->all) {
        uv_unref((uv_handle_t *)&c->net->before_sleep);
        if (c->net->stopping) uv_stop(c->net->loop); /* not to sleep on timers that mean nothing any more */
    }
    conn_release(c);
}

/* Gives it a turn before the loop sleeps. */
static void mark_busy(struct conn *c) {
    if (c->is_busy) return;
    c->is_busy = true;
    c->busy_next = c->net->busy;
    c->net->busy = c;
    conn_hold(c);
}

static void free_head(struct conn *c) {
    if (!c->head) return;
    buf_clear(&c->head->text);
    buf_clear(&c->head->body);
    free(c->head);
    c->head = NULL;
}

void conn_hold(struct conn *c) { c->references++; }

void conn_release(struct conn *c) {
    if (--c->references) return;
    free_head(c);
    ws_clear(&c->ws);
    url_clear(&c->url);
    handshake_offer_clear(&c->offer);
    tls_config_clear(&c->tls_config);
    buf_clear(&c->held);
    buf_clear(&c->queue);
    buf_clear(&c->out);
    free(c->local);
    free(c->protocol);
    free(c);
}

static struct conn *new_conn(struct net *net, enum ws_role role, const struct conn_sink *sink, void *arg) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->net = net;
    c->role = role;
    c->references = 1;
    c->sink = sink;
    c->sink_arg = arg;
    c->id = ++net->last_id;
    c->settings = conn_default_settings;
    c->latency = -1;
    handshake_offer_init(&c->offer);
    buf_init(&c->held, (size_t)2 * NET_READ_SIZE);
    buf_init(&c->queue, SIZE_MAX);
    buf_init(&c->out, SIZE_MAX);
    return c;
}

struct conn *conn_new(struct net *net, const struct conn_sink *sink, void *arg) {
    return new_conn(net, WS_CLIENT, sink, arg);
}

void conn_detach(struct conn *c) { c->sink = NULL; }

const char *conn_state(const struct conn *c) {
    switch (c->phase) {
    case CONN_CLOSED:
    case CONN_ENDED: return "closed";
    case CONN_WAITING: return "waiting";
    case CONN_OPEN: return "open";
    case CONN_CLOSING: return "closing";
    default: return "connecting";
    }
}

static const char *phase_word(const struct conn *c) {
    switch (c->phase) {
    case CONN_DIALLING: return c->dial && dial_is_looking_up(c->dial) ? "dns" : "connect";
    case CONN_TLS: return "tls";
    case CONN_HANDSHAKE:
    case CONN_REFUSED: return "handshake";
    case CONN_OPEN: return "open";
    case CONN_CLOSING: return "closing";
    default: return "connect";
    }
}

static bool is_live(const struct conn *c) { return c->phase >= CONN_STARTING && c->phase < CONN_ENDED; }
static void on_step(struct deadline *d);
static void set_step(struct conn *c, uint64_t after) { clock_set(&c->net->clock, &c->step, now(c) + after, on_step); }

/* ---- the end ---- */

static void update_reading(struct conn *c) {
    if (c->stream) stream_read(c->stream, c->held.len == 0 && !(c->paused && c->phase == CONN_OPEN));
}

/* Leaves the open phase: what is due is sent, then the end of the TCP connection is awaited. */
static void begin_closing(struct conn *c) {
    if (!c->end.phase) c->end.phase = phase_word(c);
    c->phase = CONN_CLOSING;
    clock_cancel(&c->net->clock, &c->ping);
    set_step(c, c->settings.close_timeout);
    c->pump_due = true; /* what was held because of a pause has no taker any more */
    update_reading(c);
    mark_busy(c);
}

/* The transport goes at once; the end is told in the next turn of the loop. */
static void end_attempt(struct conn *c) {
    if (!is_live(c)) return;
    if (!c->end.phase) c->end.phase = phase_word(c);
    c->phase = CONN_ENDED;
    c->end.sent = c->ws.sent_code;
    if (c->dial) dial_cancel(c->dial);
    c->dial = NULL;
    if (c->tls) {
        tls_end(c->tls);
        if (c->stream && !stream_busy(c->stream)) stream_write(c->stream, tls_out(c->tls));
        tls_free(c->tls);
        c->tls = NULL;
    }
    if (c->stream) stream_close(c->stream);
    c->stream = NULL;
    c->in = slice_of(NULL, 0);
    buf_clear(&c->held);
    buf_clear(&c->out);
    c->pump_due = c->full = c->full_told = false;
    clock_cancel(&c->net->clock, &c->ping);
    set_step(c, 0);
}

/* The attempt failed: told once, then it ends. Only from the loop, never from within a call of the owner's. */
static void fail(struct conn *c, const struct fault *fault) {
    if (!is_live(c) || fault_set(&c->end.fault)) return;
    c->end.fault = *fault;
    conn_hold(c);
    if (c->ws.close_sent && !c->ws.close_received && c->phase == CONN_OPEN) {
        begin_closing(c); /* our Close is to arrive, so the peer's end is awaited (RFC 6455 7.1.7) */
    } else if (c->phase != CONN_CLOSING || !c->ws.close_sent) {
        end_attempt(c);
    }
    if (c->sink && c->sink->failed) c->sink->failed(c->sink_arg, c, &c->end.fault);
    conn_release(c);
}

#define FAIL(c, kind, ...)                                                                                             \
    do {                                                                                                               \
        struct fault fault_ = {0};                                                                                     \
        fault_put(&fault_, kind, __VA_ARGS__);                                                                         \
        fail(c, &fault_);                                                                                              \
    } while (0)

static void forget_attempt(struct conn *c) {
    clock_cancel(&c->net->clock, &c->step);
    c->phase = CONN_CLOSED;
    unlink_all(c);
}

static void tell_end(struct conn *c) {
    conn_hold(c);
    forget_attempt(c);
    if (c->sink) c->sink->closed(c->sink_arg, c, &c->end);
    if (c->again && c->phase == CONN_CLOSED) conn_open(c, c->again_after);
    c->again = false;
    if (c->phase == CONN_CLOSED) buf_clear(&c->queue);
    if (c->phase == CONN_CLOSED || c->phase == CONN_WAITING) {
        free_head(c);
        ws_clear(&c->ws);
    }
    conn_release(c);
}

static double seconds(uint64_t ns) { return clock_to_seconds(ns); }

/* The deadline of a phase has come. */
static void start_attempt(struct conn *c);
static void refused(struct conn *c);

static void on_step(struct deadline *d) {
    struct conn *c = (struct conn *)((char *)d - offsetof(struct conn, step));
    char what[256];
    switch (c->phase) {
    case CONN_WAITING:
    case CONN_STARTING: start_attempt(c); break;
    case CONN_DIALLING:
        dial_describe(c->dial, what, sizeof what);
        FAIL(c, "timeout", "%s within %g s (connect_timeout)", what, seconds(c->settings.connect_timeout));
        break;
    case CONN_TLS:
        FAIL(c, "timeout", "the TLS handshake was not done within %g s (connect_timeout)",
             seconds(c->settings.connect_timeout));
        break;
    case CONN_HANDSHAKE:
        FAIL(c, "timeout", "no answer to the opening handshake within %g s (handshake_timeout)",
             seconds(c->settings.handshake_timeout));
        break;
    case CONN_REFUSED: refused(c); break;
    case CONN_CLOSING: end_attempt(c); break;
    case CONN_ENDED: tell_end(c); break;
    case CONN_CLOSED:
    case CONN_OPEN: break;
    }
}

/* ---- the beginning ---- */

static const struct stream_events stream_events;
static void write_tls(struct conn *c);
static void pump_tls(struct conn *c);
static void flush(struct conn *c);

static void begin_handshake(struct conn *c) {
    c->phase = CONN_HANDSHAKE;
    c->head = calloc(1, sizeof *c->head);
    if (!c->head) abort();
    buf_init(&c->head->text, HTTP1_HEAD_MAX);
    buf_init(&c->head->body, CONN_BODY_MAX);
    set_step(c, c->settings.handshake_timeout);
    if (c->role == WS_SERVER) return;
    uint8_t nonce[16];
    random_fill(nonce, sizeof nonce);
    handshake_key(nonce, c->key);
    if (handshake_request_write(&c->out, &c->url, &c->offer, c->key) < 0) {
        FAIL(c, "handshake", "no memory for the request");
        return;
    }
    mark_busy(c);
}

/* TCP is up, and TLS where it is spoken. */
static void transport_up(struct conn *c) {
    if (c->sink && c->sink->connected) c->sink->connected(c->sink_arg, c);
    if (c->phase == CONN_DIALLING || c->phase == CONN_TLS) begin_handshake(c);
}

static void own_stream(struct conn *c, struct stream *s) {
    c->stream = s;
    stream_own(s, &stream_events, c);
    stream_tune(s);
    stream_remote_address(s, c->remote_address, sizeof c->remote_address);
    stream_local_address(s, c->local_address, sizeof c->local_address);
}

static void on_dialled(void *arg, struct stream *s, const struct fault *fault) {
    struct conn *c = arg;
    bool looked_up_only = fault && strcmp(fault->kind, "dns") == 0;
    c->dial = NULL;
    if (!s) {
        if (looked_up_only) c->end.phase = "dns";
        fail(c, fault);
        return;
    }
    conn_hold(c);
    own_stream(c, s);
    if (c->url.scheme == URL_WSS) {
        struct fault refused_config = {0};
        c->phase = CONN_TLS;
        c->tls = tls_client_new(c->net->tls, &c->tls_config, c->url.host, c->url.port, &refused_config);
        if (!c->tls)
            fail(c, &refused_config);
        else
            pump_tls(c);
    } else {
        transport_up(c);
    }
    update_reading(c);
    conn_release(c);
}

static void start_attempt(struct conn *c) {
    struct fault fault = {0};
    conn_hold(c);
    c->phase = CONN_STARTING;
    c->ping_sent = c->last_ping = 0;
    c->latency = -1;
    c->shut = false;
    c->remote_address[0] = c->local_address[0] = '\0';
    free(c->protocol);
    c->protocol = NULL;
    ws_clear(&c->ws);
    memset(&c->ws, 0, sizeof c->ws);
    free_head(c);
    bool go = !c->sink || !c->sink->starts || c->sink->starts(c->sink_arg, c, &fault);
    if (c->phase == CONN_STARTING) {
        c->phase = CONN_DIALLING;
        set_step(c, c->settings.connect_timeout);
        if (!go) {
            fail(c, &fault);
        } else if (c->url.scheme == URL_UNIX) {
            c->dial = dial_start_path(c->net, c->url.socket_path, on_dialled, c);
        } else {
            c->dial = dial_start(c->net, c->url.host, c->url.port, c->local, on_dialled, c);
        }
    }
    conn_release(c);
}

struct conn *conn_accept(struct net *net, struct stream *s, const struct tls_config *tls, const struct conn_sink *sink,
                         void *arg) {
    struct conn *c = new_conn(net, WS_SERVER, sink, arg);
    link_all(c);
    c->attempt = 1;
    c->end.code = WS_CLOSE_ABNORMAL;
    own_stream(c, s);
    c->phase = CONN_TLS;
    if (tls) {
        struct fault fault = {0};
        set_step(c, c->settings.connect_timeout);
        c->tls = tls_server_new(net->tls, tls, &fault);
        if (!c->tls) {
            c->end.fault = fault;
            end_attempt(c);
        }
    } else {
        begin_handshake(c);
    }
    update_reading(c);
    return c;
}

/* ---- the opening handshake ---- */

static void opened(struct conn *c) {
    clock_cancel(&c->net->clock, &c->step);
    c->phase = CONN_OPEN;
    c->opened_at = c->last_in = now(c);
    c->out.cap = c->settings.max_send_buffer + CONN_CONTROL_ROOM;
    ws_init(&c->ws, c->role, c->settings.max_message_size, &c->out, random_mask);
    while (c->queue.len) { /* what was sent before: kind, size, bytes */
        struct slice queued = buf_slice(&c->queue);
        uint64_t size;
        memcpy(&size, queued.p + 1, sizeof size);
        ws_send(&c->ws, (enum ws_kind)queued.p[0], slice_of(queued.p + 1 + sizeof size, (size_t)size));
        buf_consume(&c->queue, 1 + sizeof size + (size_t)size);
    }
    buf_clear(&c->queue);
    conn_ping_changed(c);
    mark_busy(c);
    if (c->sink && c->sink->opened) c->sink->opened(c->sink_arg, c);
    free_head(c);
}

static void keep_protocol(struct conn *c, struct slice protocol) {
    if (protocol.n) c->protocol = strndup((const char *)protocol.p, protocol.n);
}

/* The server's answer that says no is whole, or as much of it as is wanted. */
static void refused(struct conn *c) {
    struct fault fault = {0};
    struct slice protocol;
    handshake_response_judge(&c->head->parts, &c->offer, c->key, &protocol, &fault);
    fail(c, &fault);
}

/* A whole head of a response came. */
static void judge_response(struct conn *c) {
    struct conn_head *h = c->head;
    struct slice protocol;
    struct fault fault = {0};
    const char *why;
    if (http1_response_parse(h->text.base + h->text.start, h->text.len, &h->parts, &why) < 0) {
        FAIL(c, "handshake", "%s (RFC 9112)", why);
        return;
    }
    if (h->parts.status < 200 && h->parts.status != 101) { /* 1xx: the answer is yet to come (RFC 9110 15.2) */
        buf_reset(&h->text, SIZE_MAX);
        h->scanned = 0;
        return;
    }
    h->received = true;
    if (handshake_response_judge(&h->parts, &c->offer, c->key, &protocol, &fault) == 0) {
        keep_protocol(c, protocol);
        opened(c);
    } else if (h->parts.status == 101) {
        fail(c, &fault);
    } else {
        c->end.phase = "handshake";
        c->phase = CONN_REFUSED;
        http1_body_init(&h->reader, &h->parts, &h->body);
        if (http1_body_step(&h->reader, slice_of(NULL, 0))) refused(c);
    }
}

static void refuse_request(struct conn *c, unsigned status, const char *why) {
    handshake_refusal_write(&c->out, status, why);
    fault_put(&c->end.fault, "handshake", "%s", why);
    begin_closing(c);
}

/* A whole head of a request came. */
static void judge_request(struct conn *c) {
    struct conn_head *h = c->head;
    const char *why;
    unsigned status = 400;
    if (http1_request_parse(h->text.base + h->text.start, h->text.len, &h->parts, &why) == 0) {
        h->received = true;
        status = handshake_request_judge(&h->parts, &why);
    }
    if (status == 101) {
        struct slice offered = http1_field_get(&h->parts, "Sec-WebSocket-Protocol"), first = {0};
        slice_split(&offered, ',', &first);
        first = slice_trim(first);
        if (!http1_is_token(first)) first = slice_of(NULL, 0);
        keep_protocol(c, first);
        handshake_response_write(&c->out, &h->parts, first);
        opened(c);
        return;
    }
    refuse_request(c, status, why);
}

/* Reads the head of the handshake; leaves in `*in` what comes behind it. */
static void take_head(struct conn *c, struct slice *in) {
    struct conn_head *h = c->head;
    size_t had = h->text.len;
    struct slice part = slice_head(*in, HTTP1_HEAD_MAX - had);
    if (buf_append(&h->text, part) < 0) {
        FAIL(c, "handshake", "no memory for the head of the handshake");
        return;
    }
    size_t size = http1_head_size(buf_slice(&h->text), &h->scanned);
    if (size) {
        *in = slice_skip(*in, size - had);
        h->text.len = size;
        if (c->role == WS_CLIENT)
            judge_response(c);
        else
            judge_request(c);
        return;
    }
    *in = slice_skip(*in, part.n);
    if (c->role == WS_SERVER && !http1_is_token(slice_head(buf_slice(&h->text), 1))) { /* TLS, say */
        refuse_request(c, 400, "this is not a request of HTTP/1.1");
        return;
    }
    static const char start[] = "HTTP/1.";
    struct slice begin = slice_head(buf_slice(&h->text), sizeof start - 1);
    if (h->text.len == HTTP1_HEAD_MAX) {
        FAIL(c, "handshake", "the head of the answer is over 32 KB");
    } else if (c->role == WS_CLIENT && !slice_eq(begin, slice_head(slice_str(start), begin.n))) {
        FAIL(c, "handshake", "the answer is not HTTP/1.x");
    }
}

/* ---- reading ---- */

static void note_close(struct conn *c, const struct ws_event *ev) {
    c->end.code = ev->code;
    c->end.reason_size = ev->data.n;
    if (ev->data.n) memcpy(c->end.reason, ev->data.p, ev->data.n);
    if (c->phase == CONN_OPEN) begin_closing(c);
    mark_busy(c);
}

static void note_pong(struct conn *c, struct slice data) {
    c->pong_seconds = -1;
    if (!c->last_ping || !slice_eq(data, slice_of(c->last_ping_data, c->last_ping_size))) return;
    c->latency = c->pong_seconds = seconds(now(c) - c->last_ping);
    c->last_ping = 0;
}

bool conn_next(struct conn *c, struct ws_event *ev) {
    while (c->phase == CONN_CLOSING || (c->phase == CONN_OPEN && !c->paused)) {
        enum ws_step step = ws_step(&c->ws, &c->in, ev);
        if (c->out.len) mark_busy(c);
        if (step != WS_EVENT) return false;
        if (ev->kind == WS_CLOSE) {
            note_close(c, ev);
            continue;
        }
        if (ev->kind == WS_PONG) note_pong(c, ev->data);
        if (ev->kind == WS_TEXT || ev->kind == WS_BINARY) c->messages_in++;
        if (!c->paused) return true; /* paused and closing: nobody wants what still comes */
    }
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
    if (!is_live(c)) return;
    if (fault_set(&c->ws.fault)) fail(c, &c->ws.fault);
    if (!is_live(c)) return;
    if (c->held.len) {
        buf_consume(&c->held, c->held.len - c->in.n);
        if (c->held.len == 0) buf_clear(&c->held);
    } else if (c->in.n && buf_append(&c->held, c->in) < 0) {
        FAIL(c, "too_big", "no memory for what was received");
        return;
    }
    c->in = slice_of(NULL, 0);
    if (c->held.len && !(c->paused && c->phase == CONN_OPEN)) {
        c->pump_due = true;
        mark_busy(c);
    }
}

/* Plain bytes came. */
static void take(struct conn *c, struct slice in) {
    while (in.n && c->phase == CONN_HANDSHAKE) take_head(c, &in);
    if (c->phase == CONN_REFUSED && http1_body_step(&c->head->reader, in)) refused(c);
    if (!conn_is_open(c)) return;
    if (!c->ws.out) return; /* a request was refused: what else comes means nothing */
    if (c->held.len == 0) {
        c->in = in;
    } else {
        if (buf_append(&c->held, in) < 0) {
            FAIL(c, "too_big", "no memory for what was received");
            return;
        }
        c->in = buf_slice(&c->held);
    }
    if (c->in.n) pump(c);
}

static void on_ended(void *owner, int error) {
    struct conn *c = owner;
    const char *who = c->role == WS_CLIENT ? "the server" : "the client";
    switch (c->phase) {
    case CONN_TLS:
        FAIL(c, "reset", "%s ended the connection in the TLS handshake (%s)", who, uv_strerror(error));
        break;
    case CONN_HANDSHAKE:
        FAIL(c, "reset", "%s ended the connection before it answered the opening handshake (%s)", who,
             uv_strerror(error));
        break;
    case CONN_REFUSED: refused(c); break;
    case CONN_OPEN:
        FAIL(c, "reset", "%s ended the connection without a Close frame (%s)", who, uv_strerror(error));
        break;
    default: end_attempt(c); break; /* after a Close a bare end is no error */
    }
}

static bool wants_plain(const struct conn *c) {
    return is_live(c) && c->tls && c->held.len == 0 && !(c->paused && c->phase == CONN_OPEN);
}

/* Goes on with TLS as far as what came allows. */
static void pump_tls(struct conn *c) {
    if (c->phase == CONN_TLS) {
        enum tls_step step = tls_handshake(c->tls);
        write_tls(c);
        if (step == TLS_FAILED) {
            fail(c, tls_fault(c->tls));
            return;
        }
        if (step == TLS_DONE) transport_up(c);
    }
    if (!c->net->plain && !(c->net->plain = malloc(NET_PLAIN_SIZE))) abort();
    while (c->phase != CONN_TLS && wants_plain(c)) {
        size_t n;
        enum tls_step step = tls_read(c->tls, c->net->plain, NET_PLAIN_SIZE, &n);
        if (step == TLS_DONE) {
            take(c, slice_of(c->net->plain, n));
            continue;
        }
        write_tls(c); /* an alert, or a key update */
        if (step == TLS_ENDED) on_ended(c, UV_EOF);
        if (step == TLS_FAILED && c->phase == CONN_CLOSING)
            end_attempt(c);
        else if (step == TLS_FAILED)
            fail(c, tls_fault(c->tls));
        break;
    }
    if (c->tls && tls_keep(c->tls) < 0) FAIL(c, "tls", "no memory for what was received");
}

static void on_received(void *owner, uint8_t *data, size_t n) {
    struct conn *c = owner;
    conn_hold(c);
    c->bytes_in += n;
    c->last_in = now(c);
    if (c->tls) {
        tls_feed(c->tls, slice_of(data, n));
        pump_tls(c);
    } else {
        take(c, slice_of(data, n));
    }
    update_reading(c);
    conn_release(c);
}

/* ---- writing ---- */

size_t conn_buffered(const struct conn *c) {
    return c->queue.len + c->out.len + (c->tls ? tls_out(c->tls)->len : 0) +
           (c->stream ? stream_waiting(c->stream) : 0);
}

/* Gives bytes to the socket. What cannot be written is dropped: reading will tell why, and what the peer said last. */
static void put(struct conn *c, struct buf *b) {
    if (!c->stream || stream_busy(c->stream) || b->len == 0) return;
    c->bytes_out += b->len;
    int rc = stream_write(c->stream, b);
    buf_reset(b, WS_KEEP);
    if (rc == 0) return;
    buf_clear(&c->out);
    if (c->paused) FAIL(c, "reset", "the connection is broken (%s)", uv_strerror(rc));
}

static void write_tls(struct conn *c) {
    if (c->tls) put(c, tls_out(c->tls));
}

/* A server that has said all it has to say says so, and awaits the client's end. */
static void shut_when_done(struct conn *c) {
    bool said = c->ws.out ? c->ws.close_sent && (c->ws.close_received || fault_set(&c->ws.fault)) : true;
    if (c->role != WS_SERVER || c->phase != CONN_CLOSING || c->shut || !said || conn_buffered(c)) return;
    c->shut = true;
    if (c->tls) tls_end(c->tls);
    write_tls(c);
    stream_shutdown(c->stream);
}

static void flush(struct conn *c) {
    if (!c->stream || stream_busy(c->stream)) return;
    if (c->tls && c->phase != CONN_TLS) {
        do { /* as long as the system takes it at once */
            while (c->out.len && tls_out(c->tls)->len < TLS_BATCH) {
                struct slice part = slice_head(buf_slice(&c->out), TLS_BATCH);
                if (tls_write(c->tls, part) < 0) {
                    fail(c, tls_fault(c->tls));
                    return;
                }
                buf_consume(&c->out, part.n);
            }
            write_tls(c);
        } while (c->out.len && c->stream && !stream_busy(c->stream));
        if (c->out.len == 0) buf_reset(&c->out, WS_KEEP);
    } else if (!c->tls) {
        put(c, &c->out);
    }
    if (c->ws.pong_due) {
        ws_catch_up(&c->ws);
        if (c->out.len) mark_busy(c);
    }
    shut_when_done(c);
}

static void on_written(void *owner, int error) {
    struct conn *c = owner;
    if (error && c->paused && is_live(c)) FAIL(c, "reset", "the connection is broken (%s)", uv_strerror(error));
    if (error) buf_clear(&c->out);
    mark_busy(c);
}

static const struct stream_events stream_events = {.received = on_received, .ended = on_ended, .written = on_written};

/* What there is to do before the loop sleeps. */
static void turn(struct conn *c) {
    if (c->pump_due && c->ws.out && conn_is_open(c)) {
        c->in = buf_slice(&c->held);
        pump(c);
        if (c->tls && wants_plain(c)) pump_tls(c);
        update_reading(c);
    }
    if (c->full && !c->full_told) {
        c->full_told = true;
        if (c->sink && c->sink->buffer_full) c->sink->buffer_full(c->sink_arg, c);
    }
    flush(c);
    if (c->full && c->phase == CONN_OPEN && conn_buffered(c) == 0) {
        c->full = c->full_told = false;
        if (c->sink && c->sink->drained) c->sink->drained(c->sink_arg, c);
    }
}

static void on_kick(struct deadline *d) { (void)d; }

void conn_run_busy(struct net *net) {
    for (int rounds = 0; net->busy && rounds < 64; rounds++) { /* a turn may make more to do; not for ever */
        struct conn *c = net->busy;
        net->busy = NULL;
        while (c) {
            struct conn *next = c->busy_next;
            c->is_busy = false;
            turn(c);
            conn_release(c);
            c = next;
        }
    }
    if (net->busy) clock_set(&net->clock, &net->kick, clock_now(&net->clock), on_kick); /* do not sleep on it */
}

/* ---- pings ---- */

static void on_ping_time(struct deadline *d);

static void arm_ping(struct conn *c) {
    uint64_t due = c->next_ping, dead = c->ping_sent ? c->ping_sent + c->settings.pong_timeout : 0;
    if (dead && (!due || dead < due)) due = dead;
    if (due)
        clock_set(&c->net->clock, &c->ping, due, on_ping_time);
    else
        clock_cancel(&c->net->clock, &c->ping);
}

static void on_ping_time(struct deadline *d) {
    struct conn *c = (struct conn *)((char *)d - offsetof(struct conn, ping));
    uint64_t t = now(c), late = t - d->due;
    if (c->ping_sent && c->last_in >= c->ping_sent) c->ping_sent = 0; /* anything received counts as a pong */
    if (c->ping_sent && (late > LATE || c->paused)) c->ping_sent += late > LATE ? late : c->settings.pong_timeout;
    if (c->ping_sent && t >= c->ping_sent + c->settings.pong_timeout) {
        FAIL(c, "ping_timeout", "nothing came for %g s after a ping (pong_timeout)", seconds(c->settings.pong_timeout));
        return;
    }
    if (c->next_ping && t >= c->next_ping) {
        c->next_ping = t + c->settings.ping_interval;
        conn_ping(c, slice_of(NULL, 0));
    }
    arm_ping(c);
}

void conn_ping_changed(struct conn *c) {
    if (c->phase != CONN_OPEN) return;
    c->next_ping = c->settings.ping_interval ? now(c) + c->settings.ping_interval : 0;
    arm_ping(c);
}

int conn_ping(struct conn *c, struct slice data) {
    if (c->phase != CONN_OPEN) return ERR_CLOSED;
    int rc = ws_ping(&c->ws, data);
    if (rc < 0) return rc;
    c->last_ping = now(c);
    c->last_ping_size = (uint8_t)data.n;
    if (data.n) memcpy(c->last_ping_data, data.p, data.n);
    if (!c->ping_sent || c->last_in >= c->ping_sent) c->ping_sent = c->last_ping;
    arm_ping(c);
    mark_busy(c);
    return 0;
}

/* ---- what the owner may ask ---- */

void conn_open(struct conn *c, uint64_t delay) {
    if (c->net->stopping) return;
    if (c->phase > CONN_WAITING) {
        if (c->phase != CONN_ENDED) conn_close(c, WS_CLOSE_NORMAL, slice_of(NULL, 0));
        c->again = true;
        c->again_after = delay;
        return;
    }
    if (c->phase == CONN_CLOSED) {
        link_all(c);
        c->attempt++;
        c->end = (struct conn_end){.code = WS_CLOSE_ABNORMAL};
        c->opened_at = 0;
    }
    c->phase = delay ? CONN_WAITING : CONN_STARTING;
    set_step(c, delay);
}

void conn_cancel_open(struct conn *c) {
    c->again = false;
    if (c->phase != CONN_WAITING) return;
    buf_clear(&c->queue);
    forget_attempt(c);
}

static int enqueue(struct conn *c, enum ws_kind kind, struct slice data) {
    uint64_t size = data.n;
    uint8_t *to = buf_reserve(&c->queue, 1 + sizeof size + data.n);
    if (!to) return ERR_NOMEM;
    to[0] = (uint8_t)kind;
    memcpy(to + 1, &size, sizeof size);
    if (data.n) memcpy(to + 1 + sizeof size, data.p, data.n);
    buf_commit(&c->queue, 1 + sizeof size + data.n);
    return 0;
}

int conn_send(struct conn *c, enum ws_kind kind, struct slice data) {
    bool queued = c->phase >= CONN_WAITING && c->phase < CONN_OPEN;
    if (c->phase != CONN_OPEN && !queued) return ERR_CLOSED;
    size_t size = frame_size(data.n, c->role == WS_CLIENT), buffered = conn_buffered(c);
    if (size > c->settings.max_send_buffer || buffered > c->settings.max_send_buffer - size) {
        c->full = true;
        mark_busy(c);
        return ERR_FULL;
    }
    int rc = !queued                                ? ws_send(&c->ws, kind, data)
             : kind == WS_TEXT && !utf8_valid(data) ? ERR_INVALID_UTF8
                                                    : enqueue(c, kind, data);
    if (rc < 0) return rc;
    c->messages_out++;
    if (!queued) mark_busy(c);
    return 0;
}

int conn_close(struct conn *c, uint16_t code, struct slice reason) {
    if (reason.n > WS_REASON_MAX || (code ? !ws_close_code_valid(code) : reason.n > 0)) return ERR_RANGE;
    if (!utf8_valid(reason)) return ERR_INVALID_UTF8;
    conn_cancel_open(c);
    if (c->phase != CONN_OPEN) {
        if (c->phase != CONN_CLOSING) end_attempt(c);
        return 0;
    }
    if (ws_close(&c->ws, code, reason) == 0) {
        begin_closing(c);
    } else {
        end_attempt(c);
    }
    return 0;
}

void conn_destroy(struct conn *c) {
    conn_cancel_open(c);
    end_attempt(c);
}

void conn_pause(struct conn *c, enum conn_pauser who) {
    c->paused |= (uint8_t)who;
    update_reading(c);
}

void conn_resume(struct conn *c, enum conn_pauser who) {
    if (!(c->paused & who)) return;
    c->paused &= (uint8_t)~who;
    if (c->paused) return;
    c->ping_sent = 0; /* what came meanwhile was not looked at */
    update_reading(c);
    conn_wake(c);
}

void conn_wake(struct conn *c) {
    if (!conn_is_open(c)) return;
    c->pump_due = true;
    mark_busy(c);
}

void conn_tell_drained(struct conn *c) {
    c->full = c->full_told = true;
    mark_busy(c);
}

/* conn: the life of a connection: its lists, how it begins, and what its owner may ask. How it ends is in end.c, what
 * it reads and writes in io.c, what its owner sends in send.c, the opening handshake in handshake.c, pings in ping.c,
 * the change of owners in adopt.c. Where a phase is entered, its deadline is set beside that. */
#include "net/conn/parts.h"

#include "base/container_of.h"
#include "net/conn/record.h"
#include <stdlib.h>
#include <string.h>

/* ---- lists and references ---- */

static void link_all(struct conn *c) {
    if (LIST_EMPTY(&c->net->all)) net_watch_lag(c->net, true);
    LIST_INSERT_HEAD(&c->net->all, c, link);
    if (!c->net->beside)
        uv_ref((uv_handle_t *)&c->net->before_sleep); /* one that is paused keeps the loop alive, too */
    conn_hold(c);                                     /* while it is in the list */
}

static void unlink_all(struct conn *c) {
    LIST_REMOVE(c, link);
    if (LIST_EMPTY(&c->net->all)) {
        net_watch_lag(c->net, false);
        uv_unref((uv_handle_t *)&c->net->before_sleep);
        if (c->net->stopping) uv_stop(c->net->loop); /* the timers that are left have no purpose */
    }
    conn_release(c);
}

void conn_mark_busy(struct conn *c) {
    if (c->is_busy) return;
    c->is_busy = true;
    net_add_busy(c->net, &c->busy);
    conn_hold(c);
}

void conn_head_free(struct conn_head *h) {
    if (!h) return;
    buf_clear(&h->text);
    buf_clear(&h->body);
    free(h);
}

struct conn_head *conn_take_head(struct conn *c) {
    struct conn_head *h = c->head;
    c->head = NULL;
    return h;
}

struct plan *conn_plan(struct conn *c) {
    return plan_own(c->net, &c->plan);
}

void conn_share_plan(struct conn *c) { plan_share(c->net, &c->plan); }

void conn_add_sums(const struct conn *c, struct net_sums *sums) {
    sums->messages_in += c->messages_in;
    sums->messages_out += c->messages_out;
    sums->bytes_in += c->bytes_in;
    sums->bytes_out += c->bytes_out;
}

void conn_hold(struct conn *c) {
    err_must(c->references > 0);
    c->references++;
}

void conn_release(struct conn *c) {
    err_must(c->references > 0);
    if (--c->references) return;
    err_must(!c->is_busy); /* the list has a reference while it is in there */
    conn_head_free(c->head);
    conn_forget_end(c);
    ws_clear(&c->ws);
    conn_drop_more(c);
    conn_drop_held(c);
    conn_drop_queue(c);
    buf_clear(&c->out);
    conn_drop_pings(c);
    plan_release(c->net, c->plan);
    free(c->protocol);
    if (c->role == WS_CLIENT) conn_add_sums(c, &c->net->gone);
    account_take(c->account, c->counted);
    account_release(c->account);
    free(c);
}

static struct conn *new_conn(struct net *net, enum ws_role role, const struct conn_sink *sink, void *arg) {
    struct conn *c = calloc(1, sizeof *c);
    struct plan *plan = c ? plan_new() : NULL;
    if (!plan) {
        free(c);
        return NULL;
    }
    c->net = net;
    c->role = role;
    c->references = 1;
    c->sink = sink;
    c->sink_arg = arg;
    c->id = ++net->last_id;
    net->take_turn = conn_take_turn;
    c->subject.put = conn_put_subject;
    c->account = account_hold(net->account);
    c->plan = plan;
    buf_init(&c->out, SIZE_MAX);
    return c;
}

struct conn *conn_new(struct net *net, const struct conn_sink *sink, void *arg) {
    return new_conn(net, WS_CLIENT, sink, arg);
}

struct conn *conn_new_beside(struct conn *c, const struct conn_sink *sink, void *arg) {
    struct conn *next = conn_new(c->net, sink, arg);
    if (!next) return NULL;
    plan_release(next->net, next->plan);
    next->plan = plan_hold(c->plan);
    next->attempt = c->attempt;
    conn_set_account(next, c->account);
    conn_swap_cookies(next, c);
    return next;
}

void conn_detach(struct conn *c) { c->sink = NULL; }

union address conn_local_address(const struct conn *c) {
    return c->stream ? stream_local_address(c->stream) : (union address){0};
}

static void on_step(struct deadline *d);
void conn_set_step(struct conn *c, uint64_t after) {
    c->step_from = conn_now(c);
    c->step_due = after == 0;
    if (c->step_due) { /* before the loop sleeps: a deadline would cost another turn of it */
        clock_cancel(&c->net->clock, &c->step);
        conn_mark_busy(c);
    } else {
        clock_set(&c->net->clock, &c->step, c->step_from + after, on_step);
    }
}

void conn_renew_step(struct conn *c) {
    uint64_t limit = conn_phase_limit(c);
    bool counts = c->phase != CONN_STARTING || (c->held_back && clock_is_set(&c->step));
    if (limit && counts) clock_set(&c->net->clock, &c->step, c->step_from + limit, on_step);
}

void conn_update_reading(struct conn *c) {
    if (c->stream) stream_read(c->stream, !c->held && !(c->paused && c->phase == CONN_OPEN));
}

void conn_forget_attempt(struct conn *c) {
    clock_cancel(&c->net->clock, &c->step);
    c->step_due = false;
    conn_enter(c, CONN_CLOSED);
    unlink_all(c);
}

/* The deadline of a phase has come. */
static void start_attempt(struct conn *c);

static void on_step(struct deadline *d) { conn_take_step(container_of(d, struct conn, step)); }

void conn_take_step(struct conn *c) {
    c->step_due = false;
    switch (c->phase) {
    case CONN_WAITING: start_attempt(c); break;
    case CONN_STARTING:
        if (c->held_back)
            conn_phase_late(c);
        else
            start_attempt(c);
        break;
    case CONN_DIALLING:
    case CONN_TLS:
    case CONN_HANDSHAKE: conn_phase_late(c); break;
    case CONN_REFUSED: conn_handshake_refused(c); break;
    case CONN_CLOSING: conn_end_attempt(c); break;
    case CONN_ENDED: conn_tell_end(c); break;
    case CONN_CLOSED:
    case CONN_OPEN: break;
    }
}

/* ---- the beginning ---- */

void conn_transport_up(struct conn *c) {
    if (c->sink && c->sink->connected) c->sink->connected(c->sink_arg, c);
    if (c->phase == CONN_DIALLING || c->phase == CONN_TLS) conn_handshake_begin(c);
}

static void on_tls_ready(void *arg) {
    struct conn *c = arg;
    conn_hold(c);
    conn_io_go_on(c);
    conn_update_reading(c);
    conn_release(c);
}

static void begin_tls(struct conn *c, const struct url *url) {
    struct fault refused_config = {0};
    struct tls_config config = conn_tls(c);
    if (!conn_has_room(c, CONN_TLS_SIZE)) {
        CONN_FAIL(c, FAULT_TLS, "no memory for TLS (--max-memory)");
        return;
    }
    if (!conn_is_live(c)) return;
    c->tls = tls_client_new(tls_store_of(c->net), &config, url->host, url->port, &refused_config);
    conn_count(c);
    if (!c->tls) {
        conn_fail(c, &refused_config);
        return;
    }
    tls_trace_as(c->tls, &c->subject);
    tls_await(c->tls, on_tls_ready, c);
    conn_io_go_on(c);
}

static void on_dialled(void *arg, struct stream *s, union address to, const struct fault *fault) {
    struct conn *c = arg;
    c->tunnel = NULL;
    if (!s) {
        conn_ending(c)->phase = fault_word(fault); /* "dns", "connect" or "proxy" */
        conn_fail(c, fault);
        return;
    }
    conn_hold(c);
    conn_io_own(c, s, to);
    const struct url *url = conn_url(c);
    if (url->scheme == URL_WSS) {
        conn_enter(c, CONN_TLS);
        begin_tls(c, url);
    } else {
        conn_transport_up(c);
    }
    conn_update_reading(c);
    conn_release(c);
}

/* From here on an attempt is under way, whose end will be told. */
static void prepare_attempt(struct conn *c) {
    conn_take_offer_next(c);
    conn_enter(c, CONN_STARTING);
    c->attempt++;
    conn_forget_end(c);
    c->began_at = conn_now(c);
    c->opened_at = c->last_in = c->last_out = 0;
    c->cut_short = c->shut = c->ended_by_owner = c->held_back = c->probed = false;
    c->remote_address = (union address){0};
    conn_drop_pings(c);
    c->frames_in += c->ws.frames_in;
    c->frames_out += c->ws.frames_out;
    c->net->attempts++;
    conn_forget_redirects(c);
    free(c->protocol);
    c->protocol = NULL;
    ws_clear(&c->ws);
    memset(&c->ws, 0, sizeof c->ws);
    conn_head_free(conn_take_head(c));
}

static void start_attempt(struct conn *c) {
    conn_hold(c);
    if (c->phase == CONN_WAITING) prepare_attempt(c);
    c->held_back = true;
    if (!c->sink || !c->sink->starts || c->sink->starts(c->sink_arg, c))
        conn_start(c, NULL);
    else if (c->held_back)
        CONN_TRACE(c, "held back: its url and headers functions, or a callback, are not done");
    conn_release(c);
}

void conn_start(struct conn *c, const struct fault *fault) {
    if (c->phase != CONN_STARTING || !c->held_back) return;
    c->held_back = false;
    if (c->net->record) record_connect(c->net->record, c);
    conn_enter(c, CONN_DIALLING);
    if (fault)
        conn_fail(c, fault);
    else
        conn_dial(c);
}

void conn_dial(struct conn *c) {
    conn_enter(c, CONN_DIALLING);
    c->remote_address = (union address){0};
    conn_set_step(c, c->plan->settings.connect_timeout);
    c->tunnel = tunnel_start(c->net, conn_url(c), c->plan, &c->subject, on_dialled, c);
    if (!c->tunnel) CONN_FAIL(c, FAULT_CONNECT, "not enough memory to connect");
}

void conn_limit_start(struct conn *c) {
    if (c->phase == CONN_STARTING && c->held_back) conn_set_step(c, c->plan->settings.connect_timeout);
}

struct conn *conn_accept(struct net *net, struct stream *s, const struct tls_config *tls, const struct conn_sink *sink,
                         void *arg) {
    struct conn *c = new_conn(net, WS_SERVER, sink, arg);
    if (!c) return NULL;
    link_all(c);
    c->attempt = 1;
    c->began_at = conn_now(c);
    conn_io_own(c, s, stream_remote_address(s));
    conn_enter(c, CONN_TLS);
    if (tls) {
        struct fault fault = {0};
        conn_set_step(c, c->plan->settings.connect_timeout);
        c->tls = tls_server_new(tls_store_of(net), tls, &fault);
        if (!c->tls) {
            conn_ending(c)->fault = fault;
            conn_end_attempt(c);
        } else {
            tls_trace_as(c->tls, &c->subject);
        }
    } else {
        conn_handshake_begin(c);
    }
    conn_update_reading(c);
    return c;
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
    if (c->phase == CONN_CLOSED) link_all(c);
    conn_enter(c, CONN_WAITING);
    if (c->attempt == 0) prepare_attempt(c); /* the first attempt counts from now on, later ones from when they begin */
    conn_set_step(c, delay);
}

void conn_cancel_open(struct conn *c) {
    c->again = false;
    if (c->phase != CONN_WAITING) return;
    conn_drop_queue(c);
    conn_wake(c); /* its owner may want to know */
    conn_forget_attempt(c);
}

void conn_withdraw(struct conn *c) {
    conn_cancel_open(c);
    if (c->phase != CONN_STARTING || c->held_back) return;
    conn_drop_queue(c);
    conn_forget_attempt(c);
}

void conn_reset(struct conn *c) {
    if (c->stream) stream_reset(c->stream);
    c->stream = NULL;
    conn_destroy(c);
}

int conn_close(struct conn *c, uint16_t code, struct slice reason) {
    if (reason.n > WS_REASON_MAX || (code ? !ws_close_code_valid(code) : reason.n > 0)) return ERR_RANGE;
    if (!utf8_valid(reason)) return ERR_INVALID_UTF8;
    conn_cancel_open(c);
    if (conn_is_live(c)) CONN_TRACE(c, "closed on this side: %u", code);
    c->ended_by_owner = true;
    if (c->phase != CONN_OPEN) {
        if (c->phase != CONN_CLOSING) conn_end_attempt(c);
        return 0;
    }
    conn_end_login(c); /* nothing is sent behind a Close */
    if (ws_close(&c->ws, code, reason) == 0) {
        conn_sent(c, WS_CLOSE, reason, code);
        conn_begin_closing(c);
    } else {
        conn_end_attempt(c);
    }
    return 0;
}

void conn_destroy(struct conn *c) {
    conn_cancel_open(c);
    if (conn_is_live(c)) CONN_TRACE(c, "ended on this side, without a Close");
    c->ended_by_owner = true;
    conn_end_attempt(c);
}

static const char *pauser(enum conn_pauser who) {
    return who == CONN_PAUSED_BY_SCRIPT ? "the script" : "its reader, who is behind";
}

void conn_pause(struct conn *c, enum conn_pauser who) {
    if (!(c->paused & who)) CONN_TRACE(c, "paused by %s", pauser(who));
    c->paused |= (uint8_t)who;
    conn_update_reading(c);
}

void conn_resume(struct conn *c, enum conn_pauser who) {
    if (!(c->paused & who)) return;
    c->paused &= (uint8_t)~who;
    CONN_TRACE(c, "no longer paused by %s%s", pauser(who), c->paused ? ", still by another" : "");
    if (c->paused) return;
    if (c->pings) c->pings->sent = 0; /* what came during the pause was not read: it may be the pong */
    conn_update_reading(c);
    conn_wake(c);
}

void conn_wake(struct conn *c) {
    if (conn_is_open(c))
        c->pump_due = true;
    else
        c->wake_due = true;
    conn_mark_busy(c);
}

void conn_await_drained(struct conn *c) {
    c->drain_awaited = true;
    conn_mark_busy(c);
}

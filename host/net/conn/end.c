/* end: how an attempt of a connection ends, what is noted of that, and whether another follows. */
#include "net/conn/parts.h"

#include "base/random.h"
#include "base/reserve.h"
#include "net/conn/record.h"
#include <stdlib.h>

struct conn_end *conn_ending(struct conn *c) {
    if (c->end) return c->end;
    c->end = reserve_take(sizeof *c->end);
    c->end->code = WS_CLOSE_ABNORMAL;
    return c->end;
}

void conn_forget_end(struct conn *c) {
    free(c->end);
    c->end = NULL;
}

/* Notes in which phase it was when the end began. */
static void note_phase(struct conn *c) {
    struct conn_end *e = conn_ending(c);
    if (!e->phase) e->phase = conn_phase_word(c);
}

void conn_begin_closing(struct conn *c) {
    note_phase(c);
    conn_enter(c, CONN_CLOSING);
    conn_set_step(c, c->plan->settings.close_timeout);
    c->pump_due = true; /* bytes kept back by a pause: nobody takes their messages any more */
    conn_update_reading(c);
    conn_mark_busy(c);
}

static double since(uint64_t when, uint64_t now) { return when ? clock_to_seconds(now - when) : -1; }

/* Fills in what explains the end to a person. */
static void describe_end(struct conn *c) {
    struct conn_end *e = conn_ending(c);
    uint64_t now = conn_now(c);
    e->sent = c->ws.sent_code;
    e->attempt = c->attempt;
    e->uptime = c->opened_at ? since(c->opened_at, now) : 0;
    e->since_in = since(c->last_in, now);
    e->since_out = since(c->last_out, now);
    e->since_ping = c->pings && c->pings->sent > c->last_in ? since(c->pings->sent, now) : -1;
    e->lag = clock_to_seconds(net_lag_since(c->net, c->began_at));
    e->retry_in = -1;
}

void conn_drop_transport(struct conn *c) {
    if (c->tls) {
        tls_end(c->tls);
        if (c->stream && !stream_busy(c->stream)) stream_write(c->stream, tls_out(c->tls));
        tls_free(c->tls);
        c->tls = NULL;
    }
    if (c->stream) stream_close(c->stream);
    c->stream = NULL;
    c->in = slice_of(NULL, 0);
    conn_drop_held(c);
    buf_clear(&c->out);
    c->pump_due = false;
}

void conn_end_attempt(struct conn *c) {
    if (!conn_is_live(c)) return;
    note_phase(c);
    conn_enter(c, CONN_ENDED);
    describe_end(c);
    if (c->tunnel) tunnel_cancel(c->tunnel);
    c->tunnel = NULL;
    conn_note_unsent(c);
    conn_drop_transport(c);
    c->full = c->full_told = c->behind = c->login = false;
    conn_set_step(c, 0);
}

void conn_fail(struct conn *c, const struct fault *fault) {
    if (!conn_is_live(c) || (c->end && fault_set(&c->end->fault))) return;
    CONN_TRACE(c, "failed (%s): %s", fault_word(fault), fault->text);
    conn_ending(c)->fault = *fault;
    conn_hold(c);
    if (c->ws.close_sent && !c->ws.close_received && c->phase == CONN_OPEN) {
        conn_begin_closing(c); /* our Close is to arrive, so the peer's end is awaited (RFC 6455 7.1.7) */
    } else if (c->phase != CONN_CLOSING || !c->ws.close_sent) {
        conn_end_attempt(c);
    }
    conn_count(c); /* the memory that it has freed may be needed to tell its owner */
    if (c->sink && c->sink->failed) c->sink->failed(c->sink_arg, c, &conn_ending(c)->fault);
    conn_release(c);
}

/* Why the retry policy is not asked for another attempt; NULL: it is. */
static const char *why_no_retry(const struct conn *c) {
    return !c->plan->settings.retry.on ? "reconnect is off"
           : c->ended_by_owner         ? "it was closed on this side"
           : c->again                  ? "another attempt was asked for"
           : c->net->stopping          ? "the program stops"
           : c->once                   ? "its owner begins the next attempt"
                                       : NULL;
}

/* Automatic reconnection: begins the next attempt, or says in the end why there is none. */
static void decide_retry(struct conn *c) {
    if (c->role != WS_CLIENT) return;
    const char *why = why_no_retry(c);
    if (why) {
        CONN_TRACE(c, "no retry: %s", why);
        return;
    }
    struct conn_end *e = conn_ending(c);
    struct retry_end end = {.code = e->code, .uptime = clock_from_seconds(e->uptime)};
    if (c->head && c->head->received && c->head->parts.status != 101) {
        end.status = c->head->parts.status;
        retry_after_read(http1_field_get(&c->head->parts, "Retry-After"), (int64_t)clock_wall(&c->net->clock),
                         &end.retry_after);
    }
    uint64_t delay;
    if (!retry_decide(&c->plan->settings.retry, &end, random_mask(), &c->tries, &delay, e->gave_up)) {
        CONN_TRACE(c, "no retry: gave up, %s", e->gave_up);
        return;
    }
    CONN_TRACE(c, "retry %u in %.3f s, after %s %u%s", c->tries, clock_to_seconds(delay),
               end.status ? "status" : "close code", end.status ? end.status : end.code,
               end.retry_after ? " with a Retry-After" : "");
    e->retry_in = clock_to_seconds(delay);
    conn_open(c, delay);
}

static void tally_end(struct conn *c) {
    const struct conn_end *e = conn_ending(c);
    tally_add(&conn_need_more(c)->ends, e->code, e->fault.kind);
    if (c->role != WS_CLIENT) return;
    if (!c->net->ends) c->net->ends = reserve_take(sizeof *c->net->ends);
    tally_add(c->net->ends, e->code, e->fault.kind);
}

void conn_tell_end(struct conn *c) {
    conn_hold(c);
    if (c->net->record && c->role == WS_CLIENT) record_end(c->net->record, c);
    conn_forget_attempt(c);
    decide_retry(c);
    conn_leave_queue(c);
    tally_end(c);
    if (c->sink) c->sink->closed(c->sink_arg, c, conn_ending(c));
    if (c->again && c->phase == CONN_CLOSED) conn_open(c, c->again_after);
    c->again = false;
    if (c->phase == CONN_CLOSED || c->phase == CONN_WAITING) {
        conn_head_free(conn_take_head(c));
        conn_forget_end(c);
        ws_clear(&c->ws);
    }
    conn_release(c);
}

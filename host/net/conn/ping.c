/* ping: pings in their interval, the silence after one, and the round-trip time that a pong tells; and TCP keepalive,
 * for connections that stay open. */
#include "net/conn/parts.h"

#include "base/container_of.h"
#include "base/reserve.h"
#include <stdlib.h>
#include <string.h>

#define PROBE_AFTER (10 * CLOCK_SECOND) /* open for so long: short connections need not pay for keepalive */

void conn_drop_pings(struct conn *c) {
    if (c->pings) free(c->pings->data);
    free(c->pings);
    c->pings = NULL;
}

static struct conn_pings *need_pings(struct conn *c) {
    if (c->pings) return c->pings;
    c->pings = reserve_take(sizeof *c->pings);
    *c->pings = (struct conn_pings){.latency = -1, .pong_seconds = -1};
    return c->pings;
}

static void on_time(struct deadline *d);

/* `when`, or `due` where that is earlier; 0 is never. */
static uint64_t earlier(uint64_t due, uint64_t when) { return when && (!due || when < due) ? when : due; }

/* When the next ping is due, or the pong of the last one; 0: never. */
static uint64_t next_ping(const struct conn *c) {
    const struct conn_pings *p = c->pings;
    return p ? earlier(p->next, p->sent ? p->sent + c->plan->settings.pong_timeout : 0) : 0;
}

uint64_t conn_next_step(const struct conn *c) {
    if (!clock_is_set(&c->step)) return 0;
    return c->phase == CONN_OPEN ? next_ping(c) : c->step.due;
}

void conn_arm_ping(struct conn *c) {
    uint64_t due = earlier(c->probed ? 0 : c->opened_at + PROBE_AFTER, next_ping(c));
    if (due)
        clock_set(&c->net->clock, &c->step, due, on_time);
    else
        clock_cancel(&c->net->clock, &c->step);
}

static void see_to_pings(struct conn *c, uint64_t t) {
    struct conn_pings *p = c->pings;
    if (p->sent && c->last_in >= p->sent) p->sent = 0;  /* anything received counts as a pong */
    if (p->sent && (c->paused || c->held)) p->sent = t; /* nobody reads: no pong can be seen */
    if (p->sent && t >= p->sent + c->plan->settings.pong_timeout) {
        CONN_FAIL(c, FAULT_PING_TIMEOUT, "nothing came for %g s after a ping (pong_timeout)",
                  clock_to_seconds(c->plan->settings.pong_timeout));
        return;
    }
    if (p->next && t >= p->next) {
        p->next = t + c->plan->settings.ping_interval;
        conn_ping(c, slice_of(NULL, 0));
    }
}

static void on_time(struct deadline *d) {
    struct conn *c = container_of(d, struct conn, step);
    uint64_t t = conn_now(c);
    if (!c->probed && t >= c->opened_at + PROBE_AFTER) {
        stream_probe(c->stream);
        c->probed = true;
    }
    if (c->pings) see_to_pings(c, t);
    if (c->phase == CONN_OPEN) conn_arm_ping(c);
}

void conn_ping_changed(struct conn *c) {
    uint64_t interval = c->plan->settings.ping_interval;
    if (c->phase != CONN_OPEN) return;
    if (interval || c->pings) need_pings(c)->next = interval ? conn_now(c) + interval : 0;
    conn_arm_ping(c);
}

int conn_ping(struct conn *c, struct slice data) {
    if (c->phase != CONN_OPEN) return ERR_CLOSED;
    int rc = ws_ping(&c->ws, data);
    if (rc < 0) return rc;
    struct conn_pings *p = need_pings(c);
    p->last = 0;
    free(p->data);
    p->data = data.n ? malloc(data.n) : NULL;
    p->data_size = p->data ? (uint8_t)data.n : 0;
    if (p->data) memcpy(p->data, data.p, data.n);
    p->unsent = true;
    conn_count(c);
    conn_sent(c, WS_PING, data, 0);
    return 0;
}

void conn_note_ping(struct conn *c) {
    struct conn_pings *p = c->pings;
    if (!p || !p->unsent || c->phase != CONN_OPEN) return;
    p->unsent = false;
    p->last = conn_now(c);
    CONN_TRACE(c, "a ping went out");
    if (!p->sent || c->last_in >= p->sent) p->sent = p->last;
    conn_arm_ping(c);
}

void conn_note_pong(struct conn *c, struct slice data) {
    struct conn_pings *p = c->pings;
    if (!p) return;
    p->pong_seconds = -1;
    if (!p->last || !slice_eq(data, slice_of(p->data, p->data_size))) return;
    p->latency = p->pong_seconds = clock_to_seconds(conn_now(c) - p->last);
    if (c->role == WS_CLIENT) histogram_add(&c->net->times.pings, p->latency);
    histogram_add(&conn_need_more(c)->pings, p->latency);
    CONN_TRACE(c, "its pong came after %.3f s", p->latency);
    p->last = 0;
}

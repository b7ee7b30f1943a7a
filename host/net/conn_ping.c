/* conn_ping: pings in their interval, the silence after one, and what a pong says of the way there and back. */
#include "net/conn_parts.h"

#include <stdlib.h>
#include <string.h>

static void on_ping_time(struct deadline *d);

void conn_arm_ping(struct conn *c) {
    uint64_t due = c->next_ping, dead = c->ping_sent ? c->ping_sent + c->plan->settings.pong_timeout : 0;
    if (dead && (!due || dead < due)) due = dead;
    if (due)
        clock_set(&c->net->clock, &c->ping, due, on_ping_time);
    else
        clock_cancel(&c->net->clock, &c->ping);
}

static void on_ping_time(struct deadline *d) {
    struct conn *c = (struct conn *)((char *)d - offsetof(struct conn, ping));
    uint64_t t = conn_now(c);
    if (c->ping_sent && c->last_in >= c->ping_sent) c->ping_sent = 0; /* anything received counts as a pong */
    if (c->ping_sent && c->paused) c->ping_sent = t;                  /* nobody looks for one */
    if (c->ping_sent && t >= c->ping_sent + c->plan->settings.pong_timeout) {
        CONN_FAIL(c, "ping_timeout", "nothing came for %g s after a ping (pong_timeout)",
                  clock_to_seconds(c->plan->settings.pong_timeout));
        return;
    }
    if (c->next_ping && t >= c->next_ping) {
        c->next_ping = t + c->plan->settings.ping_interval;
        conn_ping(c, slice_of(NULL, 0));
    }
    conn_arm_ping(c);
}

void conn_ping_changed(struct conn *c) {
    if (c->phase != CONN_OPEN) return;
    c->next_ping = c->plan->settings.ping_interval ? conn_now(c) + c->plan->settings.ping_interval : 0;
    conn_arm_ping(c);
}

int conn_ping(struct conn *c, struct slice data) {
    if (c->phase != CONN_OPEN) return ERR_CLOSED;
    int rc = ws_ping(&c->ws, data);
    if (rc < 0) return rc;
    c->last_ping = 0;
    c->last_ping_size = (uint8_t)data.n;
    free(c->last_ping_data);
    c->last_ping_data = data.n ? malloc(data.n) : NULL;
    if (c->last_ping_data)
        memcpy(c->last_ping_data, data.p, data.n);
    else
        c->last_ping_size = 0;
    c->ping_unsent = true;
    conn_sent(c, WS_PING, data, 0);
    return 0;
}

void conn_note_ping(struct conn *c) {
    if (!c->ping_unsent || c->phase != CONN_OPEN) return;
    c->ping_unsent = false;
    c->last_ping = conn_now(c);
    if (!c->ping_sent || c->last_in >= c->ping_sent) c->ping_sent = c->last_ping;
    conn_arm_ping(c);
}

void conn_note_pong(struct conn *c, struct slice data) {
    c->pong_seconds = -1;
    if (!c->last_ping || !slice_eq(data, slice_of(c->last_ping_data, c->last_ping_size))) return;
    c->latency = c->pong_seconds = clock_to_seconds(conn_now(c) - c->last_ping);
    c->last_ping = 0;
}

/* phase: one table of a connection's phases, and the one function that enters a phase and writes that to the trace. */
#include "net/conn/parts.h"

#include "base/container_of.h"

#include <stddef.h>

#define FROM(phase)    (1u << CONN_##phase)
#define SETTING(limit) offsetof(struct conn_settings, limit), #limit

static const struct phase {
    const char *name;   /* for the trace */
    const char *state;  /* what scripts call it */
    const char *word;   /* what on_close calls it, where an attempt ends in it: record.phase */
    unsigned from;      /* the phases that it may follow */
    const char *late;   /* what has not happened when its time is over; NULL: conn_take_step handles that */
    size_t setting;     /* offset of its time limit in the settings; only with `late` */
    const char *option; /* the option that sets the limit */
} phases[] = {
    [CONN_CLOSED] = {"closed", "closed", "connect", FROM(WAITING) | FROM(STARTING) | FROM(ENDED), NULL, 0, NULL},
    [CONN_WAITING] = {"waiting", "waiting", "connect", FROM(CLOSED) | FROM(WAITING), NULL, 0, NULL},
    [CONN_STARTING] = {"starting", "connecting", "connect", FROM(WAITING),
                       "the url and headers functions were not done", SETTING(connect_timeout)},
    [CONN_DIALLING] = {"dialling", "connecting", "connect",
                       FROM(STARTING) | FROM(DIALLING) | FROM(HANDSHAKE) | FROM(REFUSED), "it was not connected",
                       SETTING(connect_timeout)},
    [CONN_TLS] = {"tls", "connecting", "tls", FROM(DIALLING) | FROM(CLOSED), "the TLS handshake was not done",
                  SETTING(connect_timeout)},
    [CONN_HANDSHAKE] = {"handshake", "connecting", "handshake", FROM(DIALLING) | FROM(TLS),
                        "no answer to the opening handshake", SETTING(handshake_timeout)},
    [CONN_REFUSED] = {"refused", "connecting", "handshake", FROM(HANDSHAKE), NULL, 0, NULL},
    [CONN_OPEN] = {"open", "open", "open", FROM(HANDSHAKE), NULL, 0, NULL},
    [CONN_CLOSING] = {"closing", "closing", "closing", FROM(HANDSHAKE) | FROM(OPEN), NULL, 0,
                      NULL}, /* a server refuses in HANDSHAKE */
    [CONN_ENDED] = {"ended", "closed", "connect",
                    FROM(STARTING) | FROM(DIALLING) | FROM(TLS) | FROM(HANDSHAKE) | FROM(REFUSED) | FROM(OPEN) |
                        FROM(CLOSING),
                    NULL, 0, NULL},
};

enum { NAME_MOST = 60 }; /* bytes of a name in the trace */

void conn_put_subject(const struct trace_subject *s, struct buf *line) {
    const struct conn *c = container_of(s, struct conn, subject);
    const struct url *url = conn_url(c);
    const char *name = c->sink && c->sink->name ? c->sink->name(c->sink_arg) : NULL;
    if (!name) name = c->role == WS_SERVER ? "accepted" : url->scheme == URL_UNIX ? url->socket_path : url->host;
    buf_printf(line, "%.*s#%llu", NAME_MOST, name ? name : "?", (unsigned long long)c->id);
    if (c->attempt) buf_printf(line, ", attempt %u, +%.3f s", c->attempt, clock_to_seconds(conn_now(c) - c->began_at));
}

void conn_enter(struct conn *c, enum conn_phase phase) {
    err_must(phases[phase].from & 1u << c->phase);
    if (phase != c->phase) CONN_TRACE(c, "%s -> %s", phases[c->phase].name, phases[phase].name);
    c->phase = phase;
}

const char *conn_state(const struct conn *c) { return phases[c->phase].state; }

const char *conn_phase_word(const struct conn *c) {
    return c->phase == CONN_DIALLING && c->tunnel ? tunnel_phase(c->tunnel) : phases[c->phase].word;
}

uint64_t conn_phase_limit(const struct conn *c) {
    const struct phase *p = &phases[c->phase];
    return p->late ? *(const uint64_t *)((const char *)&c->plan->settings + p->setting) : 0;
}

void conn_phase_late(struct conn *c) {
    const struct phase *p = &phases[c->phase];
    char what[256];
    const char *late = p->late;
    if (c->phase == CONN_DIALLING && c->tunnel) {
        tunnel_time_out(c->tunnel, what, sizeof what);
        late = what;
    }
    CONN_FAIL(c, FAULT_TIMEOUT, "%s within %g s (%s)", late, clock_to_seconds(conn_phase_limit(c)), p->option);
}

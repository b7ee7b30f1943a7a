/* parts: what the files that make up conn (conn.c, adopt.c, count.c, end.c, handshake.c, io.c, ping.c, send.c) share.
 * Nobody else but the listener includes it. */
#ifndef NET_CONN_PARTS_H
#define NET_CONN_PARTS_H

#include "net/conn/conn.h"

static inline uint64_t conn_now(const struct conn *c) { return clock_now(&c->net->clock); }

/* Is an attempt under way? */
static inline bool conn_is_live(const struct conn *c) { return c->phase >= CONN_STARTING && c->phase < CONN_ENDED; }

/* Not of connections that look into a program from outside (net->beside): who looks at the trace would see himself. */
#define CONN_TRACE(c, ...)                                                                                             \
    do {                                                                                                               \
        if (!(c)->net->beside) TRACE(TRACE_CONN, &(c)->subject, __VA_ARGS__);                                          \
    } while (0)

/* ---- conn.c ---- */

/* Puts it on the list of the busy: it takes a turn before the loop sleeps. */
void conn_mark_busy(struct conn *c);
void conn_take_turn(struct net_busy *b); /* io.c */

/* Sets the deadline of the phase; 0: its step is taken in the connection's next turn. */
void conn_set_step(struct conn *c, uint64_t after);
void conn_take_step(struct conn *c);

/* The same deadline, counted anew from when the phase began. */
void conn_renew_step(struct conn *c);

/* Starts or stops reading the socket, by phase and pauses. */
void conn_update_reading(struct conn *c);

/* Starts to connect to conn_url; TCP and TLS of another connection have been closed. */
void conn_dial(struct conn *c);

/* TCP is up, and TLS where it is spoken. */
void conn_transport_up(struct conn *c);

/* Enters CONN_CLOSED: no attempt is under way, nor will one begin by itself. */
void conn_forget_attempt(struct conn *c);

/* ---- end.c ---- */

/* How the attempt ends, to be filled in; allocated when first asked for. */
struct conn_end *conn_ending(struct conn *c);
void conn_forget_end(struct conn *c);

/* Leaves the open phase: what waits is sent, then the end of the TCP connection is awaited. */
void conn_begin_closing(struct conn *c);

/* Closes TCP and TLS, and forgets what waited to be read or written. */
void conn_drop_transport(struct conn *c);

/* The transport goes at once; the end is told in the next turn of the loop. */
void conn_end_attempt(struct conn *c);

/* The attempt fails: `failed` is told once, then it ends. Only from the loop, never from within a call of the
 * owner's. */
void conn_fail(struct conn *c, const struct fault *fault);

#define CONN_FAIL(c, kind, ...)                                                                                        \
    do {                                                                                                               \
        struct fault fault_ = {0};                                                                                     \
        fault_put(&fault_, kind, __VA_ARGS__);                                                                         \
        conn_fail(c, &fault_);                                                                                         \
    } while (0)

/* Tells the end, and goes on with what comes after it: another attempt, or nothing. */
void conn_tell_end(struct conn *c);

/* ---- phase.c ---- */

/* Appends how the trace names a connection (struct trace_subject): "feed#1, attempt 2, +0.012 s". */
void conn_put_subject(const struct trace_subject *s, struct buf *line);

/* Enters a phase, and asserts that it may follow the current one. The caller sets its deadline. */
void conn_enter(struct conn *c, enum conn_phase phase);

/* How long the phase may take, in nanoseconds; 0: it has no limit. conn_phase_late fails the attempt, since it has
 * taken so long. */
uint64_t conn_phase_limit(const struct conn *c);
void conn_phase_late(struct conn *c);

/* ---- send.c ---- */

/* Keeps a message until the handshake is done. 0 or ERR_NOMEM. */
int conn_queue(struct conn *c, enum ws_kind kind, struct slice data);
void conn_send_queue(struct conn *c);
void conn_drop_queue(struct conn *c);

/* An attempt has ended: adds to its end how much of the queue will never be sent. */
void conn_leave_queue(struct conn *c);

/* Writes a message as frames. As ws_send. */
int conn_write(struct conn *c, enum ws_kind kind, struct slice data);

/* So many bytes were given to the socket. */
void conn_note_given(struct conn *c, size_t bytes);

/* The connection is open, or its plan has changed: applies the limits of the plan to the conversation. */
void conn_apply_limits(struct conn *c);

/* Open: calls `drained` where all is written and the sink is to be told. */
void conn_look_drained(struct conn *c);

/* An attempt ends: adds to its end how much its transport has not taken. */
void conn_note_unsent(struct conn *c);

/* ---- count.c ---- */

/* May `n` bytes more be kept? Where they may not, `starved` has its owner free what it can first, which may end the
 * connection. From the loop only. */
bool conn_has_room(struct conn *c, size_t n);

/* Bytes were received: where the account has more than it may, fails a connection that has received much of an
 * incomplete message. */
void conn_limit_received(struct conn *c);

enum { CONN_TLS_SIZE = 48 * 1024 }; /* bytes of a session of wolfSSL, about */

/* ---- ping.c ---- */

void conn_drop_pings(struct conn *c);

/* Open: sets the deadline of the next ping, of the pong, or of when TCP is to probe. */
void conn_arm_ping(struct conn *c);

/* The ping that waited in `out` is written now. */
void conn_note_ping(struct conn *c);

/* A pong came: sets conn_latency and conn_pong_seconds. */
void conn_note_pong(struct conn *c, struct slice data);

/* ---- redirect.c ---- */

/* Where this attempt goes: the url of the plan, or where a redirect leads. */
static inline const struct url *conn_url(const struct conn *c) {
    return c->more && c->more->elsewhere.host ? &c->more->elsewhere : &c->plan->url;
}

/* The TLS configuration for that url: our own certificate is only for the origin that the script named. */
struct tls_config conn_tls(const struct conn *c);

/* What the request has in addition to the offer; `cookies` is empty, and the caller clears it. 0 or ERR_NOMEM. */
int conn_request_extras(struct conn *c, struct buf *cookies, struct handshake_extras *extras);

/* An answer came: keeps the cookies that it sets, where they are asked for. */
void conn_keep_cookies(struct conn *c);

/* An answer came. True: it is a redirect, and the attempt follows it or has failed. */
bool conn_follow_redirect(struct conn *c);

/* A new attempt begins, at the url that the script gave. */
void conn_forget_redirects(struct conn *c);

struct conn_more *conn_need_more(struct conn *c);
void conn_drop_more(struct conn *c);

/* ---- adopt.c ---- */

/* An attempt begins: it takes the offer that waited for it (offer_next), if there is one. */
void conn_take_offer_next(struct conn *c);
void conn_drop_offer_next(struct conn *c);

/* ---- handshake.c ---- */

/* Starts the opening handshake: a client sends its request. */
void conn_handshake_begin(struct conn *c);

/* Reads the head of the handshake; leaves in `*in` the bytes behind it. */
void conn_handshake_take(struct conn *c, struct slice *in);

/* An answer that refuses has been read, as much of it as is kept: the attempt fails. */
void conn_handshake_refused(struct conn *c);

/* Where the server may speak TLS and we do not, or the other way round: a question that says so, with a space before
 * it. Else an empty text. */
const char *conn_tls_hint(const struct conn *c);

/* ---- io.c ---- */

void conn_drop_held(struct conn *c);

/* Makes the stream the connection's; `to` is its remote address. */
void conn_io_own(struct conn *c, struct stream *s, union address to);

/* A frame was written into `out`. */
void conn_sent(struct conn *c, enum ws_kind kind, struct slice data, uint16_t code);

/* Goes on with TLS as far as the bytes that came allow. */
void conn_io_go_on(struct conn *c);

#endif

/* conn: one WebSocket connection, client or server role: its phases, buffers and deadlines. A client conn is an
 * identity that outlives its attempts: each attempt dials, shakes hands, talks and ends with exactly one `closed`;
 * after that the owner may let it wait and try again. It does not know that a script is listening: whoever wants its
 * events is its sink. */
#ifndef NET_CONN_CONN_H
#define NET_CONN_CONN_H

#include "base/trace.h"
#include "net/conn/tally.h"
#include "net/dial/plan.h"
#include "net/dial/tunnel.h"
#include "net/net.h"
#include "net/stream.h"
#include "wire/backlog.h"
#include "wire/cookie.h"
#include "wire/ws.h"

/* In the order they are visited. */
enum conn_phase {
    CONN_CLOSED,    /* nothing is going on */
    CONN_WAITING,   /* an attempt begins at a time that is set */
    CONN_STARTING,  /* an attempt begins in the next turn of the loop */
    CONN_DIALLING,  /* names, TCP and the proxy */
    CONN_TLS,       /* the TLS handshake */
    CONN_HANDSHAKE, /* the opening handshake */
    CONN_REFUSED,   /* the server refused: the first bytes of its answer's body are read */
    CONN_OPEN,
    CONN_CLOSING, /* a Close was sent or received, or a fault found: the end of the TCP connection is awaited */
    CONN_ENDED,   /* the transport is gone; `closed` is told in the next turn of the loop */
};

enum {
    CONN_BODY_MAX = 4 * 1024,    /* bytes of a refusal's body that are kept */
    CONN_BEHIND = 64 * 1024,     /* unsent bytes; after more than that `drained` is told once all are written */
    CONN_CONTROL_ROOM = 2 << 20, /* bytes of output beyond max_send_buffer, for pongs and Close frames */
};

/* What the peer sent in the opening handshake. Exists until `opened`, or the end of the attempt, has been told. */
struct conn_head {
    char key[HANDSHAKE_KEY_SIZE + 1]; /* Sec-WebSocket-Key of a client */
    struct buf text, body;
    size_t scanned; /* bytes of `text` that were searched for its end */
    struct http1_body reader;
    bool received;           /* `parts` is filled */
    struct http1_head parts; /* point into `text` */
};

/* How an attempt ended. Times are seconds, below 0 where there is none. */
struct conn_end {
    uint16_t code;                  /* as the peer's Close had it; WS_CLOSE_NO_CODE, WS_CLOSE_ABNORMAL */
    char reason[WS_REASON_MAX + 1]; /* as the peer's Close had it; may have NUL in it */
    size_t reason_size;
    uint16_t sent;              /* the code we sent; WS_CLOSE_NO_CODE: none in it; 0: no Close was sent */
    const char *phase;          /* when the end began: "dns" "connect" "proxy" "tls" "handshake" "open" "closing" */
    struct fault fault;         /* empty: none */
    uint64_t attempt;           /* its number, from 1 */
    double uptime;              /* how long it was open; 0: never */
    double since_in, since_out; /* since the last byte was received, and sent */
    double since_ping;          /* since the oldest ping after which nothing was received */
    double lag;                 /* the longest time in which our own loop did not turn; 0: none to speak of */
    double retry_in;            /* until the next attempt, of automatic reconnection */
    uint64_t unsent_messages, unsent_bytes; /* that the kernel never took */
    char gave_up[64];                       /* why automatic reconnection gave up; empty: it did not */
};

/* The pings of an attempt; times are nanoseconds. */
struct conn_pings {
    uint64_t next;     /* when the next ping of ping_interval is due; 0: none is */
    uint64_t sent;     /* when the oldest ping was sent after which nothing was received; 0: none */
    bool unsent;       /* a ping waits in `out` */
    uint8_t data_size; /* of the last ping, in `data`; sent at `last`: for the latency; 0: it was answered */
    uint8_t *data;
    uint64_t last;
    double latency;      /* the round-trip time of the last ping, seconds; below 0: not known */
    double pong_seconds; /* the same for the last pong from conn_next; below 0: it answers no ping of ours */
};

/* Rarely needed: allocated on first use. */
struct conn_more {
    struct handshake_offer *offer_next; /* the offer of the next attempt, where it is not the plan's; or NULL */
    struct cookie_jar cookies;          /* that were set in any attempt */
    struct url elsewhere;               /* where redirects of this attempt lead; without a host: there was none */
    unsigned redirects;                 /* how many were followed in this attempt */
    struct tally ends;                  /* how attempts have ended */
    struct histogram pings;             /* how long it took to their pongs, seconds */
    bool led_away;                      /* one led to another origin than the script named, even if another led back */
};

struct conn;

/* The receiver of a connection's events. Each function but `closed` may be NULL. All are called from the loop, never
 * from within a conn_ call. */
struct conn_sink {
    /* An attempt begins. A client's url and offer may be replaced now. False: the attempt waits until conn_start is
     * called. */
    bool (*starts)(void *arg, struct conn *c);
    /* A server has received the whole request, c->head; c->answer may be set now. */
    void (*requested)(void *arg, struct conn *c);
    /* The same for a request that does not open a WebSocket. c->answer, with a refusal, is what it gets; else it is
     * told why not. */
    void (*asked)(void *arg, struct conn *c);
    void (*connected)(void *arg, struct conn *c); /* the transport is up; for TLS, verified */
    void (*opened)(void *arg, struct conn *c);    /* the handshake is done */
    void (*readable)(void *arg, struct conn *c);  /* events wait: take them with conn_next, until it says false */
    void (*buffer_full)(void *arg, struct conn *c);
    void (*drained)(void *arg, struct conn *c,
                    bool was_behind);           /* all is written; false: only conn_await_drained asked for it */
    void (*starved)(void *arg, struct conn *c); /* the account is full: free what you can now */
    void (*failed)(void *arg, struct conn *c, const struct fault *fault); /* at most once an attempt, before `closed` */
    void (*closed)(void *arg, struct conn *c, const struct conn_end *end); /* once an attempt, always last */
    const char *(*name)(void *arg); /* its name in the trace; NULL: it has none */
};

/* How a server answers the opening handshake, where the usual way will not do. */
struct conn_answer {
    const char *const *protocols; /* subprotocols that it speaks, up to NULL: it takes the first offered one of them.
                                     NULL: the first offered */
    struct slice headers;         /* header lines to add, each with its CRLF */
    struct slice refusal;         /* a whole answer that refuses; `p` NULL: it accepts */
    bool silent;                  /* it never answers */
};

struct conn {
    struct net *net;
    enum ws_role role;
    enum conn_phase phase;
    unsigned references;
    uint8_t paused;               /* enum conn_pauser: bits of who wants no events now */
    bool pump_due : 1;            /* reading goes on with the bytes in `held` */
    bool step_due : 1;            /* the deadline of the phase is due */
    bool wake_due : 1;            /* the sink asked for `readable` */
    bool full : 1, full_told : 1; /* a message was refused: max_send_buffer; the sink was told */
    bool behind : 1;              /* more than CONN_BEHIND bytes have waited */
    bool drain_awaited : 1;       /* the owner waits for `drained` */
    bool login : 1;               /* what is sent waits until the owner has logged in (conn_begin_login) */
    bool cut_short : 1;           /* a message was dropped, so that none after it is given */
    bool shut : 1;                /* we said that we send no more (FIN; by TLS close_notify) */
    bool again : 1;               /* conn_open was called while an attempt was under way */
    bool ended_by_owner : 1;      /* this attempt: conn_close or conn_destroy */
    bool held_back : 1;           /* `starts` has returned false */
    bool once : 1;                /* its owner alone begins attempts: there is no automatic reconnection */
    bool probed : 1;              /* TCP keepalive is on (ping.c) */
    bool is_busy : 1;
    struct net_busy busy;
    LIST_ENTRY(conn) link; /* in net->all */
    const struct conn_sink *sink;
    void *sink_arg;
    uint64_t id;

    struct account *account;          /* where the bytes that it keeps are counted: its own reference */
    size_t counted;                   /* bytes counted there now */
    struct plan *plan;                /* what it was told to do; to be changed by way of conn_plan alone */
    struct conn_more *more;           /* NULL: nothing of it was needed */
    const struct conn_answer *answer; /* of a server: borrowed; NULL: the usual one */

    struct tunnel *tunnel; /* while it connects; NULL: it is connected, or has not begun */
    struct stream *stream;
    struct tls *tls;
    struct ws ws;
    char *protocol;               /* the subprotocol, or NULL */
    struct conn_head *head;       /* NULL: none yet, or given away */
    union address remote_address; /* none: not connected yet in this attempt */
    uint32_t pair; /* names its two ends where both are in this process (testing/loopback.h); 0: they are not */

    struct slice in;       /* bytes read, not yet given to `ws`: borrowed, or those of `held` */
    struct buf *held;      /* the rest of a read, kept back by a pause; NULL: there is none */
    struct backlog *queue; /* messages sent before the handshake; NULL: there are none */
    struct buf out;        /* plain frames that wait for the end of the turn */

    struct deadline step;         /* of the phase: the next attempt, its steps, the next ping or its pong, `closed` */
    uint64_t step_from;           /* when the phase began */
    struct conn_pings *pings;     /* of this attempt; NULL: none so far */
    uint64_t last_in, last_out;   /* 0: nothing yet in this attempt */
    uint64_t began_at, opened_at; /* this attempt; 0: not open yet */
    uint32_t attempt;             /* counts from 1 */
    uint32_t tries;               /* of automatic reconnection, in a row */
    struct conn_end *end;         /* how it ends, as far as known; NULL: not at all */
    uint64_t again_after;
    uint64_t bytes_in, bytes_out, messages_in, messages_out;
    uint64_t frames_in, frames_out;       /* of attempts before this one */
    uint32_t given_messages, given_bytes; /* written since nothing waited to be sent, about */

    /* Last, as what is in front of `ws` moves it to other cache lines: 8 % of a small message. */
    struct trace_subject subject; /* of its lines in the trace, and of those of its dials and TLS sessions */
};

/* A client, closed, with the default plan. Its one reference is the caller's. NULL: there is no memory for it. */
struct conn *conn_new(struct net *net, const struct conn_sink *sink, void *arg);

/* The same with the plan of another client, its account, its number of attempts and its cookies, which move to the new
 * one; conn_swap_cookies exchanges them. */
struct conn *conn_new_beside(struct conn *c, const struct conn_sink *sink, void *arg);
void conn_swap_cookies(struct conn *c, struct conn *other);

/* `to`, which is open, sends what waits in its queue, and then in that of `from`. */
void conn_move_queue(struct conn *to, struct conn *from);

/* The server's side of a connection that was accepted. The stream becomes the conn's. NULL as above. */
struct conn *conn_accept(struct net *net, struct stream *s, const struct tls_config *tls, const struct conn_sink *sink,
                         void *arg);

/* The plan, to be changed: from now on it is this connection's alone (a copy, if it was shared), until conn_share_plan
 * shares it with an equal one. NULL: there is no memory for the copy. */
struct plan *conn_plan(struct conn *c);
void conn_share_plan(struct conn *c);

void conn_hold(struct conn *c);
void conn_release(struct conn *c);

/* The bytes that it keeps are counted in this account from now on. */
void conn_set_account(struct conn *c, struct account *account);

/* Counts what it keeps anew: messages that wait to be sent or are received, options, TLS. What conn_send adds is
 * counted by itself, all else at the end of each turn. */
void conn_count(struct conn *c);

/* Detaches the sink: from now on it is told nothing. */
void conn_detach(struct conn *c);

/* Is `like` another place to connect to, or another way there? The name of an option that differs and so needs a new
 * connection ("url", "tls"), or NULL. `with_url`: the urls are compared as well. */
const char *conn_differs(const struct conn *c, const struct conn *like, bool with_url);

/* The same for options that differ and take effect with the next handshake ("headers"). */
const char *conn_differs_later(const struct conn *c, const struct conn *like);

/* `c` goes on with what `like`, which has not begun, was told: takes over its settings and offer (and `with_url` its
 * url), and sends what waits in its queue. What has changed takes effect at once, the offer with the next handshake. */
void conn_adopt(struct conn *c, struct conn *like, bool with_url);

/* Goes on with an attempt for which `starts` returned false, or ends it with `fault` where that is not NULL. */
void conn_start(struct conn *c, const struct fault *fault);

/* From now on such an attempt waits no longer than connect_timeout. */
void conn_limit_start(struct conn *c);

/* Begins an attempt in the next turn of the loop, or after `delay`; one that is under way is closed (1000) and then
 * followed by it. At most one attempt runs at a time. */
void conn_open(struct conn *c, uint64_t delay);

/* Takes back what conn_open asked for, where it has not begun. */
void conn_cancel_open(struct conn *c);

/* Takes the very first conn_open back, in the same turn of the loop: as if it had never been. Nothing is told. */
void conn_withdraw(struct conn *c);

/* Takes the next message, ping or pong: true with *ev, whose data lives until the next conn_ call. Outside of
 * `readable` there is none. */
bool conn_next(struct conn *c, struct ws_event *ev);

/* May its owner handle one more of the events that it had kept? False: the rest of the turn is for other connections,
 * and `readable` is called in the next one. */
bool conn_has_turn(struct conn *c);

/* Sends a message; while the connection is not open, settings.queue says whether the message waits. 0, ERR_CLOSED,
 * ERR_NOT_OPEN, ERR_FULL (past max_send_buffer; buffer_full is told), ERR_INVALID_UTF8 or ERR_NOMEM. */
int conn_send(struct conn *c, enum ws_kind kind, struct slice data);

/* Inside `opened`: all that is sent waits behind what conn_send_login sends, until conn_end_login. An attempt that ends
 * needs no conn_end_login. */
void conn_begin_login(struct conn *c);
int conn_send_login(struct conn *c, enum ws_kind kind, struct slice data);
void conn_end_login(struct conn *c);

/* Sends bytes as they are, among the frames: for peers that misbehave. 0, ERR_CLOSED, ERR_FULL or ERR_NOMEM. */
int conn_send_raw(struct conn *c, struct slice bytes);

/* Says that no more is sent (FIN), without a Close frame; what comes is still read. What the system has not taken yet
 * may be lost. */
void conn_half_close(struct conn *c);

/* Ends the connection with RST, which throws away what was not read or written. */
void conn_reset(struct conn *c);

/* Sends a ping. 0, ERR_CLOSED, ERR_RANGE (over 125 bytes) or ERR_FULL. */
int conn_ping(struct conn *c, struct slice data);

/* Starts the closing handshake, or ends an attempt that is not open yet; also ends waiting. 0, ERR_RANGE or
 * ERR_INVALID_UTF8 (see ws_close). */
int conn_close(struct conn *c, uint16_t code, struct slice reason);

/* Closes it since our side goes away: an open connection sends Close 1001, and one that is not open ends. */
static inline void conn_say_goodbye(struct conn *c) { conn_close(c, WS_CLOSE_GOING_AWAY, slice_of(NULL, 0)); }

/* Ends at once, without a Close frame; also ends waiting. */
void conn_destroy(struct conn *c);

/* Stop and start the events of conn_next; the socket is not read meanwhile. It goes on when nobody pauses it any more.
 */
enum conn_pauser { CONN_PAUSED_BY_SCRIPT = 1, CONN_PAUSED_BY_SINK = 2 };
void conn_pause(struct conn *c, enum conn_pauser who);
void conn_resume(struct conn *c, enum conn_pauser who);

/* Has `readable` called in this turn of the loop, in any phase, though nothing new came. */
void conn_wake(struct conn *c);

/* Has `drained` called when all that was sent is written. */
void conn_await_drained(struct conn *c);

/* Applies settings.ping_interval after a change. */
void conn_ping_changed(struct conn *c);

/* Bytes that were sent and not yet taken by the kernel. */
size_t conn_buffered(const struct conn *c);

/* The same without what waits for the handshake. */
size_t conn_unwritten(const struct conn *c);

/* The round-trip time, in seconds, of the last ping, and of the ping that the last pong from conn_next answered; below
 * 0: not known, or that pong answered no ping of ours. */
static inline double conn_latency(const struct conn *c) { return c->pings ? c->pings->latency : -1; }
static inline double conn_pong_seconds(const struct conn *c) { return c->pings ? c->pings->pong_seconds : -1; }

/* The time at which it next does something that its peer or its owner notices: an attempt, a ping, the end of a wait;
 * 0: none is set. */
uint64_t conn_next_step(const struct conn *c);

/* May events still come from conn_next? */
static inline bool conn_is_open(const struct conn *c) { return c->phase == CONN_OPEN || c->phase == CONN_CLOSING; }

/* Its local address; AF_UNSPEC: it is not connected. */
union address conn_local_address(const struct conn *c);

/* Adds what it has counted. */
void conn_add_sums(const struct conn *c, struct net_sums *sums);

/* The word for its phase, as in the `phase` of conn_end. */
const char *conn_phase_word(const struct conn *c);

/* "connecting" "open" "closing" "closed" "waiting" */
const char *conn_state(const struct conn *c);

/* Gives away what the peer sent in the handshake, inside `opened` and `closed`, to be freed by conn_head_free; NULL
 * where there is nothing. */
struct conn_head *conn_take_head(struct conn *c);
void conn_head_free(struct conn_head *h); /* may be NULL */

#endif

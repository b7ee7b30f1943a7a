/* net: what the connections of a worker share: the loop, its clock, one read buffer, the TLS contexts, and the list of
 * connections that have something to do before the loop sleeps (corked output, a held read). */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/account.h"
#include "base/buf.h"
#include "net/clock.h"
#include "net/outlet.h"
#include <sys/queue.h>
#include <uv.h>

enum {
    NET_READ_SIZE = 512 * 1024, /* bytes of the one buffer that every socket reads into, and of a socket in one turn */
    NET_PLAIN_SIZE = 64 * 1024, /* bytes of the one buffer that TLS decrypts into */
    NET_SPARE_MOST = 1 << 20,   /* bytes */
    NET_BLOCKS = 16,
    NET_BLOCK_LEAST = 20 * 1000 * 1000, /* nanoseconds */
    NET_PULSE = 250,                    /* milliseconds */
    NET_TURN_MOST = 3 * 1000 * 1000,    /* nanoseconds that events may take until others have their turn */
    NET_TURN_INFLATE = 1 << 20,         /* bytes that may be inflated until then */
    NET_TURN_LOOK = 64,                 /* events between two looks at the time; */
    NET_TURN_BYTES = 2048,              /* so many bytes of one count as another */
};

struct conn;
struct dead;
struct http_client;
struct http_server;
struct embed;
struct incoming;
struct names;
struct net;
struct record;
struct plan;
struct tls_store;

/* What is left of a turn for the events of connections. One before the loop sleeps, for what is held, and one behind,
 * for what is read: so those who hold much cannot keep others from being read. */
struct net_turn {
    int64_t inflate_left; /* bytes */
    uint64_t began;       /* by uv_hrtime; 0: nothing happened yet */
    int32_t looks;        /* events until the next look at the time */
    bool over;
};

/* Something in that list: what a connection has of it. */
struct net_busy {
    STAILQ_ENTRY(net_busy) next;
};

/* What a room above this one does for a net, where it has something in it: each function may be NULL. */
struct net_room {
    void (*turn_ends)(struct net *n);   /* the loop is about to sleep */
    bool (*end_threads)(struct net *n); /* see net_end_threads */
    void (*end)(struct net *n);         /* see net_end */
    void (*close)(struct net *n);       /* see net_close */
};
enum { NET_ROOMS = 8 };

struct net {
    uv_loop_t *loop;                         /* borrowed */
    const struct net_room *rooms[NET_ROOMS]; /* in the order in which they joined */
    unsigned room_count;
    struct clock clock;
    uint8_t *read_buffer;     /* of NET_READ_SIZE; what is in it lives until the read callback returns */
    uint8_t *plain;           /* of NET_PLAIN_SIZE; taken when the first TLS connection needs it */
    struct tls_store *tls;    /* made by the first who speaks TLS (net/tls/tls.h) */
    struct http_client *http; /* made by the first request */
    struct names *names;      /* made by the first look-up (net/dial/names.h) */
    struct dead *dead;        /* made by the first dial (net/dial/dead.h) */
    uv_prepare_t before_sleep;
    uv_check_t after_sleep;
    uv_timer_t pulse;           /* see net_watch_lag */
    uint64_t turned, due, woke; /* when the loop last turned, was then to wake at the latest, and woke */
    struct net_block {
        uint64_t end, length;
    } blocks[NET_BLOCKS]; /* the last times in which it did not turn for NET_BLOCK_LEAST and more */
    unsigned block_count;
    struct net_turn turn;
    struct plan *plans;                    /* those that connections share, the newest first */
    STAILQ_HEAD(, net_busy) busy;          /* those with something to do before the loop sleeps, in order */
    void (*take_turn)(struct net_busy *b); /* of one of them, which was taken from the list */
    struct deadline kick;                  /* wakes the loop when that was too much for one turn */
    struct account *account;               /* of the connections that no script has */
    LIST_HEAD(, conn) all;                 /* every connection that is not closed */
    LIST_HEAD(, embed) embeds;             /* loops within the loop */
    struct buf spare;                      /* memory of an output buffer that is empty, for whoever needs one next */
    LIST_HEAD(, incoming) listening;
    LIST_HEAD(, http_server) http_servers; /* those that listen, or have connections left (net/http/server.h) */
    unsigned http_serving;                 /* requests to them that were taken, and are not answered yet */
    struct outlet outlet;
    struct record *record; /* NULL: nobody wants one (net/conn/record.h) */
    bool stopping;         /* no attempt begins any more */
    uint64_t last_id;      /* ids count from 1 */
    bool stuck;            /* a thread does not end */
    unsigned lookups;      /* work of other threads that nobody waits for any more, but that cannot be taken back */
};

/* Starts in a loop that the caller owns and runs. ERR_NOMEM where there is no memory for it. */
int net_open(struct net *n, uv_loop_t *loop);

/* Ends it, when all connections are closed and released. The loop must turn until its handles are closed before `n`
 * goes. */
void net_close(struct net *n);

/* The room is in use from now on, as it may have been before. Those who joined last are closed first. */
void net_join(struct net *n, const struct net_room *room);

/* Has it take its turn before the loop sleeps, behind the others. It is in no list. */
static inline void net_add_busy(struct net *n, struct net_busy *b) { STAILQ_INSERT_TAIL(&n->busy, b, next); }

static inline bool net_is_busy(const struct net *n) { return !STAILQ_EMPTY(&n->busy); }

/* Gives each of them its turn. */
void net_run_busy(struct net *n);

/* Gives the memory of an empty buffer back, for another to take: one that is sending has it, one that is idle has none.
 */
void net_give_buffer(struct net *n, struct buf *b);
void net_take_buffer(struct net *n, struct buf *b);

/* The longest time, of those that are known, in which the loop did not turn since `when`; 0: none to speak of. */
uint64_t net_lag_since(const struct net *n, uint64_t when);

/* From now on it is noticed, or not, when the process is stopped while the loop sleeps: it does not sleep for longer
 * than NET_PULSE then, so that it knows when it should have woken. What is shorter may go unseen. */
void net_watch_lag(struct net *n, bool on);

/* Others have had their turn. */
void net_begin_turn(struct net *n);

/* Has this turn taken so long, or inflated so much, that the rest is for the next one? To be asked for each event. */
bool net_look(struct net *n);
static inline bool net_turn_is_over(struct net *n) { return n->turn.over || (--n->turn.looks < 0 && net_look(n)); }

/* Has what runs beside the loop end, before the program does. False where a thread does not: leave by net_leave. */
bool net_end_threads(struct net *n);

/* The program is about to end, in whatever way: what is left of the record, of stdout and of the log is written. */
void net_end(struct net *n);

/* Ends the program without waiting for threads, and without the clean-up of libraries that they may be in. */
_Noreturn void net_leave(struct net *n, int status);

/* Is there anything but forgotten work that keeps the loop alive? */
bool net_loop_is_alive(struct net *n);

#endif

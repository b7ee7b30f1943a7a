/* net: what the connections of a worker share: the loop, its clock, one read buffer, the TLS contexts, and the list of
 * connections that have something to do before the loop sleeps (corked output, bytes kept back by a pause). */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/account.h"
#include "base/buf.h"
#include "base/histogram.h"
#include "net/clock.h"
#include "net/outlet.h"
#include <sys/queue.h>
#include <uv.h>

enum {
    NET_READ_SIZE = 512 * 1024, /* bytes of the one buffer that every socket reads into; the most of one in a turn */
    NET_PLAIN_SIZE = 64 * 1024, /* bytes of the one buffer that TLS decrypts into */
    NET_SPARE_MOST = 1 << 20,   /* bytes */
    NET_BLOCKS = 16,
    NET_BLOCK_LEAST = 20 * 1000 * 1000, /* nanoseconds */
    NET_PULSE = 250,                    /* milliseconds */
    NET_TURN_MOST = 3 * 1000 * 1000,    /* nanoseconds that events may take until others have their turn */
    NET_TURN_INFLATE = 1 << 20,         /* bytes that may be inflated until then */
    NET_TURN_LOOK = 64,                 /* events between two looks at the time */
    NET_TURN_BYTES = 2048,              /* so many bytes of an event count as one event more */
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
struct tally;
struct tls_store;

/* What is left of a turn for the events of connections. There is one turn before the loop sleeps, for bytes kept back,
 * and one after, for bytes read: so connections with much kept back cannot stop others from being read. */
struct net_turn {
    int64_t inflate_left; /* bytes */
    uint64_t began;       /* by uv_hrtime; 0: nothing happened yet */
    int32_t looks;        /* events before the next look at the time */
    bool over;
};

/* What connections have counted. */
struct net_sums {
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
};

/* An entry in the list of the busy, as a member of a connection. */
struct net_busy {
    STAILQ_ENTRY(net_busy) next;
};

/* What a folder above this one (a room: conn/, dial/, ...) has a net call, once it has joined; each function may be
 * NULL. */
struct net_room {
    void (*turn_ends)(struct net *n);   /* the loop is about to sleep */
    bool (*end_threads)(struct net *n); /* see net_end_threads */
    void (*end)(struct net *n);         /* see net_end */
    void (*close)(struct net *n);       /* see net_close */
};
enum { NET_ROOMS = 12 };

struct net {
    uv_loop_t *loop; /* borrowed */
    struct clock clock;
    struct clock quiet; /* see net_quiet */
    bool has_quiet;
    uint8_t *read_buffer;     /* of NET_READ_SIZE; what is in it lives until the read callback returns */
    uint8_t *plain;           /* of NET_PLAIN_SIZE; taken when the first TLS connection needs it */
    struct tls_store *tls;    /* made by the first TLS connection (net/tls/tls.h) */
    struct http_client *http; /* made by the first request */
    struct names *names;      /* made by the first look-up (net/dial/names.h) */
    struct dead *dead;        /* made by the first dial (net/dial/dead.h) */
    uv_prepare_t before_sleep;
    uv_check_t after_sleep;
    uv_timer_t pulse;           /* see net_watch_lag */
    uint64_t turned, due, woke; /* when the loop last went to sleep, had to wake at the latest, and woke */
    struct net_block {
        uint64_t end, length;
    } blocks[NET_BLOCKS]; /* the latest periods of NET_BLOCK_LEAST or more in which the loop did not turn */
    unsigned block_count;
    struct net_turn turn;
    struct plan *plans;                    /* those that connections share, the newest first */
    STAILQ_HEAD(, net_busy) busy;          /* connections with something to do before the loop sleeps, in order */
    void (*take_turn)(struct net_busy *b); /* gives one its turn, which was taken off the list */
    struct deadline kick;                  /* wakes the loop when they have too much to do for one turn */
    struct account *account;               /* for connections that belong to no script */
    LIST_HEAD(, conn) all;                 /* every connection that is not closed */
    LIST_HEAD(, embed) embeds;             /* loops within the loop */
    struct buf spare; /* memory of an empty output buffer, for the next connection that needs one */
    LIST_HEAD(, incoming) listening;
    LIST_HEAD(, http_server) http_servers; /* those that listen, or have connections left (net/http/server.h) */
    unsigned http_serving;                 /* requests to them that were taken, and are not answered yet */
    struct outlet outlet;
    struct record *record;  /* NULL: none is written (net/conn/record.h) */
    struct net *beside;     /* the net beside which it is (net_open_beside), or NULL */
    unsigned beside_writes; /* what nets beside this one are writing: the loop need not turn for that */
    struct net_sums gone;   /* by connections of clients that are no more */
    uint64_t turns;         /* of the loop */
    uint64_t attempts;      /* of clients, to connect */
    uint64_t opened;        /* how many of those succeeded */
    struct net_times {
        struct histogram turns, connects, pings;
    } times; /* how long things took, seconds: turns of the loop, of clients from an attempt to open, to a pong */
    struct tally *ends; /* how those of clients have ended (net/conn/tally.h); NULL: none has */
    bool stopping;      /* no attempt begins any more */
    uint64_t last_id;   /* ids count from 1 */
    bool stuck;         /* a thread did not end in time */
    unsigned lookups;   /* work in libuv's threads that nobody waits for any more, but that cannot be cancelled */
    const struct net_room *rooms[NET_ROOMS]; /* in the order in which they joined */
    unsigned room_count;
};

/* Starts in a loop that the caller owns and runs. ERR_NOMEM where there is no memory for it. */
int net_open(struct net *n, uv_loop_t *loop);

/* The same for whoever looks into a program from outside, in the loop of `of`: its connections and deadlines keep no
 * loop alive, and take nothing that is shared by those of `of`. */
int net_open_beside(struct net *n, struct net *of);

/* Ends it, when all connections are closed and released. The loop must turn until its handles are closed before `n`
 * goes. */
void net_close(struct net *n);

/* Has the net call these functions from now on; it may have joined before. Rooms that joined last are closed first. */
void net_join(struct net *n, const struct net_room *room);

/* A clock whose deadlines keep no loop alive, and which no test stops: for what the host does beside the script. */
struct clock *net_quiet(struct net *n);

/* Puts `b`, which is in no list, at the end of the list of the busy: it takes its turn before the loop sleeps. */
static inline void net_add_busy(struct net *n, struct net_busy *b) { STAILQ_INSERT_TAIL(&n->busy, b, next); }

static inline bool net_is_busy(const struct net *n) { return !STAILQ_EMPTY(&n->busy); }

/* Gives each of the busy its turn. */
void net_run_busy(struct net *n);

/* Gives the memory of an empty output buffer back, and takes it: a connection has such memory only while it sends. One
 * that is closed keeps none. */
void net_give_buffer(struct net *n, struct buf *b);
void net_take_buffer(struct net *n, struct buf *b);

/* The longest time known in which the loop did not turn since `when`; 0: none of NET_BLOCK_LEAST or more. */
uint64_t net_lag_since(const struct net *n, uint64_t when);

/* Turns on or off that net_lag_since also knows when the process was stopped while the loop slept: the loop then sleeps
 * for NET_PULSE at most, so that it is known when it should have woken. A shorter stop may go unnoticed. */
void net_watch_lag(struct net *n, bool on);

/* Begins a turn for events: nothing of it is used up yet. */
void net_begin_turn(struct net *n);

/* Has this turn taken so long, or inflated so much, that the rest is for the next one? To be asked for each event. */
bool net_look(struct net *n);
static inline bool net_turn_is_over(struct net *n) { return n->turn.over || (--n->turn.looks < 0 && net_look(n)); }

/* Ends the threads beside the loop before the program ends. False where one does not end: then leave by net_leave. */
bool net_end_threads(struct net *n);

/* The program is about to end, in whatever way: what is left of the record, of stdout and of the log is written. */
void net_end(struct net *n);

/* Ends the program without waiting for threads, and without the clean-up of libraries that they may be in. */
_Noreturn void net_leave(struct net *n, int status);

/* Is the loop kept alive by anything but work that nobody waits for (`lookups`, `beside_writes`)? */
bool net_loop_is_alive(struct net *n);

#endif

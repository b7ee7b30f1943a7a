/* net: opened once by a worker, closed last. */
#include "net/net.h"

#include "base/container_of.h"
#include "base/log.h"
#include "net/embed.h"
#include "net/guard.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* When the loop woke in this turn: libuv looks at the time when it has slept, and then runs what woke it. (Its own
 * measure, UV_METRICS_IDLE_TIME, costs one more epoll_wait in every turn.) Where it had to wake earlier, the process
 * was stopped meanwhile, or the system did not run it. */
static uint64_t woke(const struct net *n) {
    if (n->woke > n->turned) return n->woke;
    uint64_t now = uv_now(n->loop) * CLOCK_MS;
    return now < n->turned ? n->turned : now < n->due ? now : n->due;
}

/* How long the loop had been awake, or should have been, at that time; 0: less than NET_BLOCK_LEAST. */
static uint64_t lag(const struct net *n, uint64_t at) {
    uint64_t awake = at - woke(n);
    return awake >= NET_BLOCK_LEAST ? awake : 0;
}

/* Notes it now: later in the turn libuv looks at the time again. */
static void on_after_sleep(uv_check_t *check) {
    struct net *n = check->data;
    n->woke = woke(n) + 1; /* later than `turned` means that it is known */
}

void net_begin_turn(struct net *n) { n->turn = (struct net_turn){.inflate_left = NET_TURN_INFLATE}; }

/* Has the time of a guard come? Then it is called first, behind this turn's events: before each of them one looks. */
static bool look_for_guards(struct net *n) {
    n->turn.looks = 0;
    n->turn.over = guard_hurry(&n->clock);
    return n->turn.over;
}

bool net_look(struct net *n) {
    struct net_turn *t = &n->turn;
    uint64_t now = uv_hrtime();
    t->looks = NET_TURN_LOOK;
    if (n->clock.guards && look_for_guards(n)) return true;
    if (!t->began) {
        t->began = now;
        return false;
    }
    t->over = now - t->began > NET_TURN_MOST;
    return t->over;
}

/* When the loop will wake at the latest, by libuv's own timeout. That is 0 as well where something was begun in this
 * turn that is to be waited for: then it is not known. */
static uint64_t wakes(const struct net *n, uint64_t now) {
    int ms = uv_backend_timeout(n->loop);
    return ms <= 0 ? UINT64_MAX : now + (uint64_t)ms * CLOCK_MS;
}

static void on_pulse(uv_timer_t *pulse) { (void)pulse; }

void net_watch_lag(struct net *n, bool on) {
    if (on)
        uv_timer_start(&n->pulse, on_pulse, NET_PULSE, NET_PULSE);
    else
        uv_timer_stop(&n->pulse);
}

static void on_before_sleep(uv_prepare_t *prepare) {
    struct net *n = prepare->data;
    net_run_busy(n);
    net_begin_turn(n);
    for (unsigned i = 0; i < n->room_count; i++)
        if (n->rooms[i]->turn_ends) n->rooms[i]->turn_ends(n);
    outlet_end_turn(&n->outlet);
    uint64_t now = uv_hrtime(), length = lag(n, now);
    histogram_add(&n->times.turns, clock_to_seconds(now - woke(n)));
    n->turned = now;
    n->turns++;
    n->due = wakes(n, now);
    if (length)
        n->blocks[n->block_count++ % NET_BLOCKS] = (struct net_block){.end = clock_now(&n->clock), .length = length};
}

uint64_t net_lag_since(const struct net *n, uint64_t when) {
    uint64_t most = lag(n, uv_hrtime());
    for (unsigned i = 0; i < n->block_count && i < NET_BLOCKS; i++)
        if (n->blocks[i].end > when && n->blocks[i].length > most) most = n->blocks[i].length;
    return most;
}

void net_join(struct net *n, const struct net_room *room) {
    for (unsigned i = 0; i < n->room_count; i++)
        if (n->rooms[i] == room) return;
    err_must(n->room_count < NET_ROOMS);
    n->rooms[n->room_count++] = room;
}

struct clock *net_quiet(struct net *n) {
    if (n->has_quiet) return &n->quiet;
    clock_open(&n->quiet, n->loop);
    clock_unref(&n->quiet);
    n->has_quiet = true;
    return &n->quiet;
}

static void on_kick(struct deadline *d) { (void)d; }

/* In order; one that has more to do goes to the end again. */
void net_run_busy(struct net *n) {
    enum { ROUNDS = 64 }; /* a turn may put others on the list; that must not go on for ever */
    net_begin_turn(n);
    for (int rounds = 0; net_is_busy(n) && rounds < ROUNDS && !n->turn.over; rounds++) {
        const struct net_busy *last = container_of(n->busy.stqh_last, struct net_busy, next.stqe_next);
        for (bool more = true; more && !net_turn_is_over(n);) {
            struct net_busy *b = STAILQ_FIRST(&n->busy);
            STAILQ_REMOVE_HEAD(&n->busy, next);
            more = b != last;
            n->take_turn(b);
        }
    }
    if (net_is_busy(n)) clock_set(&n->clock, &n->kick, clock_now(&n->clock), on_kick); /* the loop must not sleep now */
}

void net_give_buffer(struct net *n, struct buf *b) {
    bool is_closed = !n->read_buffer; /* and the writes that it had begun end now */
    buf_reset(b, NET_SPARE_MOST);
    if (!is_closed && b->size > n->spare.size) buf_swap(b, &n->spare);
    buf_clear(b);
}

void net_take_buffer(struct net *n, struct buf *b) {
    if (!b->base && n->spare.base) buf_swap(b, &n->spare);
}

int net_open(struct net *n, uv_loop_t *loop) {
    *n = (struct net){.loop = loop};
    STAILQ_INIT(&n->busy);
    buf_init(&n->spare, SIZE_MAX);
    n->read_buffer = malloc(NET_READ_SIZE);
    n->account = account_new();
    if (!n->read_buffer || !n->account) {
        account_release(n->account);
        free(n->read_buffer);
        return ERR_NOMEM;
    }
    clock_open(&n->clock, loop);
    outlet_open(&n->outlet, loop);
    uv_prepare_init(loop, &n->before_sleep); /* these cannot fail */
    uv_check_init(loop, &n->after_sleep);
    n->before_sleep.data = n->after_sleep.data = n;
    uv_prepare_start(&n->before_sleep, on_before_sleep);
    uv_check_start(&n->after_sleep, on_after_sleep);
    uv_unref((uv_handle_t *)&n->before_sleep);
    uv_unref((uv_handle_t *)&n->after_sleep);
    uv_timer_init(loop, &n->pulse);
    uv_unref((uv_handle_t *)&n->pulse);
    n->turned = uv_hrtime();
    n->due = UINT64_MAX;
    net_begin_turn(n);
    return 0;
}

int net_open_beside(struct net *n, struct net *of) {
    int rc = net_open(n, of->loop);
    if (rc < 0) return rc;
    n->beside = of;
    clock_unref(&n->clock);
    return 0;
}

void net_close(struct net *n) {
    for (int turns = 0; net_is_busy(n) && turns < 64; turns++) net_run_busy(n); /* releases the last ones */
    while (n->room_count) {
        const struct net_room *room = n->rooms[--n->room_count];
        if (room->close) room->close(n);
    }
    uv_close((uv_handle_t *)&n->before_sleep, NULL);
    uv_close((uv_handle_t *)&n->after_sleep, NULL);
    uv_close((uv_handle_t *)&n->pulse, NULL);
    outlet_close(&n->outlet);
    clock_close(&n->clock);
    if (n->has_quiet) clock_close(&n->quiet);
    buf_clear(&n->spare);
    account_release(n->account);
    free(n->ends);
    histogram_clear(&n->times.turns);
    histogram_clear(&n->times.connects);
    histogram_clear(&n->times.pings);
    free(n->plain);
    free(n->read_buffer);
    n->plain = n->read_buffer = NULL;
}

static void see_handle(uv_handle_t *handle, void *arg) {
    if (uv_is_active(handle) && uv_has_ref(handle)) *(bool *)arg = true;
    if (uv_is_closing(handle)) *(bool *)arg = true;
}

bool net_loop_is_alive(struct net *n) {
    for (struct embed *e = LIST_FIRST(&n->embeds), *next; e; e = next) {
        next = LIST_NEXT(e, link);
        embed_tend(e);
    }
    if (!uv_loop_alive(n->loop)) return false;
    unsigned nobodys = n->lookups + n->beside_writes;
    if (n->loop->active_reqs.count > nobodys) return true; /* work of a script, by luv, has no handle */
    if (nobodys == 0) return true;
    bool alive = false;
    uv_walk(n->loop, see_handle, &alive);
    return alive;
}

bool net_end_threads(struct net *n) {
    for (unsigned i = 0; i < n->room_count; i++)
        if (!n->stuck && n->rooms[i]->end_threads) n->stuck = !n->rooms[i]->end_threads(n);
    return n->lookups == 0 && !n->stuck;
}

void net_end(struct net *n) {
    for (unsigned i = 0; i < n->room_count; i++)
        if (n->rooms[i]->end) n->rooms[i]->end(n);
    outlet_end(&n->outlet);
    log_end();
}

void net_leave(struct net *n, int status) {
    net_end(n);
    fflush(n->stuck ? stdout : NULL); /* the thread may have a FILE locked, for which fflush would wait */
    _exit(status);
}

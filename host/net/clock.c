/* clock: a binary heap ordered by due time. */
#include "net/clock.h"

#include "base/reserve.h"
#include "net/guard.h"
#include <stdlib.h>
#include <time.h>

static bool before(const struct deadline *a, const struct deadline *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void put(struct clock *c, struct deadline *d, size_t i) {
    c->heap[i] = d;
    d->place = i + 1;
}

static void sift_up(struct clock *c, struct deadline *d, size_t i) {
    for (; i > 0 && before(d, c->heap[(i - 1) / 2]); i = (i - 1) / 2) put(c, c->heap[(i - 1) / 2], i);
    put(c, d, i);
}

static void sift_down(struct clock *c, struct deadline *d, size_t i) {
    for (size_t child; (child = 2 * i + 1) < c->n; i = child) {
        if (child + 1 < c->n && before(c->heap[child + 1], c->heap[child])) child++;
        if (!before(c->heap[child], d)) break;
        put(c, c->heap[child], i);
    }
    put(c, d, i);
}

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle) { (void)idle; }

/* Has the loop sleep until the first deadline, or not at all. A frozen clock only runs what is due. */
static void arm(struct clock *c) {
    if (c->n == 0) {
        uv_idle_stop(&c->idle);
        uv_timer_stop(&c->timer);
        return;
    }
    uint64_t now = clock_now(c), due = c->heap[0]->due;
    if (due <= now) {
        uv_timer_stop(&c->timer);
        uv_idle_start(&c->idle, on_idle);
    } else { /* a frozen one keeps the loop alive, as the deadline would */
        uint64_t ms = c->frozen ? UINT64_C(1000) * 3600 : (due - now + CLOCK_MS - 1) / CLOCK_MS;
        uv_idle_stop(&c->idle);
        uv_timer_start(&c->timer, on_timer, ms, 0);
    }
}

static void on_timer(uv_timer_t *timer) { arm(timer->data); }

/* Is nothing due for a while? By libuv's cached time, in milliseconds, which costs nothing. */
static bool is_far(const struct clock *c) {
    enum { A_WHILE = 3 };
    if (c->n == 0) return true;
    return !c->frozen && c->heap[0]->due > (uv_now(c->timer.loop) + A_WHILE) * CLOCK_MS + c->ahead;
}

static void on_before(uv_prepare_t *before) {
    struct clock *c = before->data;
    c->looked = is_far(c) ? 0 : clock_now(c);
}

/* Runs what is due; what is set meanwhile waits for the next turn. */
static void on_after(uv_check_t *after) {
    struct clock *c = after->data;
    uint64_t round = c->order;
    guard_run(c);
    if (is_far(c) || c->heap[0]->due > clock_now(c)) {
        if (uv_is_active((uv_handle_t *)&c->idle)) arm(c); /* what was due has been cancelled */
        return;
    }
    guard_run(c);
    while (c->n && c->heap[0]->due <= c->looked && c->heap[0]->order < round) {
        struct deadline *d = c->heap[0];
        clock_cancel(c, d);
        d->fn(d);
        guard_run(c);
    }
    arm(c);
}

void clock_open(struct clock *c, uv_loop_t *loop) {
    *c = (struct clock){0};
    uv_timer_init(loop, &c->timer); /* none of these can fail */
    uv_idle_init(loop, &c->idle);
    uv_prepare_init(loop, &c->before);
    uv_check_init(loop, &c->after);
    c->timer.data = c->before.data = c->after.data = c;
    uv_prepare_start(&c->before, on_before);
    uv_check_start(&c->after, on_after);
    uv_unref((uv_handle_t *)&c->before);
    uv_unref((uv_handle_t *)&c->after);
}

void clock_unref(struct clock *c) {
    uv_unref((uv_handle_t *)&c->timer);
    uv_unref((uv_handle_t *)&c->idle);
}

void clock_close(struct clock *c) {
    uv_close((uv_handle_t *)&c->timer, NULL);
    uv_close((uv_handle_t *)&c->idle, NULL);
    uv_close((uv_handle_t *)&c->before, NULL);
    uv_close((uv_handle_t *)&c->after, NULL);
    free(c->heap);
    c->heap = NULL;
    c->n = c->size = 0;
}

uint64_t clock_now(const struct clock *c) { return c->frozen ? c->now : uv_hrtime() + c->ahead; }

/* As uv_hrtime, with the time in which the machine was suspended. */
static uint64_t boot_time(void) {
#ifdef CLOCK_BOOTTIME
    struct timespec t;
    if (clock_gettime(CLOCK_BOOTTIME, &t) == 0) return (uint64_t)t.tv_sec * CLOCK_SECOND + (uint64_t)t.tv_nsec;
#endif
    return uv_hrtime();
}

uint64_t clock_elapsed(const struct clock *c) { return c->frozen ? c->now + c->slept : boot_time() + c->ahead; }

double clock_wall(const struct clock *c) {
    if (c->frozen) return clock_to_seconds(clock_now(c)) + c->wall;
    uv_timeval64_t t = {0};
    uv_gettimeofday(&t);
    return (double)t.tv_sec + t.tv_usec / 1e6;
}

/* Grows the heap once half of it is used, and tries again with each deadline: where memory is refused for so long, it
 * has been refused before to the objects that the deadlines belong to. */
static void make_room(struct clock *c) {
    enum { LEAST = 32 };
    if (c->n < c->size / 2) return;
    size_t size = c->size ? c->size * 2 : LEAST;
    bool full = c->n == c->size;
    struct deadline **heap = full ? reserve_grow(c->heap, size * sizeof *heap) : realloc(c->heap, size * sizeof *heap);
    if (!heap) return;
    c->heap = heap;
    c->size = size;
}

void clock_set(struct clock *c, struct deadline *d, uint64_t due, void (*fn)(struct deadline *d)) {
    if (d->place) clock_cancel(c, d);
    make_room(c);
    d->due = due;
    d->order = c->order++;
    d->fn = fn;
    sift_up(c, d, c->n++);
    if (c->heap[0] == d) arm(c);
}

void clock_cancel(struct clock *c, struct deadline *d) {
    if (!d->place) return;
    size_t i = d->place - 1;
    d->place = 0;
    struct deadline *last = c->heap[--c->n];
    if (last != d) {
        if (i > 0 && before(last, c->heap[(i - 1) / 2])) {
            sift_up(c, last, i);
        } else {
            sift_down(c, last, i);
        }
    }
    if (c->n == 0) arm(c); /* else the timer may come early and finds nothing: cheaper than arming it each time */
}

void clock_freeze(struct clock *c) {
    if (c->frozen) return;
    double wall = clock_wall(c);
    c->now = clock_now(c);
    c->wall = wall - clock_to_seconds(c->now);
    c->slept = boot_time() - uv_hrtime();
    c->frozen = true;
    arm(c);
}

void clock_thaw(struct clock *c) {
    if (!c->frozen) return;
    c->ahead = c->now - uv_hrtime(); /* modulo 2^64: it may be behind the real clock as well */
    c->frozen = false;
    arm(c);
}

bool clock_is_due(const struct clock *c) { return c->n && c->heap[0]->due <= clock_now(c); }

bool clock_next(const struct clock *c, uint64_t *due) {
    uint64_t now = clock_now(c), next = UINT64_MAX;
    bool found = false;
    for (size_t i = 0; i < c->n; i++) {
        if (c->heap[i]->due <= now || c->heap[i]->due > next) continue;
        next = *due = c->heap[i]->due;
        found = true;
        if (i == 0) break; /* it is the first of all */
    }
    return found;
}

void clock_advance(struct clock *c, uint64_t by) {
    c->now += by;
    arm(c);
}

uint64_t clock_from_seconds(double seconds) {
    const double century = 100.0 * 366 * 86400;
    if (!(seconds > 0)) return 0;
    return (uint64_t)((seconds < century ? seconds : century) * 1e9 + 0.5); /* so clock_to_seconds gives the same */
}

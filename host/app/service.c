/* service: a timer looks whether the program is ready, and stops when it is and that was heard, unless signs of life
 * are wanted. */
#include "app/service.h"

#include "app/pool/pool.h"
#include "app/pool/reports.h"
#include "base/container_of.h"
#include "script/l_ready.h"
#include <time.h>

enum {
    LOOK_EVERY = 100, /* milliseconds, while it is not ready */
    BEATS = 4,        /* signs of life in the time within which one is wanted, */
    BEAT_MOST = 3600, /* and seconds between two of them: a number of milliseconds that workers can be told */
};

static bool is_member(const struct service *s) { return s->worker->pool != 0; }

/* ---- what is told ---- */

static void tell_pool(const struct service *s, enum report report) { reports_send(s->worker->pool_reports, report); }

static void tell_ready(struct service *s) {
    const struct engine *e = s->worker->engine;
    unsigned long long reloads = e ? e->reloads : 0;
    if (is_member(s))
        tell_pool(s, REPORT_READY);
    else if (reloads)
        notify_send(&s->notify, "READY=1\nSTATUS=running, after %llu reload%s", reloads, &"s"[reloads == 1]);
    else
        notify_send(&s->notify, "READY=1\nSTATUS=running");
}

static void tell_waits(struct service *s, const char *what) {
    if (!is_member(s)) notify_send(&s->notify, "STATUS=not ready: %s", what);
}

static void tell_alive(struct service *s) {
    if (is_member(s))
        tell_pool(s, REPORT_ALIVE);
    else
        notify_beat(&s->notify);
}

/* ---- looking ---- */

/* Is the script ready? Where it is not, that is told once for each function that says so. */
static bool asks_script(struct service *s) {
    struct ready_not not_ready;
    if (l_ready_ask(s->worker->engine, &not_ready)) return true;
    if (s->waits_for != not_ready.number) tell_waits(s, not_ready.where);
    s->waits_for = not_ready.number;
    return false;
}

static bool is_ready(struct service *s) {
    return s->worker->members ? pool_is_ready(s->worker) : s->worker->engine && asks_script(s);
}

static void on_look(uv_timer_t *look);

/* From now on only signs of life are given, if any are wanted. */
static void become_ready(struct service *s) {
    s->ready = true;
    tell_ready(s);
    if (s->beat) uv_timer_start(&s->look, on_look, s->beat / CLOCK_MS, s->beat / CLOCK_MS);
}

static void on_look(uv_timer_t *look) {
    struct service *s = container_of(look, struct service, look);
    bool turns =
        !s->worker->members || pool_turns(s->worker, BEATS / 2 * s->beat); /* the manager waits as long again */
    if (s->beat && turns) tell_alive(s);
    if (!s->ready && !s->stopping && !s->worker->stopping && is_ready(s)) become_ready(s);
    if (notify_again(&s->notify) && s->ready && !s->beat) uv_timer_stop(&s->look);
}

static void tell_stops(struct service *s) {
    if (s->stopping) return;
    s->stopping = true;
    if (!is_member(s)) notify_send(&s->notify, "STOPPING=1\nSTATUS=stopping");
}

/* Lua code may be running: it has called os.exit. */
static void on_end(struct net *net) {
    struct service *s = container_of(net, struct worker, net)->service;
    if (s) tell_stops(s);
}

static void begin(struct service *s) {
    static const struct net_room room = {.end = on_end};
    s->worker->service = s;
    net_join(&s->worker->net, &room);
    uv_timer_init(&s->worker->loop, &s->look);
    uv_unref((uv_handle_t *)&s->look);
    uint64_t every = LOOK_EVERY;
    if (s->beat && s->beat / CLOCK_MS < every) every = s->beat / CLOCK_MS;
    uv_timer_start(&s->look, on_look, 0, every);
}

void service_open(struct service *s, struct worker *w) {
    *s = (struct service){.worker = w};
    if (!notify_open(&s->notify)) return;
    s->beat = s->notify.watchdog / BEATS;
    if (s->beat && s->beat < CLOCK_MS) s->beat = CLOCK_MS;
    if (s->beat > BEAT_MOST * CLOCK_SECOND) s->beat = BEAT_MOST * CLOCK_SECOND;
    begin(s);
}

void service_open_member(struct service *s, struct worker *w, int beat) {
    *s = (struct service){.worker = w, .notify = {.fd = -1}};
    if (beat == SERVICE_NOTHING) return;
    s->beat = (uint64_t)beat * CLOCK_MS;
    begin(s);
}

int service_beat_of_members(const struct worker *w) {
    return w->service ? (int)(w->service->beat / CLOCK_MS) : SERVICE_NOTHING;
}

/* ---- what happens to the program ---- */

static uint64_t monotonic_micros(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void service_reloads(struct worker *w) {
    struct service *s = w->service;
    if (!s || !s->ready || s->reloading || s->stopping) return;
    s->reloading = true;
    if (is_member(s))
        tell_pool(s, REPORT_BEGAN);
    else
        notify_send(&s->notify, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading",
                    (unsigned long long)monotonic_micros());
}

void service_reloaded(struct worker *w) {
    struct service *s = w->service;
    if (!s || !s->reloading) return;
    s->reloading = false;
    if (is_member(s)) return;
    tell_ready(s);
    if (!uv_is_active((uv_handle_t *)&s->look)) uv_timer_start(&s->look, on_look, LOOK_EVERY, LOOK_EVERY);
}

void service_stops(struct worker *w) {
    struct service *s = w->service;
    if (!s || s->stopping) return;
    if (!s->ready && !w->status && is_ready(s)) become_ready(s);
    tell_stops(s);
}

void service_close(struct service *s) {
    if (!s->worker->service) return;
    service_stops(s->worker);
    s->worker->service = NULL;
    uv_close((uv_handle_t *)&s->look, NULL);
    notify_close(&s->notify);
}

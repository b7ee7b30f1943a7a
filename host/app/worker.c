/* worker: opens in one order, closes in the other. Its signals are in worker_signals.c. */
#include "app/worker.h"

#include "app/pool/claims.h"
#include "app/pool/pool.h"
#include "app/service.h"
#include "base/container_of.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/reserve.h"
#include "net/conn/conn.h"
#include "net/http/server.h"
#include "script/l_host.h"
#include "testing/testing.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void host_stop(void *app, int status) { worker_stop(app, status); }

static void host_summary(void *app) {
    struct worker *w = app;
    if (!w->wants_summary) pool_want_summary(w);
    w->wants_summary = true;
}

static void host_mark(void *app, int status) { ((struct worker *)app)->status = status; }

static void host_exit(void *app, int status) {
    struct worker *w = app;
    struct engine *e = w->engine;
    w->counted = metrics_hold(e->metrics);
    w->engine = NULL; /* signal handlers look at it */
    engine_free(e);
    if (!net_end_threads(&w->net)) net_leave(&w->net, status);
    exit(status);
}

/* exit() is called by the host, by scripts and by modules in C: this handler (atexit) runs for all of them. */
static struct worker *exiting;

static void on_exit_of_process(void) {
    if (exiting) net_end(&exiting->net);
}

static void on_drained(void *arg) {
    struct worker *w = arg;
    if (w->engine) task_wake_all(&w->engine->behind_output);
}

static const char *host_reload(void *app) { return worker_reload(app, "host.reload"); }

static const char *host_back(void *app) { return worker_back(app, "host.back"); }

static void host_erred(void *app) {
    struct worker *w = app;
    if (w->erred) w->erred(w->reload_arg);
}

static void host_noted(void *app, const struct engine_file *file) {
    struct worker *w = app;
    if (w->noted) w->noted(w->noted_arg, file);
}

static const luaL_Reg modules[] = {
    {"wsbot.testing.core", luaopen_testing_core}, {"wsbot.limits.core", luaopen_claims}, {NULL, NULL}};

static const struct engine_host engine_host = {.modules = modules,
                                               .stop = host_stop,
                                               .mark = host_mark,
                                               .exit = host_exit,
                                               .reload = host_reload,
                                               .back = host_back,
                                               .summary = host_summary,
                                               .erred = host_erred,
                                               .noted = host_noted};

/* Large messages often come one after the other: up to these sizes, freed memory is kept for the next one, and not
 * given back to the system and fetched anew page by page. */
static void keep_memory(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
#endif
}

void worker_trim_memory(struct worker *w) {
    enum { EVERY = 1000000000 }; /* nanoseconds: to fetch pages anew takes time, too */
    uint64_t now = uv_hrtime();
    if (now - w->trimmed_at < EVERY) return;
    w->trimmed_at = now;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/* Ends the program where it lacks what it needs to begin. */
static _Noreturn void refuse_to_start(const char *why) {
    fprintf(stderr, "wsbot: cannot start: %s\n", why);
    exit(1);
}

/* Can descriptors be opened? libuv's first loop makes a pipe, after one or two other descriptors (io_uring), and aborts
 * the program where it cannot. */
static int try_descriptors(void) {
    int fds[4] = {-1, -1, -1, -1};
    bool are_there = pipe(fds) == 0 && (fds[2] = dup(fds[0])) >= 0 && (fds[3] = dup(fds[0])) >= 0;
    int rc = are_there ? 0 : uv_translate_sys_error(errno);
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0) close(fds[i]);
    return rc;
}

static void open_loop(struct worker *w) {
    int rc = try_descriptors();
    if (rc == 0) rc = uv_loop_init(&w->loop);
    if (rc == 0) rc = uv_async_init(&w->loop, &w->signalled, worker_signalled);
    if (rc != 0) refuse_to_start(uv_strerror(rc));
    w->signalled.data = w;
    uv_unref((uv_handle_t *)&w->signalled);
}

void worker_open(struct worker *w, bool script, bool no_environment) {
    *w = (struct worker){0};
    keep_memory();
    if (!reserve_open()) refuse_to_start("not enough memory");
    if (!random_open()) refuse_to_start("the system gives no random numbers");
    open_loop(w);
    if (net_open(&w->net, &w->loop) < 0 ||
        (script && !(w->engine = engine_new(&w->net, &engine_host, w, no_environment))))
        refuse_to_start("not enough memory");
    w->net.outlet.drained = on_drained;
    w->net.outlet.arg = w;
    exiting = w;
    atexit(on_exit_of_process);
    worker_open_signals(w);
}

static void on_reload_due(struct deadline *d) {
    struct worker *w = container_of(d, struct worker, reload_due);
    if (!w->over) w->reload(w->reload_arg);
}

void worker_reload_after(struct worker *w, uint64_t delay) {
    clock_set(&w->net.clock, &w->reload_due, clock_now(&w->net.clock) + delay, on_reload_due);
}

const char *worker_reload(struct worker *w, const char *cause) {
    if (!w->reload) return "there is no file to load again: the script is not one, or there is a prompt";
    if (!w->reload_cause) w->reload_cause = reserve_copy(cause);
    worker_reload_after(w, 0);
    return NULL;
}

const char *worker_back(struct worker *w, const char *cause) {
    if (!w->past) return "there is no generation before this one";
    free(w->reload_cause);
    w->reload_cause = reserve_copy(cause);
    w->goes_back = true;
    worker_reload_after(w, 0);
    return NULL;
}

enum { ON_STOP_LIMIT = 10 }; /* seconds that functions of host.on_stop may wait, all together */

/* Asks every connection and every server to end; each has a deadline of its own. */
static void close_connections(struct worker *w) {
    clock_cancel(&w->net.clock, &w->stop);
    worker_give_time(w, 0);
    if (w->net.stopping) return;
    w->net.stopping = true;
    http_server_stop_all(&w->net, HTTP_SERVER_STOP_S * CLOCK_SECOND);
    for (struct conn *c = LIST_FIRST(&w->net.all), *next; c; c = next) {
        next = LIST_NEXT(c, link);
        conn_say_goodbye(c);
    }
    if (LIST_EMPTY(&w->net.all) && LIST_EMPTY(&w->net.http_servers)) uv_stop(&w->loop);
}

static void on_stop_done(void *arg) { close_connections(arg); }

static void on_stop_late(struct deadline *d) {
    struct worker *w = container_of(d, struct worker, stop);
    log_line(LOG_WARN, "host.on_stop: its functions were not done within %d s", ON_STOP_LIMIT);
    close_connections(w);
}

static void on_stop(struct deadline *d) {
    struct worker *w = container_of(d, struct worker, stop);
    service_stops(w);
    if (!w->engine) {
        close_connections(w);
        return;
    }
    clock_set(&w->net.clock, d, clock_now(&w->net.clock) + ON_STOP_LIMIT * CLOCK_SECOND, on_stop_late);
    worker_give_time(w, ON_STOP_LIMIT);
    l_host_call_on_stop(w->engine, on_stop_done, w);
}

void worker_stop(struct worker *w, int status) {
    if (status) w->status = status;
    if (w->stopping) return;
    w->stopping = true;
    worker_ignore_hangups();
    clock_set(&w->net.clock, &w->stop, clock_now(&w->net.clock), on_stop);
}

/* Turns of the loop in which tasks that waited for the end of connections may still go on, after all have ended. */
enum { LAST_TURNS = 100 };

static bool is_alive(struct worker *w) {
    if (w->over) return false;
    if (net_is_busy(&w->net)) net_run_busy(&w->net); /* busy connections keep no loop alive, but may have events */
    bool is_through = w->engine && w->engine->ends_with_main && !w->engine->main;
    if (!w->stopping) return (!is_through && net_loop_is_alive(&w->net)) || outlet_is_behind(&w->net.outlet);
    if (clock_is_set(&w->stop) || net_is_busy(&w->net)) return true;
    if (!LIST_EMPTY(&w->net.all) || !LIST_EMPTY(&w->net.http_servers)) return true;
    return w->engine && w->engine->tasks.ready.first && w->last_turns++ < LAST_TURNS;
}

static void turn(struct worker *w) {
    void (*begins)(void *arg) = w->begins;
    w->begins = NULL;
    if (begins) begins(w->begins_arg);
    uv_run(&w->loop, UV_RUN_ONCE);
}

void worker_run_while(struct worker *w, const bool *going) {
    do {
        while (*going && is_alive(w)) turn(w);
    } while (*going && w->engine && !w->stopping && !w->over &&
             task_tell_deadlocks(w->engine)); /* their ends may wake other tasks */
}

int worker_run(struct worker *w) {
    static const bool always = true;
    worker_run_while(w, &always);
    return w->status;
}

void worker_close(struct worker *w) {
    worker_rest_signals(w);
    w->net.stopping = true;
    if (w->engine) w->counted = metrics_hold(w->engine->metrics);
    if (w->engine) engine_free(w->engine);
    w->engine = NULL;
    worker_close_signals();
    for (struct conn *c = LIST_FIRST(&w->net.all), *next; c; c = next) { /* a Close is sent, and not waited for */
        next = LIST_NEXT(c, link);
        conn_detach(c);
        conn_say_goodbye(c);
    }
    net_run_busy(&w->net);
    while (!LIST_EMPTY(&w->net.all)) {
        conn_destroy(LIST_FIRST(&w->net.all));
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    free(w->reload_cause);
    history_clear(&w->history);
    uv_close((uv_handle_t *)&w->signalled, NULL);
    if (!net_end_threads(&w->net)) net_leave(&w->net, w->status);
    net_end(&w->net);
    exiting = NULL;
    metrics_release(w->counted);
    net_close(&w->net);
    while (uv_run(&w->loop, UV_RUN_DEFAULT) != 0) continue; /* an uv_stop may still have been on its way */
    uv_loop_close(&w->loop);
    random_clear();
    reserve_close();
}

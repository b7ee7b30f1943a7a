/* pool: starts workers, waits for their ends, starts them again. A worker that was ended by a signal or by a script's
 * error (status 1) has died, and comes back after a delay, which doubles; any other status is the script's own
 * decision, and final. */
#include "app/pool/members.h"

#include "app/control/summary.h"
#include "app/service.h"
#include "app/state_folder.h"
#include "base/container_of.h"
#include "base/log.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* In the environment of a worker: its index, and the process id of the pool. */
#define PLACE "WSBOT_WORKER"

enum { REPORTS_FD = 3 }; /* in a worker: the pipe to the pool; the next one may be STATE_FOLDER_LOCK */
_Static_assert(STATE_FOLDER_LOCK == REPORTS_FD + 1, "a worker inherits the first so many");

/* Seconds before a worker that has died comes back, which double; and after which it has run so long that they begin
 * with the least again. */
enum { DELAY_LEAST = 1, DELAY_MOST = 60, STABLE = 30 };

static void start(struct member *m);

/* ---- how a worker ends ---- */

static void has_ended(struct member *m, int status) {
    struct pool *p = m->pool;
    if (status > p->status) p->status = status;
    p->going = --p->alive > 0;
}

static void on_back(struct deadline *d) { start(container_of(d, struct member, back)); }

static void come_back(struct member *m) {
    struct clock *clock = &m->pool->worker->net.clock;
    uint64_t now = clock_now(clock);
    m->ready = false;
    m->delay *= 2;
    if (m->delay > DELAY_MOST) m->delay = DELAY_MOST;
    if (!m->delay || now - m->began >= STABLE * CLOCK_SECOND) m->delay = DELAY_LEAST;
    clock_set(clock, &m->back, now + m->delay * CLOCK_SECOND, on_back);
    if (m->start < 0)
        log_line(LOG_WARN, "worker %u cannot be started: %s; another try in %u s", m->index, uv_strerror(m->start),
                 m->delay);
    else if (m->signal)
        log_line(LOG_WARN, "worker %u was ended by signal %d (%s), and comes back in %u s", m->index, m->signal,
                 strsignal(m->signal), m->delay);
    else
        log_line(LOG_WARN, "worker %u failed (status %d), and comes back in %u s", m->index, (int)m->status, m->delay);
}

/* Passes a stop on to all workers; the second time they end at once. */
static void stop_all(struct pool *p, int times) {
    int by = p->worker->signal;
    bool by_all = by == SIGINT && p->worker->by_terminal; /* SIGHUP of a closed terminal goes to its leader alone */
    p->stops = times;
    service_stops(p->worker);
    for (unsigned i = 0; i < p->count; i++) {
        struct member *m = &p->members[i];
        if (clock_is_set(&m->back)) {
            clock_cancel(&p->worker->net.clock, &m->back);
            has_ended(m, 0);
        }
        if (!m->running) continue;
        if (times > 1) uv_process_kill(&m->process, SIGKILL);
        if (times == 1 && !by_all) uv_process_kill(&m->process, by == SIGINT ? SIGINT : SIGTERM);
    }
}

static void on_closed(uv_handle_t *pipe) {
    struct member *m = pipe->data;
    struct pool *p = m->pool;
    if (p->stops) {
        bool as_told = m->signal == SIGINT || m->signal == SIGTERM || m->signal == SIGHUP; /* and not yet handled */
        has_ended(m, as_told || m->start < 0 ? 0 : m->signal ? 128 + m->signal : (int)m->status);
    } else if (m->signal == SIGHUP) {
        start(m); /* it has not handled that yet; it loads now what it was told to load */
    } else if (m->signal == SIGPIPE) {
        has_ended(m, 128 + SIGPIPE); /* nobody reads what they print */
        stop_all(p, 1);
    } else if (m->start < 0 || m->signal || m->status == 1) {
        come_back(m);
    } else {
        if (m->status) log_line(LOG_INFO, "worker %u ended with status %d", m->index, (int)m->status);
        has_ended(m, (int)m->status);
    }
}

static void on_process_closed(uv_handle_t *process) {
    struct member *m = process->data;
    uv_close((uv_handle_t *)&m->pipe, on_closed);
}

/* It has ended without telling what it had counted. */
static void miss(const struct member *m) {
    char how[100];
    if (m->signal)
        snprintf(how, sizeof how, "was ended by signal %d (%s)", m->signal, strsignal(m->signal));
    else
        snprintf(how, sizeof how, "ended with status %d", (int)m->status);
    summary_miss(m->pool->worker, m->index, how);
}

static void on_end(uv_process_t *process, int64_t status, int signal) {
    struct member *m = process->data;
    m->running = false;
    m->status = status;
    m->signal = signal;
    member_read_rest(m);
    if (!m->counted) miss(m);
    reports_clear(&m->reports);
    claimant_clear(&m->claims); /* what it has taken counts on */
    uv_close((uv_handle_t *)process, on_process_closed);
}

/* ---- how a worker begins ---- */

static void start(struct member *m) {
    struct pool *p = m->pool;
    uv_stdio_container_t stdio[STATE_FOLDER_LOCK + 1];
    char place[48];
    int lock = state_folder_lock();
    for (int i = 0; i < 3; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = i;
    }
    stdio[REPORTS_FD].flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE;
    stdio[REPORTS_FD].data.stream = (uv_stream_t *)&m->pipe;
    stdio[STATE_FOLDER_LOCK].flags = UV_INHERIT_FD;
    stdio[STATE_FOLDER_LOCK].data.fd = lock;
    uv_process_options_t options = {.file = p->program,
                                    .args = p->words,
                                    .exit_cb = on_end,
                                    .stdio = stdio,
                                    .stdio_count = (lock < 0 ? REPORTS_FD : STATE_FOLDER_LOCK) + 1};
    snprintf(place, sizeof place, "%u %ld %d", m->index, (long)getpid(), service_beat_of_members(p->worker));
    setenv(PLACE, place, 1);
    m->process.data = m->pipe.data = m;
    m->report = REPORT_NONE;
    m->counted = m->ready = false;
    reports_init(&m->reports);
    m->status = m->signal = 0;
    m->began = m->alive = clock_now(&p->worker->net.clock);
    uv_pipe_init(&p->worker->loop, &m->pipe, 0);
    m->start = uv_spawn(&p->worker->loop, &m->process, &options);
    if (m->start == 0) member_listen(m);
    m->running = m->start == 0;
    if (!m->running) uv_close((uv_handle_t *)&m->process, on_process_closed);
    /* a signal for all workers may have come just before this one was started */
    if (m->running && p->worker->signal) uv_process_kill(&m->process, p->worker->signal);
}

/* ---- signals ---- */

static void on_told_to_stop(void *arg, int times) {
    struct pool *p = arg;
    if (times != p->stops) stop_all(p, times);
}

static void on_hangup(void *arg) {
    struct pool *p = arg;
    service_reloads(p->worker);
    if (p->worker->service) pool_await_reports(p);
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i].running) uv_process_kill(&p->members[i].process, SIGHUP);
}

void pool_each(const struct worker *w, void (*tell)(void *arg, unsigned index, pid_t pid), void *arg) {
    for (unsigned i = 0; w->members && i < w->members->count; i++) {
        const struct member *m = &w->members->members[i];
        if (m->running || clock_is_set(&m->back)) tell(arg, i + 1, m->running ? (pid_t)m->process.pid : 0);
    }
}

/* ---- all of it ---- */

int pool_run(struct worker *w, unsigned workers, char **words) {
    struct pool *p = calloc(1, sizeof *p + workers * sizeof *p->members);
    if (!p) {
        fputs("wsbot: not enough memory for so many workers\n", stderr);
        return 1;
    }
    size_t size = sizeof p->program;
    *p = (struct pool){.worker = w, .words = words, .count = workers, .alive = workers, .going = true};
    int rc = uv_exepath(p->program, &size); /* asked now: this path also finds a program that is built anew later */
    if (rc < 0) {
        fprintf(stderr, "wsbot: workers cannot be started: the path of this program is not known: %s\n",
                uv_strerror(rc));
        free(p);
        return 1;
    }
    quotas_init(&p->quotas, &w->net.clock);
    w->members = p;
    w->told_to_stop = on_told_to_stop;
    w->reload = on_hangup;
    w->told_arg = w->reload_arg = p;
    worker_handle_signals(w, false);
    for (unsigned i = 0; i < workers; i++) {
        struct member *m = &p->members[i];
        m->pool = p;
        m->index = i + 1;
        m->claims = (struct claimant){.quotas = &p->quotas, .answer = member_answer, .arg = m};
        if (w->signal)
            has_ended(m, 0);
        else
            start(m);
    }
    worker_run_while(w, &p->going);
    if (!p->status) service_stops(w);
    if (p->stops > 1) {
        signal(w->signal, SIG_DFL);
        raise(w->signal);
    }
    w->told_to_stop = NULL;
    w->reload = NULL;
    w->members = NULL;
    clock_cancel(&w->net.clock, &p->reported);
    int status = p->status;
    quotas_clear(&p->quotas);
    free(p);
    return status;
}

/* ---- in a worker ---- */

struct pool_place pool_join(void) {
    struct pool_place place = {0};
    const char *text = getenv(PLACE);
    char *end;
    unsigned long index = text ? strtoul(text, &end, 10) : 0;
    if (index == 0 || index > POOL_MOST || *end != ' ') return place;
    place.index = (unsigned)index;
    place.pool = (pid_t)strtol(end, &end, 10);
    place.beat = (int)strtol(end, NULL, 10);
    place.reports = REPORTS_FD;
    fcntl(REPORTS_FD, F_SETFD, FD_CLOEXEC);
    fcntl(REPORTS_FD, F_SETFL, O_NONBLOCK); /* a pool that does not read misses reports */
    unsetenv(PLACE);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != place.pool) exit(1); /* the pool is gone already */
#endif
    return place;
}

void pool_want_summary(const struct worker *w) {
    if (w->pool) reports_send(w->pool_reports, REPORT_SUMMARY);
}

void pool_report(const struct worker *w, bool took_over) {
    enum report report = took_over ? REPORT_TOOK_OVER : REPORT_FAILED;
    if (w->pool && !reports_send(w->pool_reports, report)) log_line(LOG_DEBUG, "the pool does not hear of a reload");
}

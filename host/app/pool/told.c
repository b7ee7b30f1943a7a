/* told: what workers tell their pool: how their reloads went, what they claim, that they are ready and live. */
#include "app/pool/members.h"

#include "app/control/summary.h"
#include "app/service.h"
#include "base/container_of.h"
#include "base/log.h"
#include <unistd.h>

/* ---- how reloads went ---- */

enum { REPORTS_WITHIN = 15 }; /* seconds: a script has ten to load */

/* "1, 3 and 4" */
static void put_members(struct buf *line, const struct pool *p, enum report report) {
    unsigned left = 0, first = 1;
    for (unsigned i = 0; i < p->count; i++) left += p->members[i].report == report;
    buf_printf(line, "worker%s ", &"s"[left == 1]);
    for (unsigned i = 0; i < p->count; i++) {
        if (p->members[i].report != report) continue;
        buf_printf(line, "%s%u", first ? "" : left == 1 ? " and " : ", ", p->members[i].index);
        first = 0;
        left--;
    }
}

/* Each worker has reported its own result; reports where they differ. */
static void tell_reports(struct pool *p) {
    unsigned took_over = 0, failed = 0;
    for (unsigned i = 0; i < p->count; i++) {
        took_over += p->members[i].report == REPORT_TOOK_OVER;
        failed += p->members[i].report == REPORT_FAILED;
    }
    if (took_over && failed) {
        struct buf line;
        buf_init(&line, 64 * 1024);
        buf_append(&line, slice_str("reload failed in "));
        put_members(&line, p, REPORT_FAILED);
        buf_append(&line, slice_str("; "));
        put_members(&line, p, REPORT_TOOK_OVER);
        log_line(LOG_ERROR, "%.*s took over", SLICE_ARGS(buf_slice(&line)));
        buf_clear(&line);
    }
    for (unsigned i = 0; i < p->count; i++) p->members[i].report = REPORT_NONE;
    clock_cancel(&p->worker->net.clock, &p->reported);
    service_reloaded(p->worker);
}

static void on_reports_late(struct deadline *d) { tell_reports(container_of(d, struct pool, reported)); }

void pool_await_reports(struct pool *p) {
    struct clock *clock = &p->worker->net.clock;
    if (!clock_is_set(&p->reported))
        clock_set(clock, &p->reported, clock_now(clock) + REPORTS_WITHIN * CLOCK_SECOND, on_reports_late);
}

static bool all_reported(const struct pool *p) {
    for (unsigned i = 0; i < p->count; i++)
        if (p->members[i].running && p->members[i].report == REPORT_NONE) return false;
    return true;
}

static void take_reload(struct member *m, enum report report) {
    struct pool *p = m->pool;
    if (m->report != REPORT_NONE) tell_reports(p); /* the worker has had another reload meanwhile */
    m->report = report;
    if (all_reported(p))
        tell_reports(p);
    else
        pool_await_reports(p);
}

/* ---- what workers report ---- */

void member_answer(void *arg, uint64_t id, bool met) {
    reports_answer((uv_stream_t *)&((struct member *)arg)->pipe, (struct answer){id, met});
}

static void take_claim(struct member *m, enum report report, struct slice text) {
    struct quota_want want;
    uint64_t id;
    bool claims = report == REPORT_CLAIM;
    if (!m->running || !reports_read_claim(text, &id, claims ? &want : NULL)) return;
    if (claims)
        claimant_claim(&m->claims, id, &want);
    else
        claimant_drop(&m->claims, id);
}

static void take_report(struct member *m, enum report report, struct slice text) {
    struct worker *w = m->pool->worker;
    switch (report) {
    case REPORT_NONE: break;
    case REPORT_SUMMARY: w->wants_summary = true; break;
    case REPORT_COUNTED:
        summary_add(w, m->index, text);
        m->counted = true;
        break;
    case REPORT_TOOK_OVER:
    case REPORT_FAILED: take_reload(m, report); break;
    case REPORT_READY: m->ready = true; break;
    case REPORT_ALIVE: m->alive = clock_now(&w->net.clock); break;
    case REPORT_CLAIM:
    case REPORT_DROP: take_claim(m, report, text); break;
    case REPORT_BEGAN:
        service_reloads(w);
        pool_await_reports(m->pool);
        break;
    }
}

static void take_reports(struct member *m, struct slice bytes) {
    struct slice text;
    reports_add(&m->reports, bytes);
    for (enum report report; (report = reports_next(&m->reports, &text));) take_report(m, report, text);
}

static void on_room(uv_handle_t *pipe, size_t wanted, uv_buf_t *room) {
    struct member *m = pipe->data;
    (void)wanted;
    *room = uv_buf_init(m->pool->bytes, READ_SIZE);
}

static void on_read(uv_stream_t *pipe, ssize_t n, const uv_buf_t *bytes) {
    if (n > 0) take_reports(pipe->data, slice_of(bytes->base, (size_t)n));
    if (n < 0) uv_read_stop(pipe);
}

void member_listen(struct member *m) { uv_read_start((uv_stream_t *)&m->pipe, on_room, on_read); }

/* Not up to the end of the pipe: what the worker has started may have its descriptor. */
void member_read_rest(struct member *m) {
    uv_os_fd_t fd;
    ssize_t n;
    char *bytes = m->pool->bytes;
    uv_read_stop((uv_stream_t *)&m->pipe);
    if (uv_fileno((uv_handle_t *)&m->pipe, &fd) != 0) return;
    for (int most = REPORT_TEXT_MOST / READ_SIZE + 2; most > 0; most--) {
        if ((n = read(fd, bytes, READ_SIZE)) <= 0) return;
        take_reports(m, slice_of(bytes, (size_t)n));
    }
}

/* ---- what a service manager wants to know ---- */

bool pool_is_ready(const struct worker *w) {
    bool any = false;
    for (unsigned i = 0; i < w->members->count; i++) {
        const struct member *m = &w->members->members[i];
        if (m->running && !m->ready) return false;
        any |= m->ready; /* also one that has ended, and does not come back */
    }
    return any;
}

bool pool_turns(const struct worker *w, uint64_t within) {
    uint64_t now = clock_now(&w->net.clock);
    for (unsigned i = 0; i < w->members->count; i++) {
        const struct member *m = &w->members->members[i];
        if (m->running && now - m->alive > within) return false;
    }
    return true;
}

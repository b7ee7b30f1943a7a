/* generation: stage, then commit or throw away, and what is told of it. */
#include "app/generation.h"

#include "app/watch.h"
#include "base/log.h"
#include "base/reserve.h"
#include "script/l_host.h"
#include "script/reload.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The main chunk of a generation that came by a reload; it lives until that has ended. */
struct later {
    struct run run;
    struct chunk script;
    struct generations *generations;
    bool taken_over;
};

static void free_later(struct later *l) {
    free(l->run.error);
    free(l);
}

static void on_later_end(struct chunk *script, enum task_end how) {
    struct later *l = (struct later *)((char *)script - offsetof(struct later, script));
    if (!l->taken_over) return; /* its maker sees to it */
    bool failed = how == TASK_FAILED || !l->run.ok;
    if (failed && !l->generations->watch) { /* with --watch the next save may mend it */
        l->run.worker->status = 1;
        l->run.worker->over = true;
    }
    free_later(l);
}

/* Runs the script in the staged engine until it ends or waits. False where it failed; then l->run.error says why. */
static bool stage_script(struct later *l, const struct interpreter_options *o) {
    bool ok = interpreter_prepare(&l->run, o, &l->script);
    if (ok) {
        l->script.ended = on_later_end;
        chunk_start(&l->script);
        ok = l->run.ok;
    }
    if (l->run.engine->exited) {
        ok = false;
        if (!l->run.error) l->run.error = strdup("os.exit was called");
    }
    if (!ok && !l->run.error) l->run.error = strdup("not enough memory");
    return ok;
}

/* A script begins in the folder that the program was started in, wherever the last one went. -1: there is no going to
 * it. */
static int this_folder(void) { return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

static void go_to(int folder) {
    if (folder >= 0 && fchdir(folder) != 0) log_line(LOG_WARN, "reload: the folder is gone that wsbot was started in");
}

static void leave(int folder) {
    if (folder >= 0) close(folder);
}

static void tell_failure(const char *why) {
    log_report(stderr, LOG_ERROR, "reload failed, the old code goes on: %s", why);
}

static void take_over(struct generations *g, struct engine *next, uint64_t began) {
    struct worker *w = g->worker;
    struct engine *last = w->engine;
    struct buf report;
    buf_init(&report, 4096);
    w->engine = next;
    engine_set_watchdog(next, next->main, NULL); /* which was that of a staged script */
    reload_commit(last, next, &report);
    worker_handle_signals(w, true);
    log_line(LOG_INFO, "reload %llu: %.*s (%.1f ms)", (unsigned long long)next->reloads, SLICE_ARGS(buf_slice(&report)),
             (double)(uv_hrtime() - began) / 1e6);
    buf_clear(&report);
    if (next->stops) worker_stop(w, next->stop_status);
    if (next->asks) worker_reload(w);
}

static void reload(void *arg) {
    struct generations *g = arg;
    struct engine *last = g->worker->engine;
    uint64_t began = uv_hrtime();
    char *why = NULL;
    struct engine *next = reload_stage(last, &why);
    if (!next) {
        tell_failure(why);
        free(why);
        return;
    }
    struct later *l = reserve_take(sizeof *l);
    *l = (struct later){.run = {.worker = g->worker, .engine = next}, .generations = g};
    int here = this_folder();
    go_to(g->folder);
    worker_stage(g->worker, next);
    bool ok = stage_script(l, g->options);
    worker_stage(g->worker, NULL);
    ok = ok && reload_match(last, next, &l->run.error);
    if (ok) l_host_call_on_reload(last);
    if (g->watch) watch_loaded(g->watch, next->files, !ok); /* where it failed, a save of any of them may mend it */
    if (!ok) {
        go_to(here);
        reload_abandon(next);
        worker_handle_signals(g->worker, true);
        if (l->run.error) tell_failure(l->run.error);
        free_later(l);
        leave(here);
        return;
    }
    leave(here);
    l->taken_over = true;
    if (!l->script.running) free_later(l);
    take_over(g, next, began);
}

int generations_open(struct generations *g, struct worker *w, const struct interpreter_options *o, bool watch,
                     struct fault *fault) {
    *g = (struct generations){.worker = w, .options = o, .folder = -1};
    if (!interpreter_script(o) || o->interactive) {
        if (!watch) return 0;
        fault_put(fault, "watch", "--watch needs a script that is a file");
        return ERR_SYSTEM;
    }
    if (watch) g->watch = watch_open(w);
    g->folder = this_folder();
    w->reload = reload;
    w->reload_arg = g;
    worker_handle_signals(w, false);
    return 0;
}

void generations_close(struct generations *g) {
    if (g->watch) watch_close(g->watch);
    leave(g->folder);
    g->watch = NULL;
    g->folder = -1;
    g->worker->reload = NULL;
    clock_cancel(&g->worker->net.clock, &g->worker->reload_due);
}

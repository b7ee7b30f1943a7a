/* generation: stages the next generation, commits it or throws it away, and reports that. */
#include "app/generation.h"

#include "app/pool/pool.h"
#include "app/service.h"
#include "app/watch.h"
#include "base/container_of.h"
#include "base/log.h"
#include "base/reserve.h"
#include "base/trace.h"
#include "script/l_host.h"
#include "script/reload.h"
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RELOAD_TRACE(g, ...) TRACE(TRACE_RELOAD, &(g)->subject, __VA_ARGS__)

/* "reload 2, +0.012 s" */
static void put_subject(const struct trace_subject *s, struct buf *line) {
    const struct generations *g = container_of(s, struct generations, subject);
    buf_printf(line, "%llu, +%.3f s", (unsigned long long)g->attempt.number,
               (double)(uv_hrtime() - g->attempt.began) / 1e9);
}

/* ---- a trial ---- */

static void begin_trial(struct generations *g) {
    uint64_t now = uv_hrtime();
    bool is_new = !g->worker->goes_back && g->how->trial > 0;
    g->trial = is_new ? (struct trial){now, now + (uint64_t)(g->how->trial * CLOCK_SECOND), 0} : (struct trial){0};
}

static bool is_on_trial(const struct generations *g) { return g->trial.ends > uv_hrtime(); }

/* Ends a trial that has failed: the sources before the reload come back. */
static void fail_trial(struct generations *g, const char *what) {
    log_line(LOG_ERROR, "trial: %s within %.1f s of the reload: the sources before it come back", what,
             (double)(uv_hrtime() - g->trial.began) / 1e9);
    g->trial = (struct trial){0};
    worker_back(g->worker, "trial");
}

/* Counts an error in a callback, a task or a timer of a generation on trial. */
static void on_erred(void *arg) {
    struct generations *g = arg;
    char what[64];
    bool counts = is_on_trial(g) && !g->worker->staged;
    if (!counts || ++g->trial.errors <= g->how->trial_errors) return;
    snprintf(what, sizeof what, "%u error%s", g->trial.errors, &"s"[g->trial.errors == 1]);
    fail_trial(g, what);
}

void generations_await_save(struct generations *g) {
    const struct engine_file *files = g->worker->engine->files;
    g->failed = true;
    if (g->worker->stopping) return;
    log_line(LOG_INFO, "waiting for a save of %s%s", interpreter_script(g->options),
             files && files->next ? ", or of another file that it loaded" : "");
}

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
    struct later *l = container_of(script, struct later, script);
    if (!l->taken_over) return; /* the reload that has made it sees to it */
    bool failed = how == TASK_FAILED || !l->run.ok;
    if (failed && is_on_trial(l->generations)) {
        fail_trial(l->generations, "the main chunk failed");
    } else if (failed && l->generations->watch) {
        generations_await_save(l->generations);
    } else if (failed) {
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

bool generation_load(struct worker *w, struct engine *next, const struct interpreter_options *o, char **why) {
    struct later *l = reserve_take(sizeof *l);
    *l = (struct later){.run = {.worker = w, .engine = next}};
    worker_stage(w, next);
    bool ok = stage_script(l, o);
    worker_stage(w, NULL);
    if (l->script.running) task_cancel(l->script.task);
    *why = l->run.error;
    l->run.error = NULL;
    free_later(l);
    return ok;
}

/* Opens the folder that the program was started in: each generation's script begins there, wherever an earlier one has
 * changed to. -1: it cannot be opened. */
static int this_folder(void) { return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

static void go_to(int folder) {
    if (folder >= 0 && fchdir(folder) != 0) log_line(LOG_WARN, "reload: the folder is gone that wsbot was started in");
}

static void leave(int folder) {
    if (folder >= 0) close(folder);
}

/* A path as people know it: from where the program was started. */
static const char *name_of(const struct generations *g, const char *path) {
    size_t n = g->folder_name ? strlen(g->folder_name) : 0;
    return n && strncmp(path, g->folder_name, n) == 0 ? path + n : path;
}

static void tell_failure(const struct worker *w, const char *why) {
    if (w->engine->place.workers > 1)
        log_report(stderr, LOG_ERROR, "reload failed in worker %u, the old code goes on: %s", w->engine->place.worker,
                   why);
    else
        log_report(stderr, LOG_ERROR, "reload failed, the old code goes on: %s", why);
}

/* ---- half a save ---- */

enum {
    AGAIN_LEAST = 15,  /* milliseconds until a reload is tried again that has met a half saved file; they double, */
    AGAIN_MOST = 120,  /* up to these */
    TELLS_AFTER = 1,   /* seconds after which it is reported that it waits */
    MISSING_MOST = 1,  /* seconds in which a file that is missing is taken for half a save */
    CHANGES_MOST = 10, /* seconds in which a file may change each time that it is loaded */
};

static bool lasts(const struct generations *g, unsigned seconds) {
    return uv_hrtime() - g->attempt.began >= seconds * CLOCK_SECOND;
}

static void begin_again(struct generations *g, const struct engine_file *file, const char *why) {
    struct attempt *a = &g->attempt;
    if (a->holds) reload_hold(g->worker->engine, a->holds = false);
    uint64_t delay = a->tries < 3 ? AGAIN_LEAST << a->tries : AGAIN_MOST;
    a->tries++;
    RELOAD_TRACE(g, "waits for %s, which %s: begins again in %u ms", name_of(g, file->path), why, (unsigned)delay);
    if (!a->told && lasts(g, TELLS_AFTER)) {
        log_line(LOG_WARN, "reload: it waits for %s, which %s", name_of(g, file->path), why);
        a->told = true;
    }
    worker_reload_after(g->worker, delay * CLOCK_MS);
}

/* ---- one reload ---- */

static void begin_attempt(struct generations *g, uint64_t now) {
    const struct worker *w = g->worker;
    if (g->attempt.began) return;
    g->attempt.began = now;
    g->attempt.number = w->engine->reloads + 1;
    service_reloads(g->worker);
    RELOAD_TRACE(g, "asked for by %s%s", name_of(g, w->reload_cause ? w->reload_cause : "?"),
                 w->goes_back ? ", to the sources before" : "");
}

static void end_attempt(struct generations *g) {
    if (g->attempt.holds) reload_hold(g->worker->engine, false);
    free(g->worker->reload_cause);
    g->worker->reload_cause = NULL;
    g->worker->goes_back = false;
    g->worker->past = g->past.count;
    g->attempt = (struct attempt){0};
    service_reloaded(g->worker);
}

/* Keeps what has become of the reload that began then. */
static void note(struct generations *g, bool ok, struct slice report, uint64_t began) {
    struct worker *w = g->worker;
    struct history_entry entry = {.generation = g->attempt.number,
                                  .time = clock_wall(&w->net.clock),
                                  .took = clock_to_seconds(uv_hrtime() - began),
                                  .ok = ok};
    history_add(&w->history, entry, name_of(g, w->reload_cause ? w->reload_cause : "?"), report);
}

/* Reports a generation that has taken over. */
static void tell(struct generations *g, struct slice report, uint64_t began) {
    const struct worker *w = g->worker;
    char place[32] = "";
    if (w->engine->place.workers > 1) snprintf(place, sizeof place, ", worker %u", w->engine->place.worker);
    note(g, true, report, began);
    log_line(LOG_INFO, "reload %llu: %.*s (%s%s, %.1f ms)", (unsigned long long)w->engine->reloads, SLICE_ARGS(report),
             name_of(g, w->reload_cause ? w->reload_cause : "?"), place, (double)(uv_hrtime() - began) / 1e6);
}

static void fail(struct generations *g, const char *why) {
    RELOAD_TRACE(g, "failed: %.*s", (int)strcspn(why, "\n"), why);
    tell_failure(g->worker, why);
    note(g, false, slice_str(why), g->attempt.began);
    if (g->failed) generations_await_save(g);
    end_attempt(g);
    pool_report(g->worker, false);
}

/* The file that may be half saved, and why; NULL: none. */
static const struct engine_file *torn(struct generations *g, const struct engine *next, bool ok, const char **why) {
    const struct engine_file *file = loader_torn(next, why);
    if (file || ok || lasts(g, MISSING_MOST)) return file;
    *why = "is missing";
    return loader_missing(g->worker->engine);
}

/* To be called when the script of `next` was loaded, or failed to load. Where that may be for a half saved file, the
 * reload is thrown away without a report, and begins again: true. */
static bool begins_again(struct generations *g, const struct engine *next, bool ok) {
    const char *why, *unsaved;
    const struct engine_file *file = torn(g, next, ok, &why);
    if (!file) return false;
    if (lasts(g, CHANGES_MOST) && !loader_unsaved(next, &unsaved)) {
        char text[PATH_MAX + 100];
        snprintf(text, sizeof text, "%s changes each time that it is loaded", name_of(g, file->path));
        fail(g, text);
    } else {
        begin_again(g, file, why);
    }
    return true;
}

void generation_watch_also(struct engine *e, const struct reload_options *how) {
    glob_t found;
    for (int i = 0; i < ALSO_MOST && how->also[i]; i++) {
        if (glob(how->also[i], 0, NULL, &found) != 0) continue;
        for (size_t k = 0; k < found.gl_pathc; k++) loader_watch(e, found.gl_pathv[k]);
        globfree(&found);
    }
}

/* Loads the script in the staged engine, in the folder that the program was started in. */
static bool load(struct generations *g, struct later *l) {
    go_to(g->folder);
    generation_watch_also(l->run.engine, g->how);
    worker_stage(g->worker, l->run.engine);
    bool ok = stage_script(l, g->options);
    worker_stage(g->worker, NULL);
    RELOAD_TRACE(g, "the script %s", !ok ? "failed in it" : l->script.running ? "waits in it" : "has run in it");
    return ok;
}

/* Do callbacks or tasks still wait, and is there time for them to finish? */
static bool gives_grace(struct generations *g, uint64_t now) {
    enum { LOOK_EVERY = 5 }; /* milliseconds */
    struct attempt *a = &g->attempt;
    struct engine *e = g->worker->engine;
    if (!a->holds) a->grace_ends = now + (uint64_t)(g->how->grace * CLOCK_SECOND);
    if (now >= a->grace_ends || !reload_is_awaited(e)) return false;
    if (!a->holds) RELOAD_TRACE(g, "callbacks and tasks that wait may finish, for %g s at most", g->how->grace);
    a->holds = true;
    reload_hold(e, true);
    worker_reload_after(g->worker, LOOK_EVERY * CLOCK_MS);
    return true;
}

/* A reload that is under way. */
struct step {
    struct generations *g;
    struct later *later;
    bool goes_back; /* to the sources of the generation before */
    bool again;     /* it has met a half saved file */
};

static bool load_next(void *arg, struct engine *next, char **why) {
    struct step *s = arg;
    RELOAD_TRACE(s->g, "the next generation is made, with what host.state has");
    if (s->goes_back) next->past = past_pop(&s->g->past);
    s->later = reserve_take(sizeof *s->later);
    *s->later = (struct later){.run = {.worker = s->g->worker, .engine = next}, .generations = s->g};
    bool ok = load(s->g, s->later);
    s->again = !s->goes_back && begins_again(s->g, next, ok);
    *why = s->later->run.error;
    s->later->run.error = NULL;
    return ok && !s->again;
}

static bool judge_next(void *arg, struct engine *next, bool ok, char **why) {
    struct step *s = arg;
    (void)why;
    if (s->g->watch && !s->again) watch_loaded(s->g->watch, next->files, !ok); /* saving any may mend what failed */
    if (ok) return true;
    past_push(&s->g->past, next->past);
    next->past = NULL;
    return false;
}

static void use_next(void *arg, struct engine *next) {
    struct step *s = arg;
    struct engine *last = s->g->worker->engine;
    s->g->worker->engine = next;
    s->g->failed = false;
    engine_set_watchdog(next, next->main, NULL); /* removes the one of a staged script */
    if (!s->goes_back) past_push(&s->g->past, loader_take_files(last));
    begin_trial(s->g);
    s->later->taken_over = true;
    if (!s->later->script.running) free_later(s->later);
}

static void run_reload(struct generations *g) {
    static const struct reload_way way = {load_next, judge_next, use_next};
    struct step s = {.g = g, .goes_back = g->worker->goes_back};
    struct buf report;
    char *why = NULL;
    uint64_t began = uv_hrtime();
    int here = this_folder();
    buf_init(&report, 4096);
    bool ok = reload_run(g->worker->engine, &way, &s, &report, &why);
    RELOAD_TRACE(g, ok ? "it has taken over, and the last generation is closed" : "the next generation is thrown away");
    if (!ok) go_to(here);
    leave(here);
    if (ok) worker_trim_memory(g->worker);
    worker_handle_signals(g->worker, true);
    if (ok) {
        tell(g, buf_slice(&report), began);
        end_attempt(g);
        pool_report(g->worker, true);
        reload_follow(g->worker->engine);
    } else {
        if (s.later) free_later(s.later);
        if (!s.again) fail(g, why ? why : "not enough memory");
    }
    buf_clear(&report);
    free(why);
}

static void reload(void *arg) {
    struct generations *g = arg;
    uint64_t now = uv_hrtime();
    if (g->worker->stopping) {
        end_attempt(g);
        return;
    }
    const char *unsaved;
    begin_attempt(g, now);
    const struct engine_file *file = g->worker->goes_back ? NULL : loader_unsaved(g->worker->engine, &unsaved);
    if (file) {
        begin_again(g, file, unsaved);
        return;
    }
    if (!gives_grace(g, now)) run_reload(g);
}

/* The path of the folder that the program was started in, with a / behind it; NULL: it is unknown. */
static char *folder_name(void) {
    char path[PATH_MAX];
    size_t n = sizeof path - 1;
    if (uv_cwd(path, &n) != 0) return NULL;
    if (n > 1) memcpy(path + n, "/", 2); /* the root has it already */
    return reserve_copy(path);
}

int generations_open(struct generations *g, struct worker *w, const struct interpreter_options *o, bool watch,
                     const struct reload_options *how, struct fault *fault) {
    *g = (struct generations){.worker = w, .options = o, .how = how, .folder = -1, .subject = {.put = put_subject}};
    if (!interpreter_script(o) || o->interactive) {
        if (!watch) return 0;
        fault_put(fault, FAULT_WATCH, "--watch needs a script that is a file");
        return ERR_SYSTEM;
    }
    if (watch) {
        generation_watch_also(w->engine, how);
        g->watch = watch_open(w, how->also);
    }
    g->folder = this_folder();
    g->folder_name = folder_name();
    w->reload = reload;
    w->erred = on_erred;
    w->reload_arg = g;
    worker_handle_signals(w, false);
    return 0;
}

void generations_close(struct generations *g) {
    if (g->watch) watch_close(g->watch);
    leave(g->folder);
    free(g->folder_name);
    past_clear(&g->past);
    g->folder_name = NULL;
    g->watch = NULL;
    g->folder = -1;
    g->worker->reload = NULL;
    g->worker->erred = NULL;
    clock_cancel(&g->worker->net.clock, &g->worker->reload_due);
}

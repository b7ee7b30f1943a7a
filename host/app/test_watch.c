/* test_watch: runs the tests, waits, runs them again. While a run is under way nothing is watched: a file that was
 * saved meanwhile is found when the run has ended, by comparing each file with its mark from when it was loaded. */
#include "app/test_watch.h"

#include "app/keys.h"
#include "app/test_notes.h"
#include "app/watch.h"
#include "base/reserve.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_watch {
    struct worker worker;
    int argc, first; /* the command line of a run: that of this program without --watch */
    char **argv;
    const char *const *also; /* patterns of --watch-also */
    char program[4096];
    uv_process_t run;
    bool running;
    struct test_notes notes;
    struct keys keys;
    struct watch *watch; /* NULL while a run is under way */
};

/* ---- wait ---- */

static void wait_for_save(struct test_watch *t) {
    t->watch = watch_open(&t->worker, t->also);
    watch_loaded(t->watch, t->notes.files, false);
    keys_begin(&t->keys);
    fprintf(stderr, "wsbot test: waiting for a save (%s)\n",
            t->keys.has_terminal ? "a: all, f: failed, Enter: the same, q: end" : "Ctrl-C ends");
}

static void stop_waiting(struct test_watch *t) {
    keys_end(&t->keys);
    if (t->watch) watch_close(t->watch);
    t->watch = NULL;
}

static void end(struct test_watch *t, int status) {
    t->worker.status = status;
    t->worker.over = true;
}

static void on_run_end(uv_process_t *run, int64_t status, int signal) {
    struct test_watch *t = run->data;
    t->running = false;
    uv_close((uv_handle_t *)run, NULL);
    bool any = test_notes_end(&t->notes, status == 0 && signal == 0);
    if (t->worker.signal) return;
    if (signal) fprintf(stderr, "wsbot test: the run was ended by signal %d (%s)\n", signal, strsignal(signal));
    if (any)
        wait_for_save(t);
    else
        end(t, signal ? 1 : (int)status); /* no save will mend that */
}

/* ---- run ---- */

/* The command line of a run. It names the spec files that are not to run, so that busted still finds new ones. To be
 * freed by the caller. */
static char **words_of_run(const struct test_watch *t) {
    size_t count = (size_t)t->argc + 1;
    for (const struct spec *s = t->notes.specs; s; s = s->next) count += s->runs ? 0 : 2;
    char **words = reserve_take(count * sizeof *words), **at = words;
    for (int i = 0; i <= t->argc; i++) {
        for (struct spec *s = i == t->first ? t->notes.specs : NULL; s; s = s->next) {
            if (s->runs) continue;
            *at++ = "--skip";
            *at++ = s->name;
        }
        *at++ = t->argv[i];
    }
    return words;
}

static int start_run(struct test_watch *t) {
    uv_stdio_container_t stdio[TEST_NOTES_FD + 1];
    int rc = test_notes_begin(&t->notes);
    if (rc < 0) return rc;
    for (int i = 0; i <= TEST_NOTES_FD; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = i < TEST_NOTES_FD ? i : fileno(t->notes.shared);
    }
    char **words = words_of_run(t);
    uv_process_options_t options = {
        .file = t->program, .args = words, .exit_cb = on_run_end, .stdio = stdio, .stdio_count = TEST_NOTES_FD + 1};
    t->run.data = t;
    rc = uv_spawn(&t->worker.loop, &t->run, &options);
    t->running = rc == 0;
    free(words);
    if (rc != 0) uv_close((uv_handle_t *)&t->run, NULL);
    return rc;
}

/* Runs the chosen spec files. */
static void run(struct test_watch *t) {
    stop_waiting(t);
    int rc = start_run(t);
    if (rc == 0) return;
    fprintf(stderr, "wsbot test: cannot start %s: %s\n", t->program, uv_strerror(rc));
    end(t, 1);
}

static void on_save(void *arg) {
    struct test_watch *t = arg;
    if (t->running) return;            /* a key has started a run already */
    test_notes_choose_none(&t->notes); /* but what the save affects */
    run(t);
}

static void on_key(void *arg, char key) {
    struct test_watch *t = arg;
    switch (key) {
    case 'a':
        test_notes_choose_all(&t->notes);
        run(t);
        break;
    case 'f':
        if (test_notes_choose_failed(&t->notes))
            run(t);
        else
            fputs("wsbot test: no spec file failed when it last ran\n", stderr);
        break;
    case '\r':
    case '\n': run(t); break;
    case 'q':
    case 4: /* Ctrl-D */ end(t, 0); break;
    default: break;
    }
}

static void end_run(struct test_watch *t) {
    if (!t->running) return;
    int signal = t->worker.signal ? (int)t->worker.signal : SIGTERM;
    if (!t->worker.by_terminal) uv_process_kill(&t->run, signal);
    while (t->running) uv_run(&t->worker.loop, UV_RUN_ONCE);
}

/* ---- all of it ---- */

/* Copies the command line, without --watch. */
static void take_words(struct test_watch *t, int argc, char **argv) {
    bool options = true;
    t->argv = reserve_take(((size_t)argc + 1) * sizeof *t->argv);
    for (int i = 0; i < argc; i++) {
        if (i >= t->first && strcmp(argv[i], "--") == 0) options = false;
        if (i < t->first || !options || strcmp(argv[i], "--watch") != 0) t->argv[t->argc++] = argv[i];
    }
}

int test_watch(int argc, char **argv, const struct cli_options *options) {
    struct test_watch t = {.first = options->first, .also = options->reload.also};
    size_t size = sizeof t.program;
    int rc = uv_exepath(t.program, &size); /* asked now: this path also finds a program that is built anew later */
    if (rc < 0) {
        fprintf(stderr, "wsbot test: tests cannot be started: the path of this program is not known: %s\n",
                uv_strerror(rc));
        return 1;
    }
    take_words(&t, argc, argv);
    test_notes_pass_on(true);
    worker_open(&t.worker, false, false);
    t.worker.reload = on_save; /* only for the watch: SIGHUP ends us, as the terminal means it */
    t.worker.reload_arg = &t;
    keys_open(&t.keys, &t.worker.loop, on_key, &t);
    run(&t);
    worker_run(&t.worker);
    end_run(&t);
    stop_waiting(&t);
    keys_close(&t.keys);
    test_notes_clear(&t.notes);
    worker_close(&t.worker);
    free(t.argv);
    return t.worker.status;
}

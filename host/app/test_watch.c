/* test_watch: run, wait, run. While a run is under way nothing is watched: what was saved meanwhile is found when it
 * has ended, by comparing each file with what it was when it was loaded. */
#include "app/test_watch.h"

#include "app/watch.h"
#include "base/reserve.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* In the environment of a run: the descriptor of its notes. A note is a struct file_mark and a path with its '\0'. */
#define NOTES "WSBOT_NOTES"

enum { NOTES_FD = 3 };

/* What a run has loaded. */
struct noted {
    bool now;  /* the last run has, and not only one before it */
    bool ours; /* it was written in that run before it was loaded: by a test, as far as one can tell */
    struct engine_file file;
};

struct test_watch {
    struct worker worker;
    char **words; /* the command line of a run */
    char program[4096];
    uv_process_t run;
    bool running;
    struct timespec began;     /* the last run, by the clock that files are marked with */
    FILE *notes;               /* of the run that is under way */
    struct engine_file *files; /* each is that of a struct noted */
    struct watch *watch;       /* NULL while a run is under way */
};

/* ---- what was loaded ---- */

static struct noted *noted_of(struct engine_file *f) {
    return (struct noted *)((char *)f - offsetof(struct noted, file));
}

static void note(struct test_watch *t, const struct file_mark *mark, const char *path) {
    struct engine_file **at = &t->files;
    while (*at && strcmp((*at)->path, path) != 0) at = &(*at)->next;
    if (!*at) {
        struct noted *n = reserve_take(sizeof *n + strlen(path) + 1);
        memcpy(n->file.path, path, strlen(path) + 1);
        *at = &n->file;
    }
    struct noted *n = noted_of(*at);
    if (n->now) return; /* it was loaded twice: what changed in between counts */
    n->now = true;
    n->file.mark = *mark;
    n->ours = mark->written.tv_sec > t->began.tv_sec ||
              (mark->written.tv_sec == t->began.tv_sec && mark->written.tv_nsec > t->began.tv_nsec);
}

/* Reads the notes of a run that has ended. True: there are some. */
static bool read_notes(struct test_watch *t) {
    struct file_mark mark;
    char *path = NULL;
    size_t size = 0;
    bool any = false;
    rewind(t->notes);
    while (fread(&mark, sizeof mark, 1, t->notes) == 1 && getdelim(&path, &size, '\0', t->notes) > 1) {
        note(t, &mark, path);
        any = true;
    }
    free(path);
    fclose(t->notes);
    t->notes = NULL;
    return any;
}

static void forget_unless(struct test_watch *t, bool (*keeps)(struct noted *n)) {
    for (struct engine_file **at = &t->files; *at;) {
        struct engine_file *f = *at;
        if (keeps && keeps(noted_of(f))) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        free(noted_of(f));
    }
}

static bool is_of_last_run(struct noted *n) { return n->now; }
static bool may_mend(struct noted *n) { return n->now || !n->ours; }

/* ---- run and wait ---- */

static void wait_for_save(struct test_watch *t) {
    fprintf(stderr, "wsbot test: waiting for a save (Ctrl-C ends)\n");
    t->watch = watch_open(&t->worker);
    watch_loaded(t->watch, t->files, false);
}

static void on_run_end(uv_process_t *run, int64_t status, int signal) {
    struct test_watch *t = run->data;
    t->running = false;
    uv_close((uv_handle_t *)run, NULL);
    bool any = read_notes(t);
    if (t->worker.signal) return;
    if (signal) fprintf(stderr, "wsbot test: the run was ended by signal %d (%s)\n", signal, strsignal(signal));
    if (!any) { /* no save will mend that */
        t->worker.status = signal ? 1 : (int)status;
        t->worker.over = true;
        return;
    }
    /* where it failed, a file may mend it that it did not come to load, but another run did */
    forget_unless(t, status == 0 && signal == 0 ? is_of_last_run : may_mend);
    for (struct engine_file *f = t->files; f; f = f->next) /* else tests that write Lua files would run for ever */
        if (noted_of(f)->ours) f->mark = watch_mark(f->path);
    wait_for_save(t);
}

static int start_run(struct test_watch *t) {
    uv_stdio_container_t stdio[NOTES_FD + 1];
    t->notes = tmpfile();
    if (!t->notes) return uv_translate_sys_error(errno);
    for (int i = 0; i <= NOTES_FD; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = i < NOTES_FD ? i : fileno(t->notes);
    }
    for (struct engine_file *f = t->files; f; f = f->next) {
        f->mark = watch_mark(f->path);
        noted_of(f)->now = false;
    }
    struct stat now;
    if (fstat(fileno(t->notes), &now) == 0) t->began = now.st_mtim;
    uv_process_options_t options = {
        .file = t->program, .args = t->words, .exit_cb = on_run_end, .stdio = stdio, .stdio_count = NOTES_FD + 1};
    t->run.data = t;
    int rc = uv_spawn(&t->worker.loop, &t->run, &options);
    t->running = rc == 0;
    if (rc == 0) return 0;
    uv_close((uv_handle_t *)&t->run, NULL);
    fclose(t->notes);
    return rc;
}

/* There was a save, or it all begins. */
static void run_tests(void *arg) {
    struct test_watch *t = arg;
    if (t->watch) watch_close(t->watch);
    t->watch = NULL;
    int rc = start_run(t);
    if (rc == 0) return;
    fprintf(stderr, "wsbot test: cannot start %s: %s\n", t->program, uv_strerror(rc));
    t->worker.status = 1;
    t->worker.over = true;
}

static void end_run(struct test_watch *t) {
    if (!t->running) return;
    int signal = t->worker.signal ? (int)t->worker.signal : SIGTERM;
    if (!t->worker.by_terminal) uv_process_kill(&t->run, signal);
    while (t->running) uv_run(&t->worker.loop, UV_RUN_ONCE);
}

static char **words_of_run(int argc, char **argv, int first) {
    char **words = reserve_take(((size_t)argc + 1) * sizeof *words), **at = words;
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (i >= first && strcmp(argv[i], "--") == 0) options = false;
        if (i < first || !options || strcmp(argv[i], "--watch") != 0) *at++ = argv[i];
    }
    return words;
}

int test_watch(int argc, char **argv, int first) {
    struct test_watch t = {.words = words_of_run(argc, argv, first)};
    size_t size = sizeof t.program;
    char fd[16];
    snprintf(fd, sizeof fd, "%d", NOTES_FD);
    setenv(NOTES, fd, 1);
    int rc = uv_exepath(t.program, &size); /* now: a program that is built anew meanwhile is found by this as well */
    if (rc < 0) {
        fprintf(stderr, "wsbot test: tests cannot be started: the path of this program is not known: %s\n",
                uv_strerror(rc));
        free(t.words);
        return 1;
    }
    worker_open(&t.worker, false, false);
    t.worker.reload = run_tests; /* only for the watch: SIGHUP ends us, as the terminal means it */
    t.worker.reload_arg = &t;
    run_tests(&t);
    worker_run(&t.worker);
    end_run(&t);
    if (t.watch) watch_close(t.watch);
    forget_unless(&t, NULL);
    worker_close(&t.worker);
    free(t.words);
    return t.worker.status;
}

/* ---- in a run ---- */

static void tell(int fd, const struct file_mark *mark, const char *path) {
    struct file_mark copy = *mark;
    char *text = (char *)path;
    struct iovec parts[] = {{&copy, sizeof copy}, {text, strlen(path) + 1}};
    if (writev(fd, parts, 2) < 0) return; /* then nobody is there to be told */
}

static void on_noted(void *arg, const struct engine_file *file) {
    static const char spec[] = "_spec.lua"; /* busted looks for these, where it is told nothing else */
    int fd = (int)(intptr_t)arg;
    tell(fd, &file->mark, file->path);
    size_t n = strlen(file->path), end = sizeof spec - 1;
    if (n < end || strcmp(file->path + n - end, spec) != 0) return;
    char *folder = reserve_copy(file->path); /* there may soon be another spec beside it */
    strrchr(folder, '/')[1] = '\0';
    struct file_mark mark = watch_mark(folder);
    tell(fd, &mark, folder);
    free(folder);
}

void test_watch_tell(struct worker *w) {
    const char *text = getenv(NOTES);
    int fd = text ? atoi(text) : 0;
    unsetenv(NOTES);
    if (fd != NOTES_FD || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return;
    w->noted = on_noted;
    w->noted_arg = (void *)(intptr_t)fd;
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody would end a run that never ends */
#endif
}

/* test_notes: a note is a struct note, the path of a file with its '\0', and the name of a spec file with its '\0'. */
#include "app/test_notes.h"

#include "app/watch.h"
#include "base/container_of.h"
#include "base/reserve.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* In the environment of a run: the descriptor of its notes. */
#define NOTES "WSBOT_NOTES"

struct note {
    struct file_mark mark;
    bool passed; /* of a spec file that has come to its end, without a failure; then the path is empty */
};

/* Says that a file was loaded for a spec file. */
struct use {
    struct use *next;
    struct spec *spec;
    bool now; /* in its last run, and not only in one before */
};

struct noted {
    bool now;  /* it was loaded in the last run */
    bool ours; /* it was written in that run before it was loaded: by a test, as far as one can tell */
    struct use *uses;
    struct engine_file file;
};

static struct noted *noted_of(struct engine_file *f) { return container_of(f, struct noted, file); }

static bool is_for_all(const struct spec *s) { return s->name[0] == '\0'; }

/* ---- spec files and files ---- */

static struct spec *spec_of(struct test_notes *n, const char *name) {
    struct spec **at = &n->specs;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    if (*at) return *at;
    struct spec *s = *at = reserve_take(sizeof *s + strlen(name) + 1);
    strcpy(s->name, name);
    s->runs = true;
    return s;
}

static struct noted *file_of(struct test_notes *n, const char *path) {
    struct engine_file **at = &n->files;
    while (*at && strcmp((*at)->path, path) != 0) at = &(*at)->next;
    if (*at) return noted_of(*at);
    struct noted *f = reserve_take(sizeof *f + strlen(path) + 1);
    strcpy(f->file.path, path);
    *at = &f->file;
    return f;
}

static void use(struct noted *f, struct spec *s) {
    struct use **at = &f->uses;
    while (*at && (*at)->spec != s) at = &(*at)->next;
    if (!*at) *at = reserve_take(sizeof **at);
    (*at)->spec = s;
    (*at)->now = true;
}

static bool is_later(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

static void take(struct test_notes *n, const struct note *note, const char *path, const char *name) {
    struct spec *s = spec_of(n, name);
    s->runs = s->noted = true;
    if (!*path) {
        s->passed = note->passed;
        return;
    }
    struct noted *f = file_of(n, path);
    use(f, s);
    if (f->now) return; /* it was loaded twice: what changed in between counts */
    f->now = true;
    f->file.mark = note->mark;
    f->ours = is_later(&note->mark.written, &n->began);
}

/* ---- what is to run ---- */

static unsigned choose(struct test_notes *n, bool (*chooses)(const struct spec *s)) {
    unsigned count = 0;
    for (struct spec *s = n->specs; s; s = s->next) {
        s->runs = is_for_all(s) || !chooses || chooses(s);
        count += s->runs && !is_for_all(s);
    }
    return count;
}

static bool has_failed(const struct spec *s) { return !s->passed; }
static bool is_none(const struct spec *s) { return (void)s, false; }

void test_notes_choose_all(struct test_notes *n) { choose(n, NULL); }

bool test_notes_choose_failed(struct test_notes *n) { return choose(n, has_failed) > 0; }

void test_notes_choose_none(struct test_notes *n) { choose(n, is_none); }

static bool was_saved(const struct engine_file *f) {
    struct file_mark now = watch_mark(f->path);
    if (file_mark_equal(&now, &f->mark)) return false;
    return !f->mark.content || !file_mark_holds(&f->mark, f->path);
}

static bool is_folder(const struct engine_file *f) { return f->path[strlen(f->path) - 1] == '/'; }

/* Chooses the spec files that use a file which has changed. In a folder, a file is new or gone: new spec files are
 * found by busted, and those that failed may have wanted that file. */
static void choose_users(struct test_notes *n, struct engine_file *f) {
    for (struct use *u = noted_of(f)->uses; u; u = u->next) {
        if (is_for_all(u->spec))
            test_notes_choose_all(n);
        else if (!is_folder(f) || has_failed(u->spec))
            u->spec->runs = true;
    }
}

/* ---- a run ---- */

int test_notes_begin(struct test_notes *n) {
    struct stat now;
    for (struct engine_file *f = n->files; f; f = f->next) {
        if (!was_saved(f)) continue;
        choose_users(n, f);
        f->mark = watch_mark(f->path);
    }
    n->shared = tmpfile();
    if (!n->shared) return uv_translate_sys_error(errno);
    fcntl(fileno(n->shared), F_SETFD, FD_CLOEXEC);
    fcntl(fileno(n->shared), F_SETFL, O_APPEND);
    if (fstat(fileno(n->shared), &now) == 0) n->began = file_mark_of(&now).written;
    for (struct spec *s = n->specs; s; s = s->next) {
        s->noted = false;
        if (s->runs) s->passed = false;
    }
    for (struct engine_file *f = n->files; f; f = f->next) {
        noted_of(f)->now = false;
        for (struct use *u = noted_of(f)->uses; u; u = u->next) u->now = u->now && !u->spec->runs;
    }
    return 0;
}

static bool read_notes(struct test_notes *n) {
    struct note note;
    char *path = NULL, *name = NULL;
    size_t path_size = 0, name_size = 0;
    bool any = false;
    rewind(n->shared);
    while (fread(&note, sizeof note, 1, n->shared) == 1 && getdelim(&path, &path_size, '\0', n->shared) > 0 &&
           getdelim(&name, &name_size, '\0', n->shared) > 0) {
        take(n, &note, path, name);
        any = true;
    }
    free(path);
    free(name);
    fclose(n->shared);
    n->shared = NULL;
    return any;
}

/* Must a file still be watched for a spec file? Also where the spec file failed before it loaded the file, which it did
 * load in an earlier run: saving that file may mend it. */
static bool is_needed(const struct noted *f, const struct use *u) {
    if (u->now || !u->spec->runs) return true;
    return !u->spec->passed && !f->ours;
}

static void forget_uses(struct noted *f, const struct spec *gone) {
    for (struct use **at = &f->uses; *at;) {
        struct use *u = *at;
        if (u->spec != gone && is_needed(f, u)) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        free(u);
    }
}

static void forget_files(struct test_notes *n, const struct spec *gone) {
    for (struct engine_file **at = &n->files; *at;) {
        struct noted *f = noted_of(*at);
        forget_uses(f, gone);
        if (f->uses) {
            at = &(*at)->next;
            continue;
        }
        *at = f->file.next;
        free(f);
    }
}

/* Forgets the spec files that were to run and were not found. */
static void forget_specs(struct test_notes *n) {
    for (struct spec **at = &n->specs; *at;) {
        struct spec *s = *at;
        if (s->noted || !s->runs || is_for_all(s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        forget_files(n, s);
        free(s);
    }
}

bool test_notes_end(struct test_notes *n, bool ok) {
    bool any = read_notes(n);
    spec_of(n, "")->passed = ok;
    if (ok) forget_specs(n);
    forget_files(n, NULL);
    for (struct engine_file *f = n->files; f; f = f->next) /* else tests that write Lua files would run for ever */
        if (noted_of(f)->now && noted_of(f)->ours) f->mark = watch_mark(f->path);
    return any;
}

void test_notes_clear(struct test_notes *n) {
    while (n->specs) {
        struct spec *s = n->specs;
        n->specs = s->next;
        forget_files(n, s);
        free(s);
    }
    if (n->shared) fclose(n->shared);
    *n = (struct test_notes){0};
}

/* ---- in a run ---- */

void test_notes_pass_on(bool on) {
    char fd[16];
    snprintf(fd, sizeof fd, "%d", TEST_NOTES_FD);
    if (on)
        setenv(NOTES, fd, 1);
    else
        unsetenv(NOTES);
}

void teller_open(struct teller *t) {
    const char *text = getenv(NOTES);
    int fd = text ? atoi(text) : 0;
    unsetenv(NOTES);
    *t = (struct teller){0};
    if (fd == TEST_NOTES_FD && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) t->fd = fd;
}

static void tell(const struct teller *t, const struct note *note, const char *path, const char *name) {
    struct note copy = *note;
    char *words[] = {(char *)path, (char *)name};
    struct iovec parts[] = {{&copy, sizeof copy}, {words[0], strlen(words[0]) + 1}, {words[1], strlen(words[1]) + 1}};
    if (t->fd && writev(t->fd, parts, 3) < 0) return; /* then the process that watches is gone */
}

void teller_note(struct teller *t, const struct engine_file *file) {
    tell(t, &(struct note){.mark = file->mark}, file->path, t->spec);
}

/* Notes the folder of the spec file, as another one may appear there. */
static void note_folder(struct teller *t) {
    char folder[PATH_MAX];
    if (!t->fd || !realpath(t->spec, folder)) return;
    strrchr(folder, '/')[1] = '\0';
    tell(t, &(struct note){.mark = watch_mark(folder)}, folder, t->spec);
}

void teller_set_spec(struct teller *t, const char *name) {
    snprintf(t->spec, sizeof t->spec, "%s", name);
    if (*name) note_folder(t);
}

void teller_end_spec(struct teller *t, const char *name, bool passed) {
    tell(t, &(struct note){.passed = passed}, "", name);
}

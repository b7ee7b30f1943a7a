/* watch: libuv says when something has happened in a folder; then the files themselves are compared. */
#include "app/watch.h"

#include "app/generation.h"
#include "base/container_of.h"
#include "base/reserve.h"
#include "script/loader.h"
#include <dirent.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    QUIET = 15,        /* milliseconds without a change, after which a file counts as saved */
    LOOK_EVERY = 1000, /* milliseconds between two looks at all files, for changes without an event */
    EMPTY_MOST = 1000, /* milliseconds in which an empty file, or one that is missing, is taken for half a save */
};

struct folder {
    struct folder *next;
    uv_fs_event_t event;
    struct watch *watch;
    bool stale; /* not wanted any more */
    char path[];
};

struct file {
    struct file *next;
    struct file_mark loaded, seen; /* as it was when it was loaded, and when it was last looked at */
    uint64_t since;                /* when `seen` was first seen */
    char path[];
};

struct watch {
    struct worker *worker;
    struct file *files;
    struct folder *folders;
    struct deadline look;
    char *also[ALSO_MOST + 1]; /* patterns, absolute; then NULL */
    bool closed;
};

/* ---- folders ---- */

static void look_in(struct watch *w, uint64_t ms);

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
    struct folder *f = event->data;
    (void)name;
    (void)events;
    (void)status;
    if (!f->watch->closed) look_in(f->watch, 0);
}

static void on_folder_closed(uv_handle_t *handle) { free(handle->data); }

/* Listens to a folder (uv_fs_event_t); where that is not possible, its files are looked at once a second. */
static void listen_to(struct watch *w, const char *path, size_t n) {
    if (n == 0) n = 1; /* the root */
    for (struct folder *f = w->folders; f; f = f->next) {
        if (strlen(f->path) != n || memcmp(f->path, path, n) != 0) continue;
        f->stale = false;
        return;
    }
    struct folder *f = calloc(1, sizeof *f + n + 1);
    if (!f || uv_fs_event_init(&w->worker->loop, &f->event) != 0) {
        free(f);
        return;
    }
    memcpy(f->path, path, n);
    f->watch = w;
    f->event.data = f;
    uv_fs_event_start(&f->event, on_event, f->path, 0);
    uv_unref((uv_handle_t *)&f->event);
    f->next = w->folders;
    w->folders = f;
}

/* Listens to the folder of a file; where the file is a symbolic link, also to those of its target and of all links on
 * the way. */
static void listen_for(struct watch *w, const char *path) {
    char real[PATH_MAX], part[PATH_MAX];
    struct stat s;
    snprintf(part, sizeof part, "%s", path);
    listen_to(w, path, (size_t)(strrchr(path, '/') - path));
    if (realpath(path, real)) listen_to(w, real, (size_t)(strrchr(real, '/') - real));
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash) *slash = '\0';
        if (lstat(part, &s) == 0 && S_ISLNK(s.st_mode)) listen_to(w, part, (size_t)(strrchr(part, '/') - part));
        if (!slash) break;
        *slash = '/';
    }
}

static void close_folder(struct folder *f) { uv_close((uv_handle_t *)&f->event, on_folder_closed); }

/* Listens to all folders anew, since links may point elsewhere and folders may be new. */
static void renew_folders(struct watch *w, bool all) {
    for (struct folder *f = w->folders; f; f = f->next) f->stale = true;
    if (all) { /* a folder may have been replaced by one of the same name */
        while (w->folders) {
            struct folder *f = w->folders;
            w->folders = f->next;
            close_folder(f);
        }
    }
    for (struct file *f = w->files; f; f = f->next) listen_for(w, f->path);
    for (struct folder **at = &w->folders; *at;) {
        struct folder *f = *at;
        if (!f->stale) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        close_folder(f);
    }
}

/* ---- files ---- */

/* A hash of the names of the Lua files in a folder, whatever their order. Hidden files are what editors keep while they
 * work. */
static uint64_t hash_names(DIR *folder) {
    uint64_t sum = 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        size_t n = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || n < 4 || strcmp(entry->d_name + n - 4, ".lua") != 0) continue;
        uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
        for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)entry->d_name[i]) * 0x100000001b3;
        sum += hash;
    }
    return sum;
}

struct file_mark watch_mark(const char *path) {
    struct file_mark mark = {0};
    if (path[strlen(path) - 1] != '/') return file_mark_at(path);
    DIR *folder = opendir(path);
    if (!folder) return mark;
    mark.inode = file_mark_at(path).inode;
    mark.size = hash_names(folder) | 1; /* never that of an empty file */
    closedir(folder);
    return mark;
}

static bool is_nothing(const struct file_mark *m) { return m->size == 0; }

/* Looks at a file. Returns how many milliseconds it must still be quiet until its change counts; 0: it counts now; -1:
 * the file is as it was loaded, whoever may read it by now. */
static int64_t look_at(struct file *f, uint64_t now) {
    struct file_mark mark = watch_mark(f->path);
    if (!file_mark_equal(&mark, &f->seen)) {
        f->seen = mark;
        f->since = now;
    }
    if (file_mark_equal(&mark, &f->loaded)) return -1;
    if (f->loaded.content && file_mark_holds(&f->loaded, f->path)) {
        f->loaded.changed = mark.changed;
        return -1;
    }
    int64_t quiet = (int64_t)((now - f->since) / CLOCK_MS), due = is_nothing(&mark) ? EMPTY_MOST : QUIET;
    return quiet >= due ? 0 : due - quiet;
}

static struct file *find(struct watch *w, const char *path) {
    struct file *f = w->files;
    while (f && strcmp(f->path, path) != 0) f = f->next;
    return f;
}

static void add(struct watch *w, const char *path, struct file_mark mark) {
    size_t size = strlen(path) + 1;
    struct file *f = reserve_take(sizeof *f + size);
    memcpy(f->path, path, size);
    f->loaded = f->seen = mark;
    f->next = w->files;
    w->files = f;
}

/* Adds files that match a pattern and did not exist when the running generation was loaded. */
static void add_matching(struct watch *w) {
    static const struct file_mark nothing = {0};
    glob_t found;
    for (int i = 0; w->also[i]; i++) {
        if (glob(w->also[i], 0, NULL, &found) != 0) continue;
        for (size_t k = 0; k < found.gl_pathc; k++)
            if (!find(w, found.gl_pathv[k])) add(w, found.gl_pathv[k], nothing);
        globfree(&found);
    }
}

/* Adds what the running generation has loaded meanwhile. */
static void add_new(struct watch *w) {
    bool any = false;
    if (!w->worker->engine) return;
    for (const struct engine_file *file = w->worker->engine->files; file; file = file->next) {
        if (find(w, file->path)) continue;
        add(w, file->path, file->mark);
        any = true;
    }
    if (any) renew_folders(w, false);
}

static void on_look(struct deadline *d) {
    struct watch *w = container_of(d, struct watch, look);
    uint64_t now = uv_hrtime();
    add_new(w);
    add_matching(w);
    int64_t next = -1;
    const struct file *saved = NULL;
    bool missing = false;
    for (struct file *f = w->files; f; f = f->next) {
        int64_t ms = look_at(f, now);
        if (ms == 0) {
            bool gone = is_nothing(&f->seen) && f->seen.inode == 0;
            missing = missing || gone;
            if (!gone && !saved) saved = f; /* a file that is gone cannot be loaded: it is waited for */
        }
        if (ms > 0 && (next < 0 || ms < next)) next = ms;
    }
    if (saved && next < 0) {
        for (struct file *f = w->files; f; f = f->next) f->loaded = f->seen;
        worker_reload(w->worker, saved->path);
        renew_folders(w, true);
    } else if (missing) {
        renew_folders(w, true);
    }
    look_in(w, next < 0 ? LOOK_EVERY : (uint64_t)next);
}

static void look_in(struct watch *w, uint64_t ms) {
    clock_set(&w->worker->net.clock, &w->look, clock_now(&w->worker->net.clock) + ms * CLOCK_MS, on_look);
}

/* ---- life ---- */

struct watch *watch_open(struct worker *worker, const char *const *also) {
    struct watch *w = reserve_take(sizeof *w);
    char whole[PATH_MAX];
    w->worker = worker;
    for (int i = 0; i < ALSO_MOST && also[i]; i++)
        w->also[i] = reserve_copy(loader_absolute(also[i], whole) ? whole : also[i]);
    look_in(w, 0);
    return w;
}

static void forget_files(struct watch *w) {
    while (w->files) {
        struct file *f = w->files;
        w->files = f->next;
        free(f);
    }
}

void watch_loaded(struct watch *w, const struct engine_file *files, bool besides) {
    if (!besides) forget_files(w);
    for (; files; files = files->next) {
        struct file *f = find(w, files->path);
        if (f)
            f->loaded = f->seen = files->mark;
        else
            add(w, files->path, files->mark);
    }
    renew_folders(w, false);
    look_in(w, 0);
}

void watch_close(struct watch *w) {
    w->closed = true;
    clock_cancel(&w->worker->net.clock, &w->look);
    while (w->folders) {
        struct folder *f = w->folders;
        w->folders = f->next;
        close_folder(f);
    }
    forget_files(w);
    for (int i = 0; w->also[i]; i++) free(w->also[i]);
    free(w);
}

/* store: what is put goes from one batch to the next: `fresh` (the loop's), `waiting` (for the thread), `writing` (the
 * thread's, while that writes it). A batch has each name once. What cannot be written goes back to `waiting`, unless
 * something later waits there under the same name: so nothing is lost as long as the process lives. */
#include "base/store.h"

#include "base/log.h"
#include "base/reserve.h"
#include "base/store_file.h"
#include "base/thread_signals.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Something that was put; `bytes` are those of its name and, behind them, those that are kept under it. */
struct row {
    struct row *next;
    uint32_t hash;      /* of the name */
    size_t name, value; /* how many */
    uint8_t bytes[];
};

enum { FEW = 16 }; /* a power of 2 */

/* A row is in the list that its hash names. There are as many lists as rows call for, so that each is short. */
struct batch {
    struct row *few[FEW], **many; /* `many`, where it is not NULL, is in place of `few` */
    size_t size;                  /* of `many`, a power of 2 */
    size_t count;                 /* of rows */
};

struct store {
    char *path;             /* of the file */
    unsigned worker;        /* 0: neither reads nor writes */
    int folder;             /* open and locked; -1: somebody else has it for us */
    struct store_file file; /* the caller's, to read */
    struct batch fresh;
    bool told; /* that writing fails */
    void (*wake)(void *arg);
    void *wake_arg;
    atomic_bool has_news; /* for store_tend */
    pthread_t thread;
    pthread_mutex_t lock; /* for all below: */
    pthread_cond_t moved; /* there is something to write, all was written, or the thread has ended */
    struct batch waiting, writing;
    bool ending, gives_up, ended;
    struct timespec next_try; /* not before then; 0: at once */
    char why[256];            /* why the last try has failed; empty: it has not */
};

/* ---- batches ---- */

static struct slice name_of(const struct row *r) { return slice_of(r->bytes, r->name); }
static struct slice value_of(const struct row *r) { return slice_of(r->bytes + r->name, r->value); }

static uint32_t hash_of(struct slice name) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < name.n; i++) h = (h ^ name.p[i]) * 16777619u;
    return h;
}

static struct row **lists(struct batch *b) { return b->many ? b->many : b->few; }
static size_t lists_of(const struct batch *b) { return b->many ? b->size : FEW; }

static struct row **find(struct batch *b, struct slice name, uint32_t hash) {
    struct row **at = &lists(b)[hash & (lists_of(b) - 1)];
    while (*at && !((*at)->hash == hash && slice_eq(name_of(*at), name))) at = &(*at)->next;
    return at;
}

static void push(struct row **list, struct row *r) {
    r->next = *list;
    *list = r;
}

/* Without memory for more lists they become longer. */
static void grow(struct batch *b) {
    size_t before = lists_of(b), size = 4 * before;
    struct row **from = lists(b), **to = calloc(size, sizeof *to);
    if (!to) return;
    for (size_t i = 0; i < before; i++) {
        for (struct row *r = from[i], *next; r; r = next) {
            next = r->next;
            push(&to[r->hash & (size - 1)], r);
        }
    }
    free(b->many);
    b->many = to;
    b->size = size;
}

/* Adds a row, which is the batch's from now on. Where the name is there, the later one stays. */
static void add(struct batch *b, struct row *r, bool is_later) {
    struct row **at = find(b, name_of(r), r->hash), *old = *at;
    if (old && !is_later) {
        free(r);
        return;
    }
    r->next = old ? old->next : NULL;
    *at = r;
    b->count += !old;
    free(old);
    if (b->count > 2 * lists_of(b)) grow(b);
}

/* Empties `from`. `is_later`: what is in it was put after what is in `to`. The rows of the smaller one are moved. */
static void move(struct batch *to, struct batch *from, bool is_later) {
    if (from->count > to->count) {
        struct batch larger = *from;
        *from = *to;
        *to = larger;
        is_later = !is_later;
    }
    for (size_t i = 0; i < lists_of(from); i++) {
        for (struct row *r = lists(from)[i], *next; r; r = next) {
            next = r->next;
            add(to, r, is_later);
        }
    }
    free(from->many);
    *from = (struct batch){0};
}

static void clear(struct batch *b) {
    for (size_t i = 0; i < lists_of(b); i++) {
        for (struct row *r = lists(b)[i], *next; r; r = next) {
            next = r->next;
            free(r);
        }
    }
    free(b->many);
    *b = (struct batch){0};
}

/* ---- the thread ---- */

static int put_rows(struct store_file *f, struct batch *b) {
    int rc = SQLITE_OK;
    for (size_t i = 0; i < lists_of(b); i++)
        for (const struct row *r = lists(b)[i]; r && rc == SQLITE_OK; r = r->next)
            rc = store_file_put(f, name_of(r), value_of(r));
    return rc;
}

/* Writes all of them; `why` says why not, or is empty. */
static void write_batch(struct store *s, struct store_file *f, struct batch *b, char *why, size_t size) {
    struct fault fault = {0};
    why[0] = '\0';
    if (!f->db && store_file_open(f, s->path, s->worker, &fault) < 0) {
        snprintf(why, size, "%.*s", (int)size - 1, fault.text);
        return;
    }
    int rc = store_file_begin(f);
    if (rc == SQLITE_OK) rc = put_rows(f, b);
    if (rc == SQLITE_OK) rc = store_file_commit(f);
    if (rc == SQLITE_OK) return;
    store_file_why(f, why, size);
    store_file_abandon(f);
}

static struct timespec in_seconds(int seconds) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += seconds;
    return t;
}

/* The caller has the lock, which is released while something takes its time: who puts waits for that, too. */
static void write_waiting(struct store *s, struct store_file *f) {
    struct batch written = {0};
    char why[sizeof s->why];
    s->writing = s->waiting;
    s->waiting = (struct batch){0};
    pthread_mutex_unlock(&s->lock);
    write_batch(s, f, &s->writing, why, sizeof why);
    pthread_mutex_lock(&s->lock);
    bool is_news = (why[0] != '\0') != (s->why[0] != '\0');
    memcpy(s->why, why, sizeof why);
    s->next_try = why[0] ? in_seconds(STORE_TRY_EVERY) : (struct timespec){0};
    if (why[0])
        move(&s->waiting, &s->writing, false);
    else
        move(&written, &s->writing, true);
    if (is_news) atomic_store(&s->has_news, true);
    if (is_news && s->wake) s->wake(s->wake_arg);
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    clear(&written);
    pthread_mutex_lock(&s->lock);
}

static bool may_try(const struct store *s) {
    struct timespec now = in_seconds(0);
    return now.tv_sec != s->next_try.tv_sec ? now.tv_sec > s->next_try.tv_sec : now.tv_nsec >= s->next_try.tv_nsec;
}

static void *write_rows(void *arg) {
    struct store *s = arg;
    struct store_file file = {0};
    pthread_mutex_lock(&s->lock);
    while (!s->gives_up && !(s->ending && !s->waiting.count)) {
        if (s->waiting.count && may_try(s))
            write_waiting(s, &file);
        else if (s->waiting.count)
            pthread_cond_timedwait(&s->moved, &s->lock, &s->next_try);
        else
            pthread_cond_wait(&s->moved, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    store_file_close(&file);
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the caller ---- */

int store_lock(const struct store *s) { return s->folder; }

void store_wake(struct store *s, void (*wake)(void *arg), void *arg) {
    pthread_mutex_lock(&s->lock);
    s->wake = wake;
    s->wake_arg = arg;
    pthread_mutex_unlock(&s->lock);
}

static const struct row *find_unwritten(struct store *s, struct slice name) {
    struct batch *batches[] = {&s->fresh, &s->waiting, &s->writing};
    uint32_t hash = hash_of(name);
    for (int i = 0; i < 3; i++) {
        const struct row *r = *find(batches[i], name, hash);
        if (r) return r;
    }
    return NULL;
}

int store_get(struct store *s, struct slice name, struct buf *value, struct fault *fault) {
    pthread_mutex_lock(&s->lock);
    const struct row *r = find_unwritten(s, name);
    int rc = r ? buf_append(value, value_of(r)) : 0;
    pthread_mutex_unlock(&s->lock);
    if (rc < 0) fault_put(fault, FAULT_STATE, "--state: there is not enough memory");
    return rc < 0 ? rc : r ? 1 : store_file_get(&s->file, name, value, fault);
}

int store_put(struct store *s, struct slice name, struct slice value) {
    struct row *r = malloc(sizeof *r + name.n + value.n);
    if (!r) return ERR_NOMEM;
    r->hash = hash_of(name);
    r->name = name.n;
    r->value = value.n;
    if (name.n) memcpy(r->bytes, name.p, name.n);
    if (value.n) memcpy(r->bytes + name.n, value.p, value.n);
    add(&s->fresh, r, true);
    return 0;
}

void store_flush(struct store *s) {
    if (!s->fresh.count) return;
    pthread_mutex_lock(&s->lock);
    move(&s->waiting, &s->fresh, true);
    pthread_cond_broadcast(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

void store_tend(struct store *s) {
    char why[sizeof s->why];
    if (!atomic_exchange(&s->has_news, false)) return;
    pthread_mutex_lock(&s->lock);
    memcpy(why, s->why, sizeof why);
    pthread_mutex_unlock(&s->lock);
    if (why[0] && !s->told)
        log_line(LOG_ERROR, "state: cannot write %s: %s; it is kept in memory, and tried again every second", s->path,
                 why);
    else if (!why[0] && s->told)
        log_line(LOG_INFO, "state: %s is written again; nothing was lost", s->path);
    s->told = why[0] != '\0';
}

/* ---- the end ---- */

/* Waits until the thread has ended. Has it? The caller has the lock. */
static bool await_thread(struct store *s, int seconds) {
    struct timespec until = in_seconds(seconds);
    int rc = 0;
    while (rc == 0 && !s->ended) rc = pthread_cond_timedwait(&s->moved, &s->lock, &until);
    return s->ended;
}

static void free_store(struct store *s) {
    if (s->folder >= 0) close(s->folder);
    pthread_cond_destroy(&s->moved);
    pthread_mutex_destroy(&s->lock);
    clear(&s->fresh);
    clear(&s->waiting);
    free(s->path);
    free(s);
}

/* Ends the thread. False: it does not end, as the system does not answer it. */
static bool end_thread(struct store *s) {
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    s->next_try = (struct timespec){0};
    s->wake = NULL;
    pthread_cond_broadcast(&s->moved);
    bool ended = await_thread(s, STORE_END);
    if (!ended && s->writing.count == 0) {
        s->gives_up = true;
        pthread_cond_broadcast(&s->moved);
        ended = await_thread(s, 1);
    }
    size_t lost = s->waiting.count + s->writing.count;
    const char *why = s->why[0] ? s->why : "that took too long", *plural = lost == 1 ? "" : "s";
    if (lost)
        log_line(LOG_ERROR, "state: %zu name%s could not be written to %s: %s; what came after the last write is lost",
                 lost, plural, s->path, why);
    pthread_mutex_unlock(&s->lock);
    return ended;
}

void store_close(struct store *s) {
    store_file_close(&s->file); /* first: the last connection to a file tidies it up, and may be slow at it */
    if (s->worker) {
        store_flush(s);
        store_tend(s);
        if (!end_thread(s)) { /* the thread still uses it */
            pthread_detach(s->thread);
            return;
        }
        pthread_join(s->thread, NULL);
    }
    free_store(s);
}

/* ---- the beginning ---- */

static int open_folder(const char *path, struct fault *fault) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        fault_put(fault, FAULT_STATE, "--state: cannot make the folder %s: %s%s", path, strerror(errno),
                  errno == ENOENT ? " (the one that it is in must be there)" : "");
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fault_put(fault, FAULT_STATE, "--state: cannot open the folder %s: %s", path, strerror(errno));
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    if (errno == EWOULDBLOCK)
        fault_put(fault, FAULT_STATE, "--state: %s is in use: each program needs a folder of its own", path);
    else
        fault_put(fault, FAULT_STATE, "--state: cannot lock the folder %s: %s", path, strerror(errno));
    close(fd);
    return -1;
}

static int start_thread(struct store *s) {
    sigset_t blocked = thread_signals(), before;
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = pthread_create(&s->thread, NULL, write_rows, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static struct store *store_new(unsigned worker) {
    struct store *s = reserve_take(sizeof *s);
    pthread_condattr_t monotonic;
    *s = (struct store){.worker = worker, .folder = -1};
    pthread_mutex_init(&s->lock, NULL); /* these cannot fail */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

/* Names the file, wherever the script may change to. */
static int name_file(struct store *s, const char *folder, struct fault *fault) {
    char *whole = realpath(folder, NULL);
    size_t size = whole ? strlen(whole) + sizeof "/state.db" : 0;
    if (!whole) {
        fault_put(fault, FAULT_STATE, "--state: cannot open the folder %s: %s", folder, strerror(errno));
        return ERR_SYSTEM;
    }
    s->path = reserve_take(size);
    snprintf(s->path, size, "%s/state.db", whole);
    free(whole);
    return 0;
}

static int begin(struct store *s, const char *folder, bool locks, struct fault *fault) {
    if (locks && (s->folder = open_folder(folder, fault)) < 0) return ERR_SYSTEM;
    if (name_file(s, folder, fault) < 0) return ERR_SYSTEM;
    if (locks && store_file_make(s->path, fault) < 0) return ERR_SYSTEM;
    if (!s->worker) return 0;
    if (store_file_open(&s->file, s->path, s->worker, fault) < 0) return ERR_SYSTEM;
    int rc = start_thread(s);
    if (rc != 0) fault_put(fault, FAULT_STATE, "--state: no thread can be started for it: %s", strerror(rc));
    return rc == 0 ? 0 : ERR_SYSTEM;
}

struct store *store_open(const char *folder, unsigned worker, bool locks, struct fault *fault) {
    struct store *s = store_new(worker);
    if (begin(s, folder, locks, fault) == 0) return s;
    store_file_close(&s->file);
    free_store(s);
    return NULL;
}

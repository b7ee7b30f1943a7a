/* record_file: two buffers: one is filled by the loop, the other is the thread's while it writes. */
#include "net/conn/record_file.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/reserve.h"
#include "base/thread_signals.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64 * 1024 }; /* bytes in `fresh` after which the thread is given them */

struct record_file {
    int fd;
    bool unread; /* it is a FIFO that had no reader when it was opened */
    char *path;
    struct buf fresh; /* the loop's: lines that the thread does not know of yet */
    unsigned long long dropped;
    bool told; /* it was logged that the record has ended */
    pthread_t thread;
    pthread_mutex_t lock; /* for all below: */
    pthread_cond_t moved; /* there is something to write, or all was written */
    struct buf waiting;
    bool writing, ending;
    int error; /* errno of the write that failed; nothing is written any more */
};

/* ---- the thread ---- */

/* The caller has the lock, which is released for the time of the write. */
static void write_waiting(struct record_file *f) {
    struct buf lines;
    buf_init(&lines, SIZE_MAX);
    buf_swap(&lines, &f->waiting);
    f->writing = true;
    pthread_mutex_unlock(&f->lock);
    int error = file_write(f->fd, buf_slice(&lines));
    buf_clear(&lines);
    pthread_mutex_lock(&f->lock);
    f->writing = false;
    f->error = error;
    pthread_cond_broadcast(&f->moved);
}

static void *write_lines(void *arg) {
    struct record_file *f = arg;
    pthread_mutex_lock(&f->lock);
    while (!f->error && !(f->ending && !f->waiting.len)) {
        if (f->waiting.len)
            write_waiting(f);
        else
            pthread_cond_wait(&f->moved, &f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* ---- the loop ---- */

/* Gives the thread the lines in `fresh`, unless too much waits already. */
static void hand_over(struct record_file *f) {
    pthread_mutex_lock(&f->lock);
    if (f->error) buf_clear(&f->fresh);
    bool has_space = f->waiting.len < RECORD_WAITING_MOST;
    if (has_space && f->fresh.len && buf_append(&f->waiting, buf_slice(&f->fresh)) == 0) {
        buf_reset(&f->fresh, BATCH);
        pthread_cond_broadcast(&f->moved);
    }
    pthread_mutex_unlock(&f->lock);
}

static void tell_error(struct record_file *f) {
    pthread_mutex_lock(&f->lock);
    int error = f->error;
    pthread_mutex_unlock(&f->lock);
    if (!error || f->told) return;
    f->told = true;
    log_line(LOG_ERROR, "record: cannot write %s: %s; the record ends here", f->path, strerror(error));
}

void record_file_put(struct record_file *f, struct slice line) {
    if (f->fresh.len >= BATCH) hand_over(f);
    if (f->told) return;
    if (f->fresh.len < BATCH && buf_append(&f->fresh, line) == 0) return;
    if (f->dropped++ == 0)
        log_line(LOG_WARN, "record: %s is not written as fast as events come: lines are dropped", f->path);
}

static void tell_dropped(struct record_file *f) {
    log_line(LOG_WARN, "record: %llu lines were dropped, which are missing in %s", f->dropped, f->path);
    f->dropped = 0;
}

void record_file_flush(struct record_file *f) {
    if (f->fresh.len) hand_over(f);
    if (f->dropped && !f->fresh.len) tell_dropped(f);
    tell_error(f);
}

/* ---- the end ---- */

/* Waits until the thread has written all that waits. The caller has the lock. */
static void await_thread(struct record_file *f, const struct timespec *until) {
    int rc = 0;
    while (rc == 0 && !f->error && (f->writing || f->waiting.len))
        rc = pthread_cond_timedwait(&f->moved, &f->lock, until);
}

/* Is all of it written, or can it not be? */
static bool is_done(struct record_file *f) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RECORD_END;
    for (size_t before = SIZE_MAX; f->fresh.len < before;) {
        before = f->fresh.len;
        hand_over(f);
        pthread_mutex_lock(&f->lock);
        await_thread(f, &until);
        pthread_mutex_unlock(&f->lock);
    }
    pthread_mutex_lock(&f->lock);
    f->ending = true;
    pthread_cond_broadcast(&f->moved);
    bool done = f->error || !(f->writing || f->waiting.len || f->fresh.len);
    pthread_mutex_unlock(&f->lock);
    return done;
}

/* The bytes in a FIFO are lost when the last process closes it: are we the last? */
static bool close_unread(const struct record_file *f) {
    int left = 0;
    bool looks = f->unread && ioctl(f->fd, FIONREAD, &left) == 0 && left > 0;
    close(f->fd);
    if (!looks) return false;
    int reader = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (reader >= 0) close(reader);
    return reader < 0 && errno == ENXIO;
}

void record_file_close(struct record_file *f) {
    bool done = is_done(f);
    if (f->dropped) tell_dropped(f);
    tell_error(f);
    if (!done) { /* the thread still uses it */
        log_line(LOG_WARN, "record: %s was not written to its end: that took over %d s", f->path, RECORD_END);
        pthread_detach(f->thread);
        return;
    }
    pthread_join(f->thread, NULL);
    if (close_unread(f)) log_line(LOG_WARN, "record: nobody read %s to its end", f->path);
    pthread_cond_destroy(&f->moved);
    pthread_mutex_destroy(&f->lock);
    buf_clear(&f->fresh);
    buf_clear(&f->waiting);
    free(f->path);
    free(f);
}

/* ---- the beginning ---- */

/* A FIFO's reader is not waited for. */
static int open_fifo(const char *path, bool *unread) {
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO) {
        *unread = true;
        fd = open(path, O_RDWR | O_CLOEXEC);
    }
    if (fd >= 0) fcntl(fd, F_SETFL, 0); /* this open file is ours alone: the thread may block in it */
    return fd;
}

/* May the file be written over? Only a record or an empty file may: else a script would be lost that was given by
 * mistake as the name of the record. */
static bool may_be_lost(int fd, const struct stat *s) {
    static const char begins[] = "{\"record\":";
    char text[sizeof begins - 1];
    return s->st_size == 0 ||
           (pread(fd, text, sizeof text, 0) == sizeof text && memcmp(text, begins, sizeof text) == 0);
}

static int open_path(const char *path, bool *unread) {
    struct stat s;
    bool is_there = stat(path, &s) == 0;
    if (is_there && S_ISFIFO(s.st_mode)) return open_fifo(path, unread);
    bool is_file = !is_there || S_ISREG(s.st_mode);
    int fd = open(path, (is_file ? O_RDWR : O_WRONLY) | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0 || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode)) return fd;
    if (may_be_lost(fd, &s) && ftruncate(fd, 0) == 0) {
        fchmod(fd, 0600); /* that of a file that was there */
        return fd;
    }
    close(fd);
    errno = EEXIST;
    return -1;
}

/* SIGPIPE goes to the thread that writes. */
static int start_thread(struct record_file *f) {
    sigset_t blocked = thread_signals(), before;
    sigdelset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int rc = pthread_create(&f->thread, NULL, write_lines, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static struct record_file *record_file_new(int fd, const char *path) {
    struct record_file *f = reserve_take(sizeof *f);
    pthread_condattr_t monotonic;
    *f = (struct record_file){.fd = fd, .path = reserve_copy(path)};
    buf_init(&f->fresh, SIZE_MAX);
    buf_init(&f->waiting, SIZE_MAX);
    pthread_mutex_init(&f->lock, NULL); /* these cannot fail */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return f;
}

struct record_file *record_file_open(const char *path, struct fault *fault) {
    bool unread = false;
    int fd = open_path(path, &unread), rc = fd < 0 ? errno : 0;
    struct record_file *f = fd < 0 ? NULL : record_file_new(fd, path);
    if (f) {
        f->unread = unread;
        rc = start_thread(f);
    }
    if (rc == 0) return f;
    fault_put(fault, FAULT_RECORD, "record: cannot write %s: %s%s", path, f ? "no thread can be started for it: " : "",
              rc == EEXIST ? "this file is no record, and is not written over" : strerror(rc));
    if (!f) return NULL;
    close(fd);
    free(f->path);
    free(f);
    return NULL;
}

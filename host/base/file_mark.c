/* file_mark: stat, and where that cannot tell, the bytes. */
#include "base/file_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* The system stamps files by a clock that ticks so often at least: a file may be written twice with the same stamp. */
enum { TICK = 20 * 1000 * 1000 }; /* nanoseconds */

enum { CONTENT_MOST = 16 << 20 }; /* bytes that are looked at anew; a larger file has changed when its stamps have */

struct file_mark file_mark_of(const struct stat *s) {
    return (struct file_mark){.device = (uint64_t)s->st_dev,
                              .inode = (uint64_t)s->st_ino,
                              .size = (uint64_t)s->st_size,
                              .written = s->st_mtim,
                              .changed = s->st_ctim};
}

struct file_mark file_mark_at(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 ? file_mark_of(&s) : (struct file_mark){0};
}

static const uint64_t hash_begin = UINT64_C(0xCBF29CE484222325); /* FNV-1a */

static uint64_t hash_more(uint64_t hash, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint64_t hash_end(uint64_t hash) { return hash ? hash : 1; }

uint64_t file_mark_hash(const void *bytes, size_t n) { return hash_end(hash_more(hash_begin, bytes, n)); }

/* Of what lies there now; 0: it cannot be read. */
static uint64_t hash_of_file(const char *path) {
    uint8_t part[16 * 1024];
    uint64_t hash = hash_begin;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return 0;
    while ((n = read(fd, part, sizeof part)) > 0) hash = hash_more(hash, part, (size_t)n);
    close(fd);
    return n < 0 ? 0 : hash_end(hash);
}

struct file_mark file_mark_read(const char *path) {
    struct stat s;
    if (stat(path, &s) != 0) return (struct file_mark){0};
    struct file_mark mark = file_mark_of(&s);
    if (S_ISREG(s.st_mode) && mark.size <= CONTENT_MOST) mark.content = hash_of_file(path);
    return mark;
}

static bool same_time(const struct timespec *a, const struct timespec *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The same, but for when its owner, mode or name was changed. */
static bool same_file(const struct file_mark *a, const struct file_mark *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size && same_time(&a->written, &b->written);
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b) {
    return same_file(a, b) && same_time(&a->changed, &b->changed);
}

/* Was it written so lately that it may be written again with the same stamp? */
static bool is_fresh(const struct timespec *written) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)(now.tv_sec - written->tv_sec) * 1000000000 + (now.tv_nsec - written->tv_nsec);
    return age < TICK;
}

bool file_mark_holds(const struct file_mark *loaded, const char *path) {
    struct file_mark now = file_mark_at(path);
    if (!same_file(loaded, &now)) return false;
    bool same = same_time(&loaded->changed, &now.changed);
    if (!loaded->content || now.size > CONTENT_MOST || (same && !is_fresh(&now.changed))) return same;
    return hash_of_file(path) == loaded->content;
}

#ifdef F_SETLEASE
/* A lease for reading is not given while somebody may write. Whoever opens it for writing while we have one makes the
 * system signal us, by SIGURG, which does nothing where nobody handles it. */
bool file_is_being_written(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool is_written = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
    close(fd); /* which gives the lease back */
    return is_written;
}
#else
bool file_is_being_written(const char *path) {
    (void)path;
    return false;
}
#endif

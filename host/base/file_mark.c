/* file_mark: stat(2), and where its timestamps cannot tell, a hash of the content. */
#include "base/file_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* The system takes timestamps of files from a clock that ticks at least this often: two writes within a tick have the
 * same timestamp. */
enum { TICK = 20 * 1000 * 1000 }; /* nanoseconds */

enum { CONTENT_MOST = 16 << 20 }; /* bytes: a larger file has changed when its timestamps have */

#ifdef __APPLE__ /* which does not have POSIX's names for these */
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

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

/* The hash of the file's content now; 0: it cannot be read. */
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

/* The same file and content as far as stat(2) tells, without `changed`, which a new owner, mode or name changes as
 * well. */
static bool same_file(const struct file_mark *a, const struct file_mark *b) {
    return a->device == b->device && a->inode == b->inode && a->size == b->size && same_time(&a->written, &b->written);
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b) {
    return same_file(a, b) && same_time(&a->changed, &b->changed);
}

/* Was it written so lately that another write may have the same timestamp? */
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
/* The system refuses a read lease while a file is open for writing. A process that opens it for writing while we have
 * the lease makes the system send us a signal: SIGURG, which is ignored by default. */
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

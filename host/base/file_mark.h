/* file_mark: tells whether a file has changed, or another one has taken its path, since it was last looked at; and
 * whether it is open for writing. */
#ifndef BASE_FILE_MARK_H
#define BASE_FILE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct file_mark {
    uint64_t device, inode, size; /* all zero: there was no file */
    uint64_t content;             /* a hash of its bytes; 0: it was not read */
    struct timespec written, changed;
};

/* The mark of the file that is at `path` now, or that stat(2) or fstat(2) described; without its content. */
struct file_mark file_mark_at(const char *path);
struct file_mark file_mark_of(const struct stat *s);

/* The same with a hash of its content, where it is a regular file of at most 16 MiB. */
struct file_mark file_mark_read(const char *path);

/* A hash of bytes that is never 0. */
uint64_t file_mark_hash(const void *bytes, size_t n);

/* Is it the same file, with the same size, written and changed at the same time? */
bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);

/* Is the file at `path` still the one that `loaded` is the mark of? Another owner or mode does not count; where
 * timestamps cannot tell, the hash of its content does. */
bool file_mark_holds(const struct file_mark *loaded, const char *path);

/* Is the file open for writing in any process? Known by a lease (F_SETLEASE of fcntl(2)): on Linux, for files of our
 * own user; else false. */
bool file_is_being_written(const char *path);

#endif

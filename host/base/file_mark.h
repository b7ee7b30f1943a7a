/* file_mark: what tells a file from what it was before, and from another of the same path; and whether somebody is
 * about to write it. */
#ifndef BASE_FILE_MARK_H
#define BASE_FILE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct file_mark {
    uint64_t device, inode, size; /* all zero: there was none */
    uint64_t content;             /* a hash of its bytes; 0: it was not read */
    struct timespec written, changed;
};

/* The mark of the file that is there now, or that a descriptor leads to; not of its content. */
struct file_mark file_mark_at(const char *path);
struct file_mark file_mark_of(const struct stat *s);

/* The same with its content, where it is a plain file that is not very large. */
struct file_mark file_mark_read(const char *path);

/* A hash of bytes that is never 0. */
uint64_t file_mark_hash(const void *bytes, size_t n);

/* Is it the same file, with the same size, written and changed at the same time? */
bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);

/* Is what lies at `path` still what was read as `loaded`? Its owner or mode may be others; where times cannot tell, its
 * bytes are compared. */
bool file_mark_holds(const struct file_mark *loaded, const char *path);

/* Has somebody opened it for writing (fcntl's F_SETLEASE)? Asked of the system where that is Linux and the file is
 * ours, else false. */
bool file_is_being_written(const char *path);

#endif

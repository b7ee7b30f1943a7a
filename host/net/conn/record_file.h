/* record_file: the file of a record, written by a thread of its own: the loop waits neither for a slow disk nor for the
 * slow reader of a FIFO. */
#ifndef NET_CONN_RECORD_FILE_H
#define NET_CONN_RECORD_FILE_H

#include "base/err.h"
#include "base/slice.h"

enum {
    RECORD_WAITING_MOST = 16 << 20, /* bytes that may wait; beyond lines are dropped, and counted */
    RECORD_END = 5,                 /* seconds to write the last of them when the record ends */
};

struct record_file;

/* Begins a file; one that is there is written over. NULL with `fault` where it cannot be written. */
struct record_file *record_file_open(const char *path, struct fault *fault);

/* Adds a line, whole. It is written with the next record_file_flush, or before. */
void record_file_put(struct record_file *f, struct slice line);

/* Has what was put written, and tells of what went wrong. */
void record_file_flush(struct record_file *f);

/* Waits for the rest, RECORD_END at most, and tells what was lost. */
void record_file_close(struct record_file *f);

#endif

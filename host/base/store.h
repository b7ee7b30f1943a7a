/* store: names and the bytes that are kept under them, in one file of a folder, for the processes to come. It is
 * written by a thread of its own: whoever puts something waits for no disk. It knows neither loop nor Lua. */
#ifndef BASE_STORE_H
#define BASE_STORE_H

#include "base/buf.h"

enum {
    STORE_END = 5,       /* seconds to write what is left when the store is closed */
    STORE_TRY_EVERY = 1, /* seconds between two tries to write, where that fails */
};

struct store;

/* Opens the store of a folder, which is made where it is missing (but not the one that it is in). Workers of a pool
 * have one file, and rows of their own: `worker` counts from 1; 0 is for the pool itself, which neither puts nor gets.
 * `locks`: nobody else may have the folder (a pool has it for its workers), and its file is checked, or made. NULL with
 * `fault`: then what was there is as it was. */
struct store *store_open(const char *folder, unsigned worker, bool locks, struct fault *fault);

/* The descriptor that has the folder locked, as long as any process has it open; -1: there is none. */
int store_lock(const struct store *s);

/* Has `wake` called, by the store's thread, when store_tend has something to tell. */
void store_wake(struct store *s, void (*wake)(void *arg), void *arg);

/* Appends to `value` what was put last under `name`, by this process or one before it. 1, 0 where there is nothing, or
 * a negative enum err with `fault`. It may wait for the disk. */
int store_get(struct store *s, struct slice name, struct buf *value, struct fault *fault);

/* Keeps a copy of `value` under `name`, in place of what is there. 0 or ERR_NOMEM: then nothing has changed. */
int store_put(struct store *s, struct slice name, struct slice value);

/* Has what was put written: all of it or, where the process is killed meanwhile, nothing. */
void store_flush(struct store *s);

/* Tells, in the log, what became of writing: that it fails, and that it works again. */
void store_tend(struct store *s);

/* Flushes, waits until all is written, STORE_END at most, and tells what was lost. */
void store_close(struct store *s);

#endif

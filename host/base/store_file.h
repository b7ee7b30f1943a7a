/* store_file: the file of a store: an SQLite database, found or made, looked at, opened, read and written. Each
 * function blocks for as long as the disk takes. */
#ifndef BASE_STORE_FILE_H
#define BASE_STORE_FILE_H

#include "base/buf.h"
#include "base/sqlite.h"

enum {
    STORE_FILE_APPLICATION = 0x7762736f, /* "wbso": PRAGMA application_id of files that are ours */
    STORE_FILE_VERSION = 1,              /* of the schema: PRAGMA user_version */
    STORE_FILE_BUSY = 5000,              /* milliseconds in which another process may write */
};

/* A connection to it. */
struct store_file {
    const struct sqlite *sqlite;
    sqlite3 *db;       /* NULL: it is not open */
    sqlite3_stmt *put; /* made by the first store_file_put */
    const char *path;  /* the owner's */
    unsigned worker;   /* whose rows are meant */
};

/* Sees to it that there is a file of ours at `path`, whole and of this version: makes it where there is none. 0, or
 * ERR_SYSTEM with `fault`, which says what is there instead; then nothing of that was changed. */
int store_file_make(const char *path, struct fault *fault);

/* Opens what store_file_make has made. `path` is borrowed. 0, or ERR_SYSTEM with `fault`. */
int store_file_open(struct store_file *f, const char *path, unsigned worker, struct fault *fault);

/* Closes it; one that is not open stays so. */
void store_file_close(struct store_file *f);

/* Appends to `value` what is kept under `name`. 1, 0 where there is nothing, or a negative enum err with `fault`. */
int store_file_get(struct store_file *f, struct slice name, struct buf *value, struct fault *fault);

/* A group of puts: all of them are kept, or none is. SQLITE_OK, or what has failed (store_file_why tells,
 * until store_file_abandon). */
int store_file_begin(struct store_file *f);
int store_file_put(struct store_file *f, struct slice name, struct slice value);
int store_file_commit(struct store_file *f);
void store_file_abandon(struct store_file *f);

/* Why the last call failed: "database or disk is full", "disk I/O error (File too large)". */
void store_file_why(const struct store_file *f, char *why, size_t size);

#endif

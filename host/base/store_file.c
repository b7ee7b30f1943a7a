/* store_file: SQLite looks after what is written while the power fails or the process is killed; here is what we ask of
 * it. A file that is not ours, or not as we left it, is only looked at. */
#include "base/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE "CREATE TABLE state(worker INTEGER, name BLOB, value BLOB, PRIMARY KEY(worker, name)) WITHOUT ROWID"

static const char schema[] = "BEGIN IMMEDIATE;"
                             "PRAGMA application_id = 2002940783;" /* STORE_FILE_APPLICATION */
                             "PRAGMA user_version = 1;" TABLE ";"
                             "COMMIT";
_Static_assert(STORE_FILE_APPLICATION == 2002940783 && STORE_FILE_VERSION == 1, "as the schema says");

void store_file_why(const struct store_file *f, char *why, size_t size) {
    const struct sqlite *s = f->sqlite;
    int system = f->db ? s->system_errno(f->db) : 0, code = f->db ? s->errcode(f->db) & 0xff : SQLITE_NOMEM;
    bool by_system = system && (code == SQLITE_IOERR || code == SQLITE_CANTOPEN || code == SQLITE_FULL);
    const char *text = f->db ? s->errmsg(f->db) : s->errstr(code);
    if (by_system)
        snprintf(why, size, "%s (%s)", text, strerror(system));
    else
        snprintf(why, size, "%s", text);
}

/* ---- the file itself ---- */

/* Makes an empty file where there is none, for its owner's eyes: what SQLite makes beside it has the same mode. */
static int find_file(const char *path, struct fault *fault) {
    struct stat s, log;
    char log_path[4096];
    int fd = open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &s) != 0) {
        fault_put(fault, FAULT_STATE, "--state: cannot open %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return ERR_SYSTEM;
    }
    close(fd);
    snprintf(log_path, sizeof log_path, "%s-wal", path);
    if (!S_ISREG(s.st_mode))
        fault_put(fault, FAULT_STATE, "--state: %s is no regular file", path);
    else if (s.st_size == 0 && stat(log_path, &log) == 0 && log.st_size > 0) /* SQLite would throw that away */
        fault_put(fault, FAULT_STATE,
                  "--state: %s is damaged (it is empty, and %s is not): both were left as they are; move them away to "
                  "begin anew",
                  path, log_path);
    return fault_set(fault) ? ERR_SYSTEM : 0;
}

static int open_file(struct store_file *f, struct fault *fault) {
    char why[256];
    if (!(f->sqlite = sqlite_load(fault))) return ERR_SYSTEM;
    if (f->sqlite->open_v2(f->path, &f->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK) {
        f->sqlite->busy_timeout(f->db, STORE_FILE_BUSY);
        return 0;
    }
    store_file_why(f, why, sizeof why);
    fault_put(fault, FAULT_STATE, "--state: cannot open %s: %s", f->path, why);
    store_file_close(f);
    return ERR_SYSTEM;
}

/* ---- what is in it ---- */

/* Puts the first column of the first row that `sql` gives into `text`. SQLITE_ROW, or what has failed. */
static int ask(struct store_file *f, const char *sql, char *text, size_t size) {
    sqlite3_stmt *q = NULL;
    int rc = f->sqlite->prepare_v2(f->db, sql, -1, &q, NULL);
    if (rc == SQLITE_OK) rc = f->sqlite->step(q);
    const unsigned char *got = rc == SQLITE_ROW ? f->sqlite->column_text(q, 0) : NULL;
    snprintf(text, size, "%s", got ? (const char *)got : "");
    f->sqlite->finalize(q);
    return rc;
}

static int ask_number(struct store_file *f, const char *sql, long long *n) {
    char text[32];
    int rc = ask(f, sql, text, sizeof text);
    *n = 0;
    if (rc == SQLITE_ROW) sscanf(text, "%lld", n);
    return rc;
}

static int say_damaged(const struct store_file *f, const char *why, struct fault *fault) {
    fault_put(fault, FAULT_STATE,
              "--state: %s is damaged (%s): it was left as it is; move it away, with its -wal, to begin anew", f->path,
              why);
    return ERR_SYSTEM;
}

static int refuse(const struct store_file *f, int rc, struct fault *fault) {
    char why[256];
    int code = rc & 0xff;
    store_file_why(f, why, sizeof why);
    if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) return say_damaged(f, why, fault);
    fault_put(fault, FAULT_STATE, "--state: cannot read %s: %s", f->path, why);
    return ERR_SYSTEM;
}

/* Whose file is it? */
static int identify(struct store_file *f, bool *is_new, struct fault *fault) {
    long long application, version, things;
    int rc = ask_number(f, "PRAGMA application_id", &application);
    if (rc == SQLITE_ROW) rc = ask_number(f, "PRAGMA user_version", &version);
    if (rc == SQLITE_ROW) rc = ask_number(f, "SELECT count(*) FROM sqlite_master", &things);
    if (rc != SQLITE_ROW) return refuse(f, rc, fault);
    *is_new = !application && !version && !things;
    if (!*is_new && application != STORE_FILE_APPLICATION)
        fault_put(fault, FAULT_STATE, "--state: %s is another program's: it was left as it is", f->path);
    else if (version > STORE_FILE_VERSION)
        fault_put(fault, FAULT_STATE,
                  "--state: %s is of a newer wsbot (version %lld, and this one knows %d): it was left as it is",
                  f->path, version, STORE_FILE_VERSION);
    return fault_set(fault) ? ERR_SYSTEM : 0;
}

/* Is its table the one that we have made, with nothing beside it that would change what is written there? */
static int check_table(struct store_file *f, struct fault *fault) {
    char text[sizeof TABLE + 1];
    int rc = ask(f, "SELECT group_concat(sql) FROM sqlite_master WHERE tbl_name = 'state' OR type = 'trigger'", text,
                 sizeof text);
    if (rc != SQLITE_ROW) return refuse(f, rc, fault);
    return strcmp(text, TABLE) == 0 ? 0 : say_damaged(f, "its table is not the one that wsbot makes", fault);
}

static int check(struct store_file *f, bool is_new, struct fault *fault) {
    char text[200];
    if (!is_new && check_table(f, fault) < 0) return ERR_SYSTEM;
    int rc = ask(f, "PRAGMA quick_check(1)", text, sizeof text);
    if (rc != SQLITE_ROW) return refuse(f, rc, fault);
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, "ok") == 0 ? 0 : say_damaged(f, text, fault);
}

/* Gives a new file its schema, and has each write go to a log first (SQLite's WAL), which is what a writer that is
 * killed leaves whole. */
static int prepare(struct store_file *f, bool is_new, struct fault *fault) {
    char text[32], why[256];
    int rc = is_new ? f->sqlite->exec(f->db, schema, NULL, NULL, NULL) : SQLITE_OK;
    if (rc == SQLITE_OK) rc = ask(f, "PRAGMA journal_mode = WAL", text, sizeof text);
    if (rc == SQLITE_ROW && strcmp(text, "wal") == 0) return 0;
    store_file_why(f, why, sizeof why);
    fault_put(fault, FAULT_STATE, "--state: cannot write %s: %s", f->path,
              rc == SQLITE_ROW ? "its file system has no shared memory, which SQLite's WAL needs" : why);
    return ERR_SYSTEM;
}

int store_file_make(const char *path, struct fault *fault) {
    struct store_file f = {.path = path};
    bool is_new = false;
    int rc = find_file(path, fault);
    if (rc == 0) rc = open_file(&f, fault);
    if (rc < 0) return rc;
    f.sqlite->db_config(f.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* what is refused is not touched */
    rc = identify(&f, &is_new, fault);
    if (rc == 0) rc = check(&f, is_new, fault);
    if (rc == 0) rc = prepare(&f, is_new, fault);
    store_file_close(&f);
    return rc;
}

/* ---- reading and writing ---- */

int store_file_open(struct store_file *f, const char *path, unsigned worker, struct fault *fault) {
    *f = (struct store_file){.path = path, .worker = worker};
    int rc = open_file(f, fault);
    if (rc < 0) return rc;
    rc = f->sqlite->exec(f->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    if (rc == SQLITE_OK) return 0;
    rc = refuse(f, rc, fault);
    store_file_close(f);
    return rc;
}

void store_file_close(struct store_file *f) {
    if (!f->db) return;
    f->sqlite->finalize(f->put);
    f->sqlite->close(f->db);
    f->put = NULL;
    f->db = NULL;
}

static void bind(const struct store_file *f, sqlite3_stmt *q, struct slice name) {
    f->sqlite->bind_int64(q, 1, (sqlite3_int64)f->worker);
    f->sqlite->bind_blob64(q, 2, name.n ? (const void *)name.p : "", name.n, SQLITE_STATIC);
}

static int read_row(const struct store_file *f, sqlite3_stmt *q, struct buf *value, struct fault *fault) {
    const void *bytes = f->sqlite->column_blob(q, 0);
    size_t n = (size_t)f->sqlite->column_bytes(q, 0);
    if (buf_append(value, slice_of(bytes, bytes ? n : 0)) == 0) return 1;
    fault_put(fault, FAULT_STATE, "--state: there is no memory for what %s has", f->path);
    return ERR_NOMEM;
}

int store_file_get(struct store_file *f, struct slice name, struct buf *value, struct fault *fault) {
    sqlite3_stmt *q = NULL;
    int rc = f->sqlite->prepare_v2(f->db, "SELECT value FROM state WHERE worker = ? AND name = ?", -1, &q, NULL), got;
    if (rc == SQLITE_OK) {
        bind(f, q, name);
        rc = f->sqlite->step(q);
    }
    if (rc == SQLITE_ROW)
        got = read_row(f, q, value, fault);
    else
        got = rc == SQLITE_DONE ? 0 : refuse(f, rc, fault);
    f->sqlite->finalize(q);
    return got;
}

int store_file_begin(struct store_file *f) { return f->sqlite->exec(f->db, "BEGIN IMMEDIATE", NULL, NULL, NULL); }

int store_file_put(struct store_file *f, struct slice name, struct slice value) {
    static const char sql[] = "INSERT OR REPLACE INTO state(worker, name, value) VALUES(?, ?, ?)";
    int rc = f->put ? SQLITE_OK : f->sqlite->prepare_v2(f->db, sql, -1, &f->put, NULL);
    if (rc != SQLITE_OK) return rc;
    bind(f, f->put, name);
    f->sqlite->bind_blob64(f->put, 3, value.n ? (const void *)value.p : "", value.n, SQLITE_STATIC);
    rc = f->sqlite->step(f->put);
    int failed = f->sqlite->reset(f->put);
    return rc == SQLITE_DONE ? SQLITE_OK : failed;
}

int store_file_commit(struct store_file *f) { return f->sqlite->exec(f->db, "COMMIT", NULL, NULL, NULL); }

void store_file_abandon(struct store_file *f) { f->sqlite->exec(f->db, "ROLLBACK", NULL, NULL, NULL); }

/* log: one write a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include "base/json_write.h"
#include "base/number.h"
#include "base/room.h"
#include "base/shown.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LAST_PATIENCE = 1000 }; /* milliseconds */

static enum log_format log_format = LOG_TEXT;

static log_put *own_put;

void log_set_put(log_put *put) { own_put = put; }
void log_set_format(enum log_format format) { log_format = format; }
enum log_format log_get_format(void) { return log_format; }

static const char *const names[] = {[LOG_TRACE] = "trace", [LOG_DEBUG] = "debug", [LOG_INFO] = "info",
                                    [LOG_WARN] = "warn",   [LOG_ERROR] = "error", [LOG_OFF] = "off"};

static log_heard *listener;
static void *listener_arg;
static enum log_level listener_least;

void log_listen(log_heard *heard, void *arg, enum log_level least) {
    listener = heard;
    listener_arg = arg;
    listener_least = least;
}

/* Is it written? */
static bool is_written(enum log_level level) {
    const char *wanted = getenv("WSBOT_LOG");
    enum log_level least = LOG_INFO;
    for (enum log_level l = LOG_DEBUG; wanted && l <= LOG_OFF; l++)
        if (strcmp(wanted, names[l]) == 0) least = l;
    return level >= least || level == LOG_TRACE;
}

bool log_wants(enum log_level level) { return is_written(level) || (listener && level >= listener_least); }

static void put_time(struct buf *out, const char *format, bool local) {
    struct timespec t;
    struct tm day;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &t);
    if (local)
        localtime_r(&t.tv_sec, &day);
    else
        gmtime_r(&t.tv_sec, &day);
    strftime(text, sizeof text, format, &day);
    buf_printf(out, "%s.%03d", text, (int)(t.tv_nsec / 1000000));
}

static void put_json(struct buf *line, enum log_level level, struct slice text) {
    buf_append(line, slice_str("{\"time\":\""));
    put_time(line, "%Y-%m-%dT%H:%M:%S", false);
    buf_printf(line, "Z\",\"level\":\"%s\",\"message\":", names[level]);
    json_put_shown(line, text);
    buf_append(line, slice_str("}\n"));
}

/* ---- what was written of late, and who listens ---- */

static struct buf recent = {.cap = LOG_RECENT_MOST};

struct slice log_recent(void) {
    return buf_slice(&recent);
}

static void keep_recent(struct slice line) {
    while (recent.len && recent.len + line.n > LOG_RECENT_MOST) {
        struct slice all = buf_slice(&recent);
        buf_consume(&recent, (size_t)((const uint8_t *)memchr(all.p, '\n', all.n) - all.p) + 1);
    }
    buf_append(&recent, line);
}

static void tell(enum log_level level, struct slice text, bool keeps) {
    struct buf line;
    struct timespec t;
    bool hears = listener && (level >= listener_least || level == LOG_TRACE);
    if (!hears && !keeps) return;
    buf_init(&line, SIZE_MAX);
    clock_gettime(CLOCK_REALTIME, &t);
    buf_printf(&line, "{\"time\":%lld.%03d,\"level\":\"%s\",\"message\":", (long long)t.tv_sec,
               (int)(t.tv_nsec / 1000000), names[level]);
    json_put_shown(&line, text);
    if (buf_append(&line, slice_str("}\n")) == 0) { /* without memory, a line that has no end is told to nobody */
        if (keeps) keep_recent(buf_slice(&line));
        if (hears) listener(listener_arg, level, buf_slice(&line));
    }
    buf_clear(&line);
}

void log_tell(enum log_level level, struct slice text) { tell(level, text, false); }

/* Does systemd's journal read stderr? JOURNAL_STREAM names the file that it gave us; stderr may be another one by now
 * (sd-daemon(3)). */
static bool is_journal(void) {
    unsigned long long device, inode;
    struct stat s;
    const char *stream = getenv("JOURNAL_STREAM");
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &s) == 0 &&
           s.st_dev == device && s.st_ino == inode;
}

/* The journal adds the time itself, and reads the level at the front of each line. */
static void put_for_journal(struct buf *line, enum log_level level, struct slice shown) {
    static const int priorities[] = {[LOG_TRACE] = 7, [LOG_DEBUG] = 7, [LOG_INFO] = 6, [LOG_WARN] = 4, [LOG_ERROR] = 3};
    struct slice part;
    while (shown.n && slice_split(&shown, '\n', &part)) {
        buf_printf(line, "<%d>", priorities[level]);
        buf_append(line, part);
        buf_append(line, slice_str("\n"));
    }
}

/* `is_own`: the line goes to stderr. Lines of a bot under test go elsewhere, and have no time, so that tests can
 * compare them. */
static void put_text(struct buf *line, enum log_level level, struct slice text, unsigned keep, bool is_own) {
    struct buf shown;
    buf_init(&shown, SIZE_MAX);
    shown_append(&shown, text, keep);
    buf_append(&shown, slice_str("\n"));
    if (is_own && own_put) {
        own_put(line, level, buf_slice(&shown));
    } else if (is_own && is_journal()) {
        put_for_journal(line, level, buf_slice(&shown));
    } else {
        if (is_own) put_time(line, "%Y-%m-%d %H:%M:%S", true);
        buf_printf(line, "%s%s ", is_own ? " " : "", names[level]);
        buf_append(line, buf_slice(&shown));
    }
    buf_clear(&shown);
}

/* ---- a reader of stderr who is behind ---- */

static struct buf kept = {.cap = SIZE_MAX};
static unsigned long long dropped; /* lines, since the last one that was kept */

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool has_room(int64_t until) {
    int64_t left = until ? until - now_ms() : 0;
    return room_is_there(STDERR_FILENO, left > 0 ? (int)left : 0);
}

/* Writes what is kept as there is room, and waits for room until that time (0: not at all). True: something is left. */
static bool write_kept(int64_t until) {
    size_t most = room_most(STDERR_FILENO);
    while (kept.len) {
        struct slice piece = buf_slice(&kept);
        if (piece.n > most) piece.n = most;
        if (most != SIZE_MAX && !has_room(until)) return true;
        if (fwrite(piece.p, 1, piece.n, stderr) < piece.n) break; /* nobody reads it any more */
        buf_consume(&kept, piece.n);
    }
    buf_clear(&kept);
    return false;
}

static void put_line(FILE *to, enum log_level level, struct slice text, unsigned keep);

static void tell_dropped(void) {
    char text[100];
    int n = snprintf(text, sizeof text, "%llu lines of the log were dropped: nobody read them in time", dropped);
    dropped = 0;
    put_line(NULL, LOG_WARN, slice_of(text, (size_t)n), 0);
}

bool log_is_behind(void) { return kept.len > 0; }

void log_flush(void) {
    if (kept.len && !write_kept(0) && dropped) tell_dropped();
}

void log_end(void) {
    int64_t until = now_ms() + LAST_PATIENCE;
    if (kept.len && !write_kept(until) && dropped) tell_dropped();
}

static void write_line(struct slice line) {
    log_flush();
    if ((kept.len && kept.len + line.n > LOG_KEPT_MOST) || buf_append(&kept, line) < 0)
        dropped++;
    else
        write_kept(0);
}

/* ---- lines ---- */

/* Writes a line in one piece; `keep` as shown_append has it. */
static void put_line(FILE *to, enum log_level level, struct slice text, unsigned keep) {
    struct buf line;
    bool is_own = !to || to == stderr;
    if (is_own) tell(level, text, is_written(level));
    if (is_own && !is_written(level)) return;
    buf_init(&line, SIZE_MAX);
    if (log_format == LOG_JSON)
        put_json(&line, level, text);
    else
        put_text(&line, level, text, keep, is_own);
    if (is_own)
        write_line(buf_slice(&line));
    else
        fwrite(buf_slice(&line).p, 1, line.len, to);
    buf_clear(&line);
}

void log_write(FILE *to, enum log_level level, struct slice text) {
    if (log_wants(level)) put_line(to, level, text, SHOWN_TABS);
}

static void put_format(FILE *to, enum log_level level, unsigned keep, const char *format, va_list args) {
    char some[1024], *text = some;
    va_list again;
    va_copy(again, args);
    int n = number_vprint(some, sizeof some, format, args);
    if (n >= (int)sizeof some && (text = malloc((size_t)n + 1))) number_vprint(text, (size_t)n + 1, format, again);
    if (!text) text = some; /* without memory: its beginning at least */
    put_line(to, level, slice_str(text), keep);
    if (text != some) free(text);
    va_end(again);
}

void log_line(enum log_level level, const char *format, ...) {
    if (!log_wants(level)) return;
    va_list args;
    va_start(args, format);
    put_format(stderr, level, SHOWN_TABS, format, args);
    va_end(args);
}

void log_report(FILE *to, enum log_level level, const char *format, ...) {
    if (!log_wants(level)) return;
    va_list args;
    va_start(args, format);
    put_format(to, level, SHOWN_TABS | SHOWN_TRACEBACK, format, args);
    va_end(args);
}

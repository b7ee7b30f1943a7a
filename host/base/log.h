/* log: lines for the person who runs the program, on stderr, each whole and with its level. WSBOT_LOG in the
 * environment says from which level on: debug, info (where nothing is said), warn, error or off. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdio.h>

enum log_level {
    LOG_TRACE, /* base/trace.h writes them where they were asked for, and nobody else */
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_OFF,
};

/* How lines look. The default is LOG_TEXT. */
enum log_format {
    LOG_TEXT, /* 2026-01-02 03:04:05.678 warn text; the time is local. In the journal of systemd: <4>text */
    LOG_JSON, /* {"time":"2026-01-02T03:04:05.678Z","level":"warn","message":"text"} */
};
void log_set_format(enum log_format format);
enum log_format log_get_format(void);

/* Lines of LOG_TEXT on stderr are what `put` appends, of a text that may be shown and ends with its line; NULL: as
 * above. For programs whose user sits before the terminal. */
typedef void log_put(struct buf *line, enum log_level level, struct slice shown);
void log_set_put(log_put *put);

/* Writes a line in one piece. Whatever is in it, it stays one line: all but tabs is escaped (base/shown.h). */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a text as it is, to another file; NULL: stderr. */
void log_write(FILE *to, enum log_level level, struct slice text);

/* The same for an error with its traceback, which has several lines in LOG_TEXT: every other begins with a tab, or is
 * the heading of the traceback, and what is in the message is escaped but for lines like that. */
void log_report(FILE *to, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Lines for stderr never wait for who reads it. What does not fit is kept, in order; beyond LOG_KEPT_MOST lines are
 * dropped, and when it goes on a line tells how many. log_flush writes what is kept as there is room; with the next
 * line that happens anyhow. */
enum { LOG_KEPT_MOST = 1 << 20 }; /* bytes */
bool log_is_behind(void);
void log_flush(void);

/* The program ends: what is kept has a second more. */
void log_end(void);

/* Is a line of that level written at all? */
int log_wants(enum log_level level);

#endif

/* log: lines for the person who runs the program, on stderr, each whole and with its level. WSBOT_LOG in the
 * environment says from which level on: debug, info (the default), warn, error or off. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdio.h>

enum log_level {
    LOG_TRACE, /* of base/trace.h alone: written whatever WSBOT_LOG says */
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

/* Has `put` format lines of LOG_TEXT on stderr: it appends the whole line. `shown` is escaped and ends in a line end.
 * NULL: as above. For commands whose user sits at the terminal. */
typedef void log_put(struct buf *line, enum log_level level, struct slice shown);
void log_set_put(log_put *put);

/* Writes a line in one piece. Whatever the text has, it stays one line: control characters but tabs are escaped
 * (base/shown.h). */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a text that is no format, to `to`; NULL: stderr. */
void log_write(FILE *to, enum log_level level, struct slice text);

/* The same for an error with its traceback, which has several lines in LOG_TEXT: each one after the first begins with a
 * tab, or is the heading of the traceback. Other line ends in the message are escaped. */
void log_report(FILE *to, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writing to stderr never waits for its reader. What the reader does not take at once is kept, in order; beyond
 * LOG_KEPT_MOST lines are dropped, and a later line says how many. log_flush writes what is kept, as far as there is
 * room; each new line does so first. */
enum { LOG_KEPT_MOST = 1 << 20 }; /* bytes */
bool log_is_behind(void);
void log_flush(void);

/* To be called when the program ends: waits up to a second for what is kept to be written. */
void log_end(void);

/* Is a line of that level wanted at all: written, or listened to? */
bool log_wants(enum log_level level);

/* The last lines that were written to stderr, as JSON, an object a line: {"time":1767322985.678,"level":"warn",
 * "message":"text"}; `time` is seconds since 1970. At most LOG_RECENT_MOST bytes. */
enum { LOG_RECENT_MOST = 16 * 1024 };
struct slice log_recent(void);

/* Calls `heard` with each line for stderr from that level on, as log_recent has it, whatever WSBOT_LOG says; NULL:
 * nobody listens any more. It must write no line itself. */
typedef void log_heard(void *arg, enum log_level level, struct slice line);
void log_listen(log_heard *heard, void *arg, enum log_level least);

/* Gives `heard` a line that is not written. */
void log_tell(enum log_level level, struct slice text);

#endif

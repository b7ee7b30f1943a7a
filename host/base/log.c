/* log: one write a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/number.h"
#include "base/shown.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static enum log_format log_format = LOG_TEXT;

void log_set_format(enum log_format format) { log_format = format; }
enum log_format log_get_format(void) { return log_format; }

static const char *const names[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", [LOG_OFF] = "off"};

int log_wants(enum log_level level) {
    const char *wanted = getenv("WSBOT_LOG");
    enum log_level least = LOG_INFO;
    for (enum log_level l = LOG_DEBUG; wanted && l <= LOG_OFF; l++)
        if (strcmp(wanted, names[l]) == 0) least = l;
    return level >= least;
}

static void put_head(struct buf *out, enum log_level level) {
    struct timespec t;
    struct tm day;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &day);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &day);
    buf_printf(out, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"message\":", text, (int)(t.tv_nsec / 1000000),
               names[level]);
}

/* Writes a line in one piece; `keep` as shown_append has it. */
static void put_line(FILE *to, enum log_level level, struct slice text, unsigned keep) {
    struct buf line;
    buf_init(&line, SIZE_MAX);
    if (log_format == LOG_JSON) {
        put_head(&line, level);
        json_string(&line, text);
        buf_append(&line, slice_str("}\n"));
    } else {
        buf_append(&line, slice_str(level == LOG_WARN    ? "wsbot: warning: "
                                    : level == LOG_DEBUG ? "wsbot: debug: "
                                                         : "wsbot: "));
        shown_append(&line, text, keep);
        buf_append(&line, slice_str("\n"));
    }
    fwrite(buf_slice(&line).p, 1, line.len, to ? to : stderr);
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
    if (!text) text = some; /* its beginning at least */
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

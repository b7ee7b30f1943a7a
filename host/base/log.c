/* log: one write a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include "base/buf.h"
#include "base/json.h"
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

void log_write(FILE *to, enum log_level level, const char *text) {
    if (!log_wants(level)) return;
    struct buf line;
    buf_init(&line, SIZE_MAX);
    if (log_format == LOG_JSON) {
        put_head(&line, level);
        json_string(&line, slice_str(text));
        buf_append(&line, slice_str("}\n"));
    } else {
        buf_append(&line, slice_str(level == LOG_WARN    ? "wsbot: warning: "
                                    : level == LOG_DEBUG ? "wsbot: debug: "
                                                         : "wsbot: "));
        buf_append(&line, slice_str(text));
        buf_append(&line, slice_str("\n"));
    }
    fwrite(buf_slice(&line).p, 1, line.len, to ? to : stderr);
    buf_clear(&line);
}

void log_line(enum log_level level, const char *format, ...) {
    if (!log_wants(level)) return;
    char some[1024], *text = some;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(some, sizeof some, format, args);
    if (n >= (int)sizeof some && (text = malloc((size_t)n + 1))) vsnprintf(text, (size_t)n + 1, format, again);
    if (!text) text = some; /* its beginning at least */
    log_write(stderr, level, text);
    if (text != some) free(text);
    va_end(again);
    va_end(args);
}

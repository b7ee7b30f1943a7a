/* log: one write a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include "base/buf.h"
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

/* How many bytes at the front of `s` are one character of UTF-8; 0: none. */
static size_t character(struct slice s) {
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n > s.n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.p[i] & 0xC0) != 0x80) return 0;
    if ((c == 0xE0 && s.p[1] < 0xA0) || (c == 0xED && s.p[1] > 0x9F)) return 0;
    if ((c == 0xF0 && s.p[1] < 0x90) || (c == 0xF4 && s.p[1] > 0x8F)) return 0;
    return n;
}

/* A JSON string (RFC 8259 7); bytes that are not UTF-8 become U+FFFD. */
static void put_json(struct buf *out, struct slice text) {
    buf_append(out, slice_str("\""));
    while (text.n) {
        size_t n = character(text);
        uint8_t c = text.p[0];
        if (n == 0)
            buf_append(out, slice_str("\xEF\xBF\xBD"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\t')
            buf_printf(out, "\\%c", c == '\n' ? 'n' : 't');
        else if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, slice_head(text, n));
        text = slice_skip(text, n ? n : 1);
    }
    buf_append(out, slice_str("\""));
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
        put_json(&line, slice_str(text));
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

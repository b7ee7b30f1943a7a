/* log: one fprintf a line, so that lines of several processes do not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum log_level least(void) {
    const char *name = getenv("WSBOT_LOG");
    if (!name) return LOG_INFO;
    return strcmp(name, "debug") == 0   ? LOG_DEBUG
           : strcmp(name, "warn") == 0  ? LOG_WARN
           : strcmp(name, "error") == 0 ? LOG_ERROR
                                        : LOG_INFO;
}

void log_line(enum log_level level, const char *format, ...) {
    if (level < least()) return;
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "wsbot: %s%s\n", level == LOG_WARN ? "warning: " : "", text);
}

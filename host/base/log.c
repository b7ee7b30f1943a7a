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
    char some[1024], *text = some;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(some, sizeof some, format, args);
    if (n >= (int)sizeof some && (text = malloc((size_t)n + 1))) vsnprintf(text, (size_t)n + 1, format, again);
    fprintf(stderr, "wsbot: %s%s\n", level == LOG_WARN ? "warning: " : "", text ? text : some);
    if (text != some) free(text);
    va_end(again);
    va_end(args);
}

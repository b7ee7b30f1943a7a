/* trace: a word of bits, and one line. */
#include "base/trace.h"

#include "base/log.h"
#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

unsigned trace_on;
static unsigned written; /* of these, the areas that WSBOT_TRACE names */

static const char *const areas[TRACE_AREAS] = {[TRACE_CONN] = "conn",
                                               [TRACE_TLS] = "tls",
                                               [TRACE_DIAL] = "dial",
                                               [TRACE_RELOAD] = "reload",
                                               [TRACE_TASK] = "task"};

void trace_line(enum trace_area area, const struct trace_subject *subject, const char *format, ...) {
    char text[1024];
    struct buf line;
    va_list args;
    va_start(args, format);
    number_vprint(text, sizeof text, format, args);
    va_end(args);
    buf_init(&line, SIZE_MAX);
    buf_printf(&line, "%s%s", areas[area], subject ? " " : "");
    if (subject) subject->put(subject, &line);
    buf_printf(&line, ": %s", text);
    if (written >> area & 1)
        log_write(stderr, LOG_TRACE, buf_slice(&line));
    else
        log_tell(LOG_TRACE, buf_slice(&line));
    buf_clear(&line);
}

/* The bits of one word in WSBOT_TRACE; 0: the word is not known. */
static unsigned bits_of(struct slice word) {
    if (slice_eq(word, slice_str("all"))) return (1u << TRACE_AREAS) - 1;
    for (unsigned i = 0; i < TRACE_AREAS; i++)
        if (slice_eq(word, slice_str(areas[i]))) return 1u << i;
    return 0;
}

static int refuse(struct slice word, struct fault *fault) {
    char known[100];
    size_t n = 0;
    for (unsigned i = 0; i < TRACE_AREAS; i++) n += (size_t)snprintf(known + n, sizeof known - n, "%s, ", areas[i]);
    fault_put(fault, FAULT_TRACE, "WSBOT_TRACE: '%.*s' is not known; it takes %sparted by commas, or all",
              SLICE_ARGS(word), known);
    return ERR_SYNTAX;
}

/* The bits of the words that commas part; false: `*unknown` is none. */
static bool read_areas(struct slice list, unsigned *bits, struct slice *unknown) {
    *bits = 0;
    while (slice_split(&list, ',', unknown)) {
        *unknown = slice_trim(*unknown);
        if (unknown->n && !bits_of(*unknown)) return false;
        *bits |= bits_of(*unknown);
    }
    return true;
}

int trace_begin(struct fault *fault) {
    const char *wanted = getenv("WSBOT_TRACE");
    struct slice unknown;
    if (!read_areas(slice_str(wanted ? wanted : ""), &written, &unknown)) return refuse(unknown, fault);
    trace_on = written;
    return 0;
}

bool trace_listen(struct slice list) {
    unsigned bits;
    struct slice unknown;
    if (!read_areas(list, &bits, &unknown)) return false;
    trace_on = written | bits;
    return true;
}

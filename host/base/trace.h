/* trace: lines for the person who wants to know why something happened, or did not: one for each phase, decision and
 * retry, of those areas that WSBOT_TRACE in the environment names ("conn,dial"; "all"). They go to stderr as lines of
 * the log do, whatever WSBOT_LOG says. While an area is off, each of its lines costs the test of one word. No secret
 * goes into any: addresses are written by wire/secret.h, or as host and port alone. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "base/buf.h"
#include "base/err.h"

enum trace_area {
    TRACE_CONN,   /* a connection: phases, retries, redirects, pings, pauses */
    TRACE_TLS,    /* configurations, sessions, and why a server is refused */
    TRACE_DIAL,   /* proxies, names and addresses */
    TRACE_RELOAD, /* what was saved, and what the next generation makes of it */
    TRACE_TASK,   /* callbacks and tasks: what they wait for, how they end */
    TRACE_AREAS,
};

extern unsigned trace_on; /* 1 << area: its lines are wanted; set by trace_begin and trace_listen alone */

/* The object that lines are about, as a member of its struct: `put` appends its name, and how long ago its attempt
 * began, "feed#1, attempt 2, +0.012 s". An object gives its subject to the parts that it makes (a dial, a TLS
 * session). */
struct trace_subject {
    void (*put)(const struct trace_subject *s, struct buf *line);
};

#define TRACE(area, subject, ...)                                                                                      \
    do {                                                                                                               \
        if (__builtin_expect(trace_on >> (area)&1, 0)) trace_line(area, subject, __VA_ARGS__);                         \
    } while (0)

/* "AREA SUBJECT: TEXT"; `subject` may be NULL. Whatever is in it, it stays one line (base/log.h). Called by TRACE; and
 * directly, within `if (trace_wants(...))`, where the arguments take work to find out. */
void trace_line(enum trace_area area, const struct trace_subject *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline bool trace_wants(enum trace_area area) { return __builtin_expect(trace_on >> area & 1, 0); }

/* To be called when the program begins: reads WSBOT_TRACE. 0, or ERR_SYNTAX with `fault`, which lists the words that it
 * may have. */
int trace_begin(struct fault *fault);

/* From now on whoever listens to the log (log_listen) hears the lines of these areas as well, which need not be
 * written: "conn,dial", "all"; "": none. False: there is no such area, and nothing has changed. */
bool trace_listen(struct slice areas);

#endif

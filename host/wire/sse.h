/* sse: server-sent events (WHATWG HTML 9.2): a stream of lines that gives events. Lines end with CR, LF or CRLF; an
 * event is told at the empty line behind it, without a wait for the LF of a CRLF. Bytes stay as they are: they are not
 * looked at as UTF-8, but for a byte order mark in front. */
#ifndef WIRE_SSE_H
#define WIRE_SSE_H

#include "base/buf.h"

struct sse {
    struct buf line;     /* of one that is not whole yet: what came of it */
    struct buf data;     /* each line of data, with a '\n' behind it */
    struct buf type, id; /* empty: not named; the last one seen */
    size_t cap;
    bool begun;    /* the first line was read */
    bool after_cr; /* a LF that comes next ends no line */
    bool told;     /* the event was given: its bytes go with the next call */
    int failed;    /* ERR_TOO_BIG or ERR_NOMEM; 0: not yet */
};

struct sse_event {
    struct slice type; /* "message" where none is named */
    struct slice data, id;
};

/* `cap`: bytes of a line, and of the data of an event. Allocates nothing. */
void sse_init(struct sse *s, size_t cap);
void sse_clear(struct sse *s);

/* Advances `in` past what it used. 1: an event, whose bytes live until the next call. 0: all of `in` was used. Or
 * ERR_TOO_BIG (a line or an event is over the cap) or ERR_NOMEM, and the same from then on. */
int sse_step(struct sse *s, struct slice *in, struct sse_event *event);

/* How many bytes of memory it keeps. */
size_t sse_size(const struct sse *s);

#endif

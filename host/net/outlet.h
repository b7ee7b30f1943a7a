/* outlet: standard output, whose reader may be behind: a pipe, a socket or a terminal. It stays C's stdout, on a
 * descriptor that blocks, but what it would not take at once is kept back here, and is written in order as there is
 * room. It also has the loop look after log lines that are kept (base/log.h). */
#ifndef NET_OUTLET_H
#define NET_OUTLET_H

#include "base/buf.h"
#include <uv.h>

enum {
    OUTLET_HELD_MOST = 1 << 20, /* bytes that are kept back for writers that cannot wait */
    OUTLET_END = 5000,          /* milliseconds that the end of the program waits for the reader, at most */
};

struct outlet {
    size_t most;                /* bytes that fit where there is room (base/room.h); SIZE_MAX: it always takes all */
    size_t room;                /* how many of them are left in this turn of the loop */
    struct buf held;            /* bytes kept back; they follow those in stdio's buffer */
    bool in_line;               /* what a script wrote last ends within a line; false where that is not known */
    int error;                  /* errno of the last write that failed; 0: none did since it was asked for */
    uv_timer_t tick;            /* looks for room while something is kept back */
    unsigned pause;             /* milliseconds between two looks */
    void (*drained)(void *arg); /* all has been written; may be NULL */
    void *arg;
};

void outlet_open(struct outlet *o, uv_loop_t *loop);

/* What is kept back is not written any more; see outlet_end. */
void outlet_close(struct outlet *o);

/* To be called when a turn of the loop is over: other programs may have used the room meanwhile. */
void outlet_end_turn(struct outlet *o);

/* Will stdio take `n` bytes without waiting? Then the caller must write them. */
bool outlet_look(struct outlet *o, size_t n);
static inline bool outlet_takes(struct outlet *o, size_t n) {
    if (o->held.len || n > o->room) return outlet_look(o, n);
    if (o->most != SIZE_MAX) o->room -= n;
    return true;
}

/* Adds a copy of `text` to what is kept back. 0, or ERR_NOMEM. */
int outlet_hold(struct outlet *o, struct slice text);

/* Ends the line of stdout where stderr goes to the same place and the last output ended within a line, so that stderr
 * begins a new one. */
void outlet_begin_line(struct outlet *o);

/* Writes and flushes what is kept back, as there is room. True: something is left, which the loop goes on to write. */
bool outlet_is_behind(struct outlet *o);

/* The same, and waits for the rest: this blocks the loop. */
void outlet_write_all(struct outlet *o);

/* The same for the end of the program: what is not written after OUTLET_END is dropped, so that exit does not wait. */
void outlet_end(struct outlet *o);

#endif

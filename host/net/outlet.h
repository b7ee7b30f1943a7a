/* outlet: standard output, whose reader may be behind: a pipe, a socket or a terminal. It stays C's stdout, on a
 * descriptor that blocks, but what it would not take at once is held here and follows as there is room, in order. It
 * also has the loop look after log lines that are kept (base/log.h). */
#ifndef NET_OUTLET_H
#define NET_OUTLET_H

#include "base/buf.h"
#include <uv.h>

enum {
    OUTLET_HELD_MOST = 1 << 20, /* bytes that those who cannot wait may have held */
    OUTLET_END = 5000,          /* milliseconds that the end of the program waits for the reader, at most */
};

struct outlet {
    size_t most;                /* bytes that fit where there is room (base/room.h); SIZE_MAX: it always takes all */
    size_t room;                /* what is left of them, in this turn of the loop */
    struct buf held;            /* comes behind what stdio has */
    bool in_line;               /* what a script wrote last ends within a line; false where that is not known */
    int error;                  /* errno of the last write that failed; 0: none did since it was asked for */
    uv_timer_t tick;            /* looks for room while something is held */
    unsigned pause;             /* milliseconds between two looks */
    void (*drained)(void *arg); /* nothing is left; may be NULL */
    void *arg;
};

void outlet_open(struct outlet *o, uv_loop_t *loop);

/* What is held is not written any more; see outlet_end. */
void outlet_close(struct outlet *o);

/* A turn of the loop is over, in which others may have used the room. */
void outlet_end_turn(struct outlet *o);

/* Will stdio take `n` bytes without waiting? They are then to be written. */
bool outlet_look(struct outlet *o, size_t n);
static inline bool outlet_takes(struct outlet *o, size_t n) {
    if (o->held.len || n > o->room) return outlet_look(o, n);
    if (o->most != SIZE_MAX) o->room -= n;
    return true;
}

/* Adds to what is held. 0, or ERR_NOMEM. */
int outlet_hold(struct outlet *o, struct slice text);

/* Begins a line on stderr where that goes to the same place, and what was written last is within one. */
void outlet_begin_line(struct outlet *o);

/* Writes and flushes what is there, as there is room. True: something is left, which goes on with the loop. */
bool outlet_is_behind(struct outlet *o);

/* The same, and waits for the rest; nothing else goes on meanwhile. */
void outlet_write_all(struct outlet *o);

/* The same for the end of the program: what is not written after OUTLET_END is dropped, so that exit does not wait. */
void outlet_end(struct outlet *o);

#endif

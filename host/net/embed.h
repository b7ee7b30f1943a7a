/* embed: a loop within the loop. The inner loop belongs to other code (luv), with handles of any kind; it is turned
 * whenever the outer one is about to sleep and something may have happened in it. The outer loop wakes for it by its
 * backend fd and by its next timeout. What goes on in one can never close, stop or end the other. */
#ifndef NET_EMBED_H
#define NET_EMBED_H

#include "net/net.h"

struct embed {
    struct net *net;
    uv_loop_t *inner; /* borrowed; NULL: closed */
    uv_poll_t poll; /* of the inner loop's backend; the one handle that keeps the outer loop alive, while the inner loop
                       is alive */
    uv_timer_t timeout;
    uv_prepare_t before_sleep;
    bool due;     /* the inner loop is to be turned before the outer one sleeps */
    bool turning; /* the inner loop is being turned */
    bool keeps;   /* while the inner loop is alive, it keeps the outer one alive */
    int open;     /* handles that are not closed yet */
    void (*turned)(void *arg);
    void *arg;
    LIST_ENTRY(embed) link; /* in net */
};

/* Begins to turn `inner` from within net's loop. `turned` is called after each turn, and by embed_tend while the inner
 * loop is not alive; it may call embed_close. NULL: there is no memory for it, or no descriptor. */
struct embed *embed_open(struct net *net, uv_loop_t *inner, void (*turned)(void *arg), void *arg);

/* Ends it: the inner loop may go at once. The memory goes when the outer loop has turned. */
void embed_close(struct embed *e);

/* To be called before the inner loop is used from outside of its callbacks: brings its time up to date, and has it
 * turned before the outer loop sleeps. */
void embed_touch(struct embed *e);

/* Turns it once, now, without waiting. Not from within a turn. */
void embed_turn(struct embed *e);

/* Finds out anew whether the inner loop keeps the outer one alive: to be called before uv_loop_alive of the outer
 * one. */
void embed_tend(struct embed *e);

#endif

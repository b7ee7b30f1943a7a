/* embed: a loop within the loop. The inner loop is somebody else's, with handles of any kind; it is turned whenever the
 * outer one is about to sleep and something may have happened in it. The outer loop wakes for it by its backend fd and
 * by its next timeout. What goes on in one can never close, stop or end the other. */
#ifndef NET_EMBED_H
#define NET_EMBED_H

#include "net/net.h"

struct embed {
    struct net *net;
    uv_loop_t *inner; /* borrowed; NULL: closed */
    uv_poll_t poll; /* of the inner loop's backend; the only one that keeps the outer loop alive, while alive itself */
    uv_timer_t timeout;
    uv_prepare_t before_sleep;
    bool due;     /* the inner loop is to be turned before the outer one sleeps */
    bool turning; /* it turns */
    bool keeps;   /* what is alive in it keeps the outer loop alive */
    int open;     /* handles that are not closed yet */
    void (*turned)(void *arg);
    void *arg;
    LIST_ENTRY(embed) link; /* in net */
};

/* Begins to turn `inner` from within net's loop. `turned` is told after each turn, and whenever somebody asks whether
 * the loop is alive while the inner one is not; it may close. NULL: there is no
 * memory for it, or no descriptor. */
struct embed *embed_open(struct net *net, uv_loop_t *inner, void (*turned)(void *arg), void *arg);

/* Ends it: the inner loop may go at once. The memory goes when the outer loop has turned. */
void embed_close(struct embed *e);

/* To be called before somebody uses the inner loop from outside of its callbacks: brings its time up to date, and has
 * it turned before the outer loop sleeps. */
void embed_touch(struct embed *e);

/* Turns it once, now, without waiting. Not from within a turn. */
void embed_turn(struct embed *e);

/* Has the outer loop stay alive because of the inner one, or not, as things are now: before somebody asks whether it
 * is. */
void embed_tend(struct embed *e);

#endif

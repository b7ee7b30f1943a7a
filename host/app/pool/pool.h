/* pool: `wsbot run --workers N`: starts N processes of this program with the same words, passes signals on, and starts
 * one again that died. It runs no Lua itself. Workers share nothing; each learns its index from its environment. */
#ifndef APP_POOL_POOL_H
#define APP_POOL_POOL_H

#include "app/worker.h"

enum { POOL_MOST = 1024 }; /* workers */

/* Runs the pool in `w`, which has no engine, until all workers have ended; `words` is the command line. Returns the
 * highest of their exit statuses; does not return when a second signal ends it all. */
int pool_run(struct worker *w, unsigned workers, char **words);

/* Calls `tell` for each worker of the pool that this process is, if it is one, but for those that are done; `pid` is 0
 * of one that has died and comes back. */
void pool_each(const struct worker *w, void (*tell)(void *arg, unsigned index, pid_t pid), void *arg);

/* For a service manager: have all workers that run told that they are ready, and does at least one run? Have all of
 * them given a sign of life within so many nanoseconds? */
bool pool_is_ready(const struct worker *w);
bool pool_turns(const struct worker *w, uint64_t within);

/* The place of a process in a pool. */
struct pool_place {
    unsigned index; /* from 1; 0: it is in no pool */
    pid_t pool;     /* the process that started it */
    int reports;    /* a descriptor: the pipe to the pool */
    int beat;       /* milliseconds between the signs of life that it wants, or what service_open_member takes else */
};

/* Reads the place of this process and takes it out of the environment; to be called before any Lua code runs. From now
 * on the process ends when the pool does (Linux). */
struct pool_place pool_join(void);

/* Has the pool print a summary at its end. Does nothing where `w` is in no pool. */
void pool_want_summary(const struct worker *w);

/* Sends the result of a reload to the pool, which reports where those of workers differ. Does nothing where `w` is in
 * no pool. */
void pool_report(const struct worker *w, bool took_over);

#endif

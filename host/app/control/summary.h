/* summary: what a program has counted, printed at its end (`wsbot run --summary`, host.summary). It is made when no
 * code of the script runs any more, behind all that was printed, in a Lua state of its own
 * (lualib/wsbot/control/summing.lua), whatever became of the script's and of the control socket. A worker of a pool
 * tells its parent what it has counted, whether a summary is wanted or not, as another worker may want it; the parent
 * adds that up. */
#ifndef APP_CONTROL_SUMMARY_H
#define APP_CONTROL_SUMMARY_H

#include "app/control/control.h"

enum { SUMMARY_NOTES = 2048 }; /* bytes */

struct summary {
    struct control *seen;  /* what it is about; borrowed */
    bool is_sum;           /* of the workers of a pool, whose parent this is */
    uint64_t began;        /* by uv_hrtime */
    struct engine *engine; /* NULL: there is none yet */
    struct buf notes;      /* of a pool: a line for each worker that has told nothing */
    unsigned more_notes;   /* those that there was no room for */
};

/* Has the program print a summary at its end, in whatever way that comes, where w->wants_summary is true then. Both
 * live until worker_close; control_init was called. `is_sum`: this process is the parent of a pool. */
void summary_open(struct summary *s, struct control *seen, bool is_sum);

/* There is none after all, as the program has failed to start. */
void summary_cancel(struct summary *s);

/* Of the parent of a pool, if it has a summary: adds what a worker has counted. */
void summary_add(struct worker *w, unsigned worker, struct slice text);

/* The same: a worker has ended without telling what it had counted; `how` (a clause) is copied. */
void summary_miss(struct worker *w, unsigned worker, const char *how);

#endif

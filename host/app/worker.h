/* worker: the loop, the net and the running generation. The root of everything: whatever outlives a call hangs from
 * here. */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "app/history.h"
#include "net/net.h"
#include "script/engine.h"
#include <signal.h>

struct worker {
    uv_loop_t loop;
    struct net net;
    struct engine *engine;     /* the running generation; NULL: this worker runs no script */
    struct engine *staged;     /* the next one, while its script is loaded; NULL: none is */
    uv_async_t signalled;      /* wakes the loop, for what a signal handler has noted */
    struct deadline stop;      /* the graceful stop begins */
    void (*reload)(void *arg); /* makes the next generation, from the loop; NULL: there is nothing to reload */
    void *reload_arg;
    struct deadline reload_due;
    uint64_t trimmed_at;      /* when worker_trim_memory did so, by uv_hrtime */
    bool goes_back;           /* to the sources of the generation before */
    unsigned past;            /* generations that there are to go back to */
    void (*erred)(void *arg); /* called for each error in a task, with reload_arg; may be NULL */
    char *reload_cause;       /* who or what asked for the reload, its own; NULL: nobody has */
    void (*noted)(void *arg, const struct engine_file *file); /* told of each file that scripts load; NULL: nobody is */
    void *noted_arg;
    volatile sig_atomic_t signal;      /* the last that asked to stop; 0: none */
    volatile sig_atomic_t by_terminal; /* the terminal did (Ctrl-C): the children in the foreground have got it too */
    void (*told_to_stop)(void *arg, int times); /* called for such signals, in place of what they do; may be NULL */
    void *told_arg;
    pid_t pool;                /* the process that passes its signals on to this one (pool.h); 0: none */
    struct pool *members;      /* of a pool, that this process is (pool_each); NULL: it is none */
    int pool_reports;          /* a descriptor: the pipe to it (reports.h); only where there is a pool */
    bool has_terminal;         /* it was started from one */
    volatile uint64_t stop_by; /* until when functions of host.on_stop may run, by uv_hrtime; 0: none do */
    volatile uint64_t ends_by; /* when the process ends even if Lua code does not stop; 0: never */
    struct history history;    /* of reloads */
    void (*begins)(void *arg); /* called once, when the loop is about to turn; NULL: it has been, or nobody wants it */
    void *begins_arg;
    struct control *control; /* the program's control socket (app/control/); NULL: there is none */
    struct summary *summary; /* what is made of it all at the end (app/control/summary.h); NULL: nothing is */
    bool wants_summary;      /* and printed */
    struct claims *claims;   /* of the script on quotas (claims.h); NULL: it had none yet */
    struct service *service; /* what a service manager is told (service.h); NULL: nothing is */
    struct metrics *counted; /* what the last generation has counted, once it has ended; NULL: nothing */
    bool stopping;
    unsigned last_turns; /* turns since all connections have ended */
    bool over;           /* the main chunk failed: the program ends at once */
    int status;          /* the exit status */
};

/* Makes loop, net and signal handling, and with `script` a generation (see engine_new). Aborts without memory. One
 * worker a process. */
void worker_open(struct worker *w, bool script, bool no_environment);

/* Turns the loop as long as `*going` is true and something is alive. Tasks that wait while nothing that is alive can
 * wake them are reported as deadlocks and cancelled. */
void worker_run_while(struct worker *w, const bool *going);

/* Turns the loop until nothing is alive, or until a stop is complete. Returns the exit status. */
int worker_run(struct worker *w);

/* Begins to stop: host.on_stop functions run, connections say Close 1001 and have their close_timeout to end. May be
 * called from anywhere. */
void worker_stop(struct worker *w, int status);

/* Has a reload happen in the next turn of the loop. `cause` (copied) is for its report: a file, "SIGHUP". NULL, or why
 * there can be no reload. */
const char *worker_reload(struct worker *w, const char *cause);

/* The same, but loads the sources of the generation before. */
const char *worker_back(struct worker *w, const char *cause);

/* Has the reload under way tried again after `delay` nanoseconds. */
void worker_reload_after(struct worker *w, uint64_t delay);

/* To be called when the script of the next generation begins to load, and with NULL when that is over: meanwhile SIGINT
 * interrupts it, too. */
void worker_stage(struct worker *w, struct engine *next);

/* Handles SIGINT, SIGTERM and SIGPIPE, and where there is a `reload` SIGHUP, unless that was ignored before. `again`:
 * only those that have no handler now, after the end of a generation whose luv had handled some. */
void worker_handle_signals(struct worker *w, bool again);

/* Gives free memory that lies between blocks in use back to the system, not more often than once a second. To be called
 * after a reload, as two generations take more memory than one; otherwise the process would grow with each reload. */
void worker_trim_memory(struct worker *w);

/* The functions of worker_signals.c for worker.c, to be called: before anything else; when a handler has noted
 * something for the loop; before the last generation ends; after it has ended; and when SIGHUP means nothing any
 * more. */
void worker_open_signals(struct worker *w);
void worker_signalled(uv_async_t *async);
void worker_rest_signals(struct worker *w);
void worker_close_signals(void);
void worker_ignore_hangups(void);

/* Gives a script that is to stop so many seconds for that, whether its code waits or runs; then the code is
 * interrupted, and at last the process ends. 0: there is time only for the code that runs now. */
void worker_give_time(struct worker *w, unsigned seconds);

/* Closes everything. Connections that are still open are dropped. */
void worker_close(struct worker *w);

#endif

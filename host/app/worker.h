/* worker: loop + net + the running generation. The root of everything: whatever outlives a call hangs from here. */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "net/net.h"
#include "script/engine.h"
#include <signal.h>

struct worker {
    uv_loop_t loop;
    struct net net;
    struct engine *engine;     /* the running generation; NULL: this worker runs no script */
    struct engine *staged;     /* the next one, while its script is loaded; NULL: none is */
    uv_async_t signalled;      /* a signal handler has something for the loop */
    struct deadline stop;      /* the graceful stop begins */
    void (*reload)(void *arg); /* makes the next generation, from the loop; NULL: there is nothing to reload */
    void *reload_arg;
    struct deadline reload_due;
    uint64_t trimmed_at;      /* when worker_trim_memory did so, by uv_hrtime */
    bool goes_back;           /* to the sources of the generation before */
    unsigned past;            /* generations that there are to go back to */
    void (*erred)(void *arg); /* is told of each error in a task, with reload_arg; may be NULL */
    char *reload_cause;       /* who or what asked for it, its own; NULL: nobody has */
    void (*noted)(void *arg, const struct engine_file *file); /* told what scripts are loaded from; NULL: nobody is */
    void *noted_arg;
    volatile sig_atomic_t signal;      /* the last that asked to stop; 0: none */
    volatile sig_atomic_t by_terminal; /* it did (Ctrl-C), so the children in the foreground have got it as well */
    void (*told_to_stop)(void *arg, int times); /* is told of such signals, in place of what they do; may be NULL */
    void *told_arg;
    pid_t pool;                /* the process that passes its signals on to this one (pool.h); 0: none */
    int pool_reports;          /* a descriptor that leads there; only where there is one */
    bool has_terminal;         /* it was started from one */
    volatile uint64_t stop_by; /* until when functions of host.on_stop may run, by uv_hrtime; 0: none do */
    volatile uint64_t ends_by; /* when Lua code that will not stop is the end of the process; 0: never */
    bool stopping;
    unsigned last_turns; /* made since all connections had ended */
    bool over;           /* the main chunk failed: the program ends at once */
    int status;          /* the exit status */
};

/* Makes loop, net and signal handling, and with `script` a generation (see engine_new). Aborts without memory. One
 * worker a process. */
void worker_open(struct worker *w, bool script, bool no_environment);

/* Turns the loop as long as `*going` is true and something is alive. Tasks that wait for what nothing alive can bring
 * are told and cancelled. */
void worker_run_while(struct worker *w, const bool *going);

/* Turns the loop until nothing is alive, or until a stop is complete. Returns the exit status. */
int worker_run(struct worker *w);

/* Begins to stop: host.on_stop functions run, connections say Close 1001 and have their close_timeout to end. May be
 * called from anywhere. */
void worker_stop(struct worker *w, int status);

/* Has a reload happen in the next turn of the loop, which tells of `cause` (copied): a file, "SIGHUP". NULL, or why
 * there can be none. */
const char *worker_reload(struct worker *w, const char *cause);

/* The same, but what is loaded are the sources of the generation before. */
const char *worker_back(struct worker *w, const char *cause);

/* The one that is under way is tried again after so long (nanoseconds). */
void worker_reload_after(struct worker *w, uint64_t delay);

/* The script of the next generation is being loaded from now on, or, NULL, no more: SIGINT interrupts it too. */
void worker_stage(struct worker *w, struct engine *next);

/* Handles SIGINT, SIGTERM and SIGPIPE, and where there is a `reload` SIGHUP, unless that was ignored before. `again`:
 * only those that nobody handles, after a generation has ended whose luv had taken some. */
void worker_handle_signals(struct worker *w, bool again);

/* Gives back to the system what is free between what is in use, not more often than once a second: behind a reload,
 * whose two generations took more than one does. Holes that are not given back would have the process grow with each.
 */
void worker_trim_memory(struct worker *w);

/* What worker.c has of worker_signals.c. First of all; where a handler has something for the loop; before the last
 * generation ends, and after; SIGHUP means nothing any more. */
void worker_open_signals(struct worker *w);
void worker_signalled(uv_async_t *async);
void worker_rest_signals(struct worker *w);
void worker_close_signals(void);
void worker_ignore_hangups(void);

/* The script is to stop, and has so many seconds for what it does about that, busy or not; then it is interrupted, at
 * last ended. 0: for nothing but what is under way. */
void worker_give_time(struct worker *w, unsigned seconds);

/* Closes it all. Connections that are still there are dropped. */
void worker_close(struct worker *w);

#endif

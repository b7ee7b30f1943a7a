/* task: coroutines that may wait. The main chunk, every callback and every host.spawn runs as one. A task runs until it
 * ends or waits; one that waits has exactly one waker: a deadline, a queue in which it waits, or whichever of both
 * comes first. Coroutines of tasks that have ended are used again, so that a callback which does not wait costs what a
 * plain call does. */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include "base/trace.h"
#include "net/clock.h"
#include <lua.h>

struct engine;
struct task;

/* A queue: tasks that wait for the same thing, in the order in which they came. All zero: empty. */
struct waiters {
    struct task *first, *last;
};

/* Key in the registry: a list of the errors of tasks, while engine_collects. */
#define TASK_ERRORS "wsbot.task errors"

enum task_end {
    TASK_DONE,     /* its results are on its stack */
    TASK_FAILED,   /* the error is on top of its stack */
    TASK_CANCELLED /* its stack has no result */
};

struct task {
    struct engine *engine;
    lua_State *co; /* the coroutine, anchored as long as the task is */
    enum { TASK_IDLE, TASK_READY, TASK_RUNNING, TASK_WAITING } state;
    uint64_t order;               /* its number among the tasks that became ready */
    int arguments;                /* values on its stack to go on with, when it is ready */
    bool timed_out;               /* it was woken by its deadline */
    bool doomed;                  /* it is in a deadlock: nothing can wake it */
    bool called;                  /* the host has called something in it: a callback, or the main chunk */
    uint64_t born;                /* see engine->births */
    const char *what;             /* its kind, for the trace: "callback"; a literal */
    struct trace_subject subject; /* of its lines in the trace */
    uint64_t began_at;            /* 0: it is not traced */
    char *raises;                 /* the error to raise where it waits, its own; NULL: none */
    lua_KFunction k;              /* its continuation after the wait */
    lua_KContext ctx;
    const char *waits_in;          /* function it waits in ("host.sleep"), for messages; NULL: it does not wait */
    struct deadline limit;         /* of its wait */
    struct waiters *queue;         /* the queue that it waits in, or NULL */
    struct waiters *instead_of;    /* the queue of which it alone was woken; NULL: none */
    bool cancelled;                /* it ends in the next turn */
    bool set_aside;                /* memory to begin with is counted for it */
    const struct waiters *joiners; /* tasks that wait for its end, and get its error; NULL: none can */
    struct task *next, *previous;
    struct task *all_next, **all_at;

    /* Called once, when it ends: it may read the task's stack, which is emptied afterwards. May be NULL. */
    void (*ended)(struct task *t, void *arg, enum task_end how);
    void *arg;
};

/* The tasks of an engine. All zero at first. */
struct tasks {
    struct task *current; /* the one that runs */
    struct task *all;     /* the tasks that run, wait or are ready, the oldest first */
    struct task **all_end;
    struct waiters ready;
    uint64_t order;       /* the number of the next task that becomes ready */
    struct deadline turn; /* when the ready ones go on: in the next turn of the loop */
    struct task *idle;
    unsigned idle_count;
    int exit_status; /* of the task that asked for the end by os.exit */
    bool exits;
    int stuck; /* running coroutines of the script that were resumed through C code: waiting cannot pass through them */
};

/* Runs `body`, which gets `arg` by l_door_given, as a task, until it ends or waits. `what` is its kind, for the trace,
 * a literal. When the task ends, `ended` (may be NULL) is called with `ended_arg`. From the loop only. Returns false
 * where nothing ran, and `ended` is not called: without memory, which is reported, and after os.exit, which is not. */
bool task_run(struct engine *e, const char *what, lua_CFunction body, void *arg,
              void (*ended)(struct task *, void *, enum task_end), void *ended_arg);

/* Makes a task of the function below `n` values on the stack of L, all of which it pops; it starts in the next turn of
 * the loop. May raise. */
struct task *l_task_spawn(lua_State *L, int n);

/* May the code that runs wait? */
bool l_task_can_wait(lua_State *L);

/* Raises an error that begins with `what` where the code that runs cannot wait. */
void l_task_check(lua_State *L, const char *what);

/* Waits in `queue` (may be NULL) until the task is woken, and no longer than `timeout` nanoseconds (UINT64_MAX: without
 * end). Then `k` is called; l_task_timed_out says whether the time was over. The caller must return at once what this
 * returns. `what`, the name of the function that waits, must be a literal. Raises where the code that runs cannot
 * wait. */
int l_task_wait(lua_State *L, const char *what, struct waiters *queue, uint64_t timeout, lua_KContext ctx,
                lua_KFunction k);
bool l_task_timed_out(lua_State *L);

/* Undoes the wait that the running task has begun: it goes on instead. */
void task_keep_running(struct task *t);

/* Has an error raised where a task waits. */
void task_raise(struct task *t, const char *message);

/* Wake the first task of a queue, or all: they go on in the next turn of the loop. */
void task_wake_first(struct waiters *w);
void task_wake_all(struct waiters *w);

/* Resumes at once the tasks that are ready. From the loop only. */
void task_run_ready(struct engine *e);

/* Resumes at once the first task of a queue, and returns when it waits again or has ended. From the loop only. */
void task_run_first(struct waiters *w);

/* Ends a task that waits or is ready: its pending <close> variables run, at once, or in the next turn where cancelled
 * tasks cancel others very deeply. Returns false, and does nothing, where it runs or has ended. */
bool task_cancel(struct task *t);

/* Pushes the error of a task that failed onto another stack; to be called in `ended`. */
void task_push_error(lua_State *L, struct task *t);

/* Adds that error to the list that a test reads (testing/testing.c). */
void task_collect(struct task *t);

/* Does a task wait for its end, and so get its error? */
bool task_is_joined(const struct task *t);

/* The text that reports a task which failed or still waits: the message of its error, or `message`, with its traceback.
 * To be given to free() by the caller. */
char *task_describe(struct task *t, const char *message);

/* Reports that text. */
void task_report(struct task *t, const char *message);

/* Reports every task that waits as a deadlock, as nothing can wake it any more, and cancels it. True when there was
 * one. */
bool task_tell_deadlocks(struct engine *e);

/* Cancels all tasks; after that only engine_free may be called. */
void task_close_all(struct engine *e);

/* Closes a coroutine, called from `from` (may be NULL): its pending <close> variables run. Returns what Lua does:
 * LUA_OK, or an error, whose object is on top of the coroutine's stack. */
int task_close_thread(lua_State *co, lua_State *from);

/* os.exit with `close`: the program ends after the running task was closed, so that its pending <close> variables run
 * as well. The caller must return at once what this returns. Only where l_task_can_wait. */
int l_task_exit(lua_State *L, int status);

#endif

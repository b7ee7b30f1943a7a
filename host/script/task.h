/* task: coroutines that may wait. The main chunk, every callback and every host.spawn is one. A task runs until it ends
 * or waits; one that waits has exactly one waker: a deadline, a queue it stands in, or either of them. Coroutines that
 * ended are used again, so that a callback which does not wait costs what a plain call does. */
#ifndef SCRIPT_TASK_H
#define SCRIPT_TASK_H

#include "base/trace.h"
#include "net/clock.h"
#include <lua.h>

struct engine;
struct task;

/* Tasks that wait for the same thing, the first to come first. All zero: nobody. */
struct waiters {
    struct task *first, *last;
};

/* Registry: errors of tasks, a list, while engine_collects. */
#define TASK_ERRORS "wsbot.task errors"

enum task_end {
    TASK_DONE,     /* what it returned is on its stack */
    TASK_FAILED,   /* the error is on top of its stack */
    TASK_CANCELLED /* nothing is */
};

struct task {
    struct engine *engine;
    lua_State *co; /* anchored as long as the task is */
    enum { TASK_IDLE, TASK_READY, TASK_RUNNING, TASK_WAITING } state;
    uint64_t order;               /* when it became ready, among the others */
    int arguments;                /* values on its stack to go on with, when it is ready */
    bool timed_out;               /* why it was woken */
    bool doomed;                  /* it waits for what nothing can bring */
    bool called;                  /* the host has called something in it: a callback, or the main chunk */
    uint64_t born;                /* see engine->births */
    const char *what;             /* it is, for the trace: "callback"; a literal */
    struct trace_subject subject; /* of its lines there */
    uint64_t began_at;            /* 0: nobody traces it */
    char *raises;                 /* what is raised where it waits, its own; NULL: nothing */
    lua_KFunction k;              /* goes on when it has waited */
    lua_KContext ctx;
    const char *waits_in;          /* what it waits in ("host.sleep"), for messages; NULL: it does not wait */
    struct deadline limit;         /* of its wait */
    struct waiters *queue;         /* where it stands, or NULL */
    struct waiters *instead_of;    /* of those there it alone was woken; NULL: it was not so */
    bool cancelled;                /* it ends in the next turn */
    bool set_aside;                /* memory is, for it to begin with */
    const struct waiters *joiners; /* who awaits its end there hears of its error; NULL: nobody can */
    struct task *next, *previous;
    struct task *all_next, **all_at;

    /* Told once, when it ends; its stack may be looked at, and is then emptied. May be NULL. */
    void (*ended)(struct task *t, void *arg, enum task_end how);
    void *arg;
};

/* The tasks of an engine. All zero at first. */
struct tasks {
    struct task *current; /* the one that runs */
    struct task *all;     /* those that run, wait or are ready, the oldest first */
    struct task **all_end;
    struct waiters ready;
    uint64_t order;       /* of the next that becomes ready */
    struct deadline turn; /* when the ready ones go on: in the next turn of the loop */
    struct task *idle;
    unsigned idle_count;
    int exit_status; /* of the task that asked for the end by os.exit */
    bool exits;
    int stuck; /* coroutines of the script's own under way that C code called: waiting cannot pass through them */
};

/* Runs `body`, which finds `arg` by l_door_given, as a task, until it ends or waits; `what` that is, for the trace, is
 * a literal. From the loop only. False, told as an error, where there is no memory for it; then nothing ran and `ended`
 * is not told. The same, without a word, after os.exit.
 */
bool task_run(struct engine *e, const char *what, lua_CFunction body, void *arg,
              void (*ended)(struct task *, void *, enum task_end), void *ended_arg);

/* Makes a task of the function below `n` values on the stack of L, which it takes; it starts in the next turn of the
 * loop. May raise. */
struct task *l_task_spawn(lua_State *L, int n);

/* May the code that runs wait? */
bool l_task_can_wait(lua_State *L);

/* Raises an error that begins with `what` where the code that runs cannot wait. */
void l_task_check(lua_State *L, const char *what);

/* Waits: in `queue` (may be NULL) until somebody wakes it, and no longer than `timeout` nanoseconds (UINT64_MAX:
 * without end). Then `k` goes on, and l_task_timed_out says why. What it returns is to be returned at once. `what` must
 * be a literal. Raises where the code that runs cannot wait. */
int l_task_wait(lua_State *L, const char *what, struct waiters *queue, uint64_t timeout, lua_KContext ctx,
                lua_KFunction k);
bool l_task_timed_out(lua_State *L);

/* The task that runs was about to wait, and does not. */
void task_keep_running(struct task *t);

/* Has an error raised where a task waits. */
void task_raise(struct task *t, const char *message);

/* Have those who wait go on in the next turn of the loop. */
void task_wake_first(struct waiters *w);
void task_wake_all(struct waiters *w);

/* Have those go on at once that are ready. From the loop only. */
void task_run_ready(struct engine *e);

/* Has the first of them go on at once, and returns when it waits again or has ended. From the loop only. */
void task_run_first(struct waiters *w);

/* Ends a task that waits or is ready: its pending <close> variables run, at once, or in the next turn where cancels go
 * very deep. False, and nothing happens, where it runs or has ended. */
bool task_cancel(struct task *t);

/* Pushes onto another stack the error of a task that failed; for those who are told of its end. */
void task_push_error(lua_State *L, struct task *t);

/* Adds that error to those that a test asks for (testing/testing.c). */
void task_collect(struct task *t);

/* Does somebody wait for its end, who so hears of its error? */
bool task_is_joined(const struct task *t);

/* What to tell of a task that failed or still waits: the message of its error, or `message`, with its traceback. The
 * caller's, to be given to free(). */
char *task_describe(struct task *t, const char *message);

/* Reports the same. */
void task_report(struct task *t, const char *message);

/* Tells of every task that waits, as nothing can wake it any more, and cancels it. True when there was one. */
bool task_tell_deadlocks(struct engine *e);

/* Cancels all; then only engine_free may follow. */
void task_close_all(struct engine *e);

/* Closes a coroutine, called from `from` (may be NULL): its pending <close> variables run. Returns what Lua does:
 * LUA_OK, or an error, whose object is on top of the coroutine's stack. */
int task_close_thread(lua_State *co, lua_State *from);

/* os.exit with `close`: the program ends when the task that runs is out of the way, so that its pending <close>
 * variables run as well. To be returned at once. Only where l_task_can_wait. */
int l_task_exit(lua_State *L, int status);

#endif

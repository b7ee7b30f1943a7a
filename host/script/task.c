/* task: the only lua_resume of a task. It is called by the loop, for a deadline or an event. Where a script wakes or
 * spawns a task, that becomes ready and goes on in the next turn, so no task ever runs within another. */
#include "script/task.h"

#include "base/container_of.h"
#include "base/reserve.h"
#include "net/guard.h"
#include "script/box.h"
#include "script/door.h"
#include "script/engine.h"
#include "script/hook.h"
#include "script/luv.h"
#include "script/task_trace.h"
#include <lauxlib.h>
#include <stdlib.h>

enum {
    IDLE_MAX = 64,     /* coroutines kept for the next tasks */
    START_SIZE = 1024, /* bytes that are counted for a new task until it begins */
};

/* ---- lists ---- */

static void append(struct waiters *w, struct task *t) {
    t->next = NULL;
    t->previous = w->last;
    if (w->last)
        w->last->next = t;
    else
        w->first = t;
    w->last = t;
    t->queue = w;
}

static void leave(struct task *t) {
    struct waiters *w = t->queue;
    if (!w) return;
    if (t->next)
        t->next->previous = t->previous;
    else
        w->last = t->previous;
    if (t->previous)
        t->previous->next = t->next;
    else
        w->first = t->next;
    t->queue = NULL;
}

static void link_all(struct task *t) {
    struct tasks *tasks = &t->engine->tasks;
    t->all_next = NULL;
    t->all_at = tasks->all ? tasks->all_end : &tasks->all;
    *t->all_at = t;
    tasks->all_end = &t->all_next;
}

static void unlink_all(struct task *t) {
    *t->all_at = t->all_next;
    if (t->all_next)
        t->all_next->all_at = t->all_at;
    else
        t->engine->tasks.all_end = t->all_at;
}

/* ---- coroutines that are used again ---- */

struct making {
    struct engine *engine;
    struct task *task;
};

/* Makes a new task, which is in no list yet. */
static int l_make(lua_State *L) {
    struct making *m = l_door_given(L, l_make);
    struct task *t = calloc(1, sizeof *t);
    if (!t) return luaL_error(L, "not enough memory");
    account_add(m->engine->account, sizeof *t);
    m->task = t;
    t->engine = m->engine;
    t->co = lua_newthread(L);
    engine_keep_thread(t->co, true);
    box_anchor(L, -1, t);
    return 0;
}

static struct task *take_idle(struct engine *e) {
    struct task *t = e->tasks.idle;
    if (!t) return NULL;
    e->tasks.idle = t->next;
    e->tasks.idle_count--;
    return t;
}

static void drop(struct task *t) {
    box_unanchor(t->engine->L, t);
    account_take(t->engine->account, sizeof *t);
    free(t);
}

/* Frees a task whose coroutine could not be made; it may be NULL. */
static void drop_unmade(struct task *t) {
    if (t) account_take(t->engine->account, sizeof *t);
    free(t);
}

/* Sets up a task; it may have been used for another before. */
err_lists_all(struct task, 216);
static struct task *begin(struct task *t, const char *what) {
    t->what = what;
    t->subject.put = task_put_subject;
    t->began_at = task_is_traced(t) ? clock_now(&t->engine->net->clock) : 0;
    t->state = TASK_READY;
    t->ended = NULL;
    t->joiners = NULL;
    t->called = false;
    t->born = ++t->engine->births;
    t->doomed = false;
    t->arg = NULL;
    t->waits_in = NULL;
    t->queue = t->instead_of = NULL;
    t->cancelled = false;
    link_all(t);
    return t;
}

int task_close_thread(lua_State *co, lua_State *from) {
    struct engine *e = engine_of(co);
    lua_State *running = engine_enter(e, co);
#if LUA_VERSION_RELEASE_NUM >= 50406
    int rc = lua_closethread(co, from);
#else
    int rc = lua_resetthread(co);
    (void)from;
#endif
    engine_leave(e, running);
    return rc;
}

/* Empties the stack of a task; where it was cancelled or failed, its pending <close> variables run. An error in one of
 * these is reported. */
static void reset(struct task *t, enum task_end how) {
    struct engine *e = t->engine;
    if (how == TASK_DONE) {
        lua_settop(t->co, 0);
        return;
    }
    struct task *current = e->tasks.current;
    e->tasks.current = NULL; /* <close> variables cannot wait */
    int rc = task_close_thread(t->co, NULL);
    e->tasks.current = current;
    /* for a failed task this is its error again, which was reported */
    if (how == TASK_CANCELLED && rc != LUA_OK && rc != LUA_YIELD) {
        const char *message = lua_tostring(t->co, -1);
        engine_report(e, message ? message : "an error in a <close> variable of a cancelled task");
    }
    lua_settop(t->co, 0);
}

bool task_is_joined(const struct task *t) { return t->joiners && t->joiners->first; }

/* Gives back what was counted for its start: it begins, or never will. */
static void use_set_aside(struct task *t) {
    if (t->set_aside) account_take(t->engine->account, START_SIZE);
    t->set_aside = false;
}

static void finish(struct task *t, enum task_end how) {
    struct engine *e = t->engine;
    use_set_aside(t);
    unlink_all(t);
    if (task_is_traced(t)) task_trace_end(t, how);
    if (how == TASK_FAILED && e->host->erred) e->host->erred(e->app);
    if (how == TASK_FAILED && engine_collects(e) && !task_is_joined(t)) {
        task_collect(t);
        e->test->quiet = true; /* the test reports that error */
    }
    if (t->ended) t->ended(t, t->arg, how);
    if (e->test) e->test->quiet = false;
    free(t->raises);
    t->raises = NULL;
    reset(t, how);
    t->state = TASK_IDLE;
    /* a coroutine that was left within an xpcall would call its message handler again (Lua 5.4.4) */
    if (how != TASK_DONE || e->tasks.idle_count >= IDLE_MAX) {
        drop(t);
        return;
    }
    t->next = e->tasks.idle;
    e->tasks.idle = t;
    e->tasks.idle_count++;
}

/* ---- running ---- */

static void go_on(struct task *t) {
    struct engine *e = t->engine;
    int results;
    t->state = TASK_RUNNING; /* from now on it cannot be cancelled */
    if (e->hooked && lua_status(t->co) == LUA_OK) hook_begin(e, t->co);
    use_set_aside(t);
    if (task_is_traced(t))
        trace_line(TRACE_TASK, &t->subject, "%s", lua_status(t->co) == LUA_OK ? "begins" : "goes on");
    e->tasks.current = t;
    e->tasks.stuck = 0;
    lua_State *running = engine_enter(e, t->co);
    int rc = lua_resume(t->co, NULL, t->arguments, &results);
    engine_leave(e, running);
    e->tasks.current = NULL;
    t->arguments = 0;
    if (rc == LUA_YIELD && t->state == TASK_WAITING) {
        lua_pop(t->co, results);
        if (e->tasks.exits && !(e->luv && luv_is_turning(e->luv))) e->host->exit(e->app, e->tasks.exit_status);
        return;
    }
    finish(t, rc == LUA_OK ? TASK_DONE : TASK_FAILED);
}

void task_run_ready(struct engine *e) {
    uint64_t round = e->tasks.order; /* tasks that become ready meanwhile go on in the next turn */
    for (struct task *t; !e->tasks.exits && (t = e->tasks.ready.first) && t->order < round;) {
        leave(t);
        t->instead_of = NULL;
        if (t->cancelled)
            finish(t, TASK_CANCELLED);
        else
            go_on(t);
        guard_run(&e->net->clock);
    }
}

static void on_turn(struct deadline *d) {
    struct engine *e = container_of(d, struct engine, tasks.turn);
    task_run_ready(e);
    if (!e->tasks.exits && e->tasks.ready.first) clock_set(&e->net->clock, d, clock_now(&e->net->clock), on_turn);
}

static void make_ready(struct task *t) {
    struct engine *e = t->engine;
    t->state = TASK_READY;
    t->order = e->tasks.order++;
    append(&e->tasks.ready, t);
    if (!clock_is_set(&e->tasks.turn)) clock_set(&e->net->clock, &e->tasks.turn, clock_now(&e->net->clock), on_turn);
}

bool task_run(struct engine *e, const char *what, lua_CFunction body, void *arg,
              void (*ended)(struct task *, void *, enum task_end), void *ended_arg) {
    if (e->tasks.exits) return false;
    struct task *t = take_idle(e);
    if (!t) {
        struct making m = {.engine = e};
        e->lends = true;
        bool made = door_call(e, l_make, &m, NULL);
        e->lends = false;
        if (!made) {
            drop_unmade(m.task);
            return false;
        }
        t = m.task;
    }
    begin(t, what);
    t->called = true;
    t->ended = ended;
    t->arg = ended_arg;
    lua_pushcfunction(t->co, body); /* this takes no memory */
    t->arguments = 0;
    struct engine_gift before = engine_give(e, body, arg);
    go_on(t);
    e->gift = before;
    return true;
}

struct task *l_task_spawn(lua_State *L, int n) {
    struct engine *e = engine_of(L);
    l_engine_need(L, e, sizeof(struct task) + START_SIZE);
    struct making m = {.engine = e, .task = take_idle(e)};
    if (!m.task) {
        lua_pushcfunction(L, l_make);
        struct engine_gift before = engine_give(e, l_make, &m);
        int rc = lua_pcall(L, 0, 0, 0);
        e->gift = before;
        if (rc != LUA_OK) {
            drop_unmade(m.task);
            lua_error(L);
        }
    }
    if (!lua_checkstack(m.task->co, n + 1)) {
        drop(m.task);
        luaL_error(L, "too many arguments");
    }
    begin(m.task, "spawned");
    if (task_is_traced(m.task)) task_trace_call(L, m.task, NULL, n);
    m.task->set_aside = true;
    account_add(e->account, START_SIZE);
    lua_xmove(L, m.task->co, n + 1);
    m.task->arguments = n;
    make_ready(m.task);
    return m.task;
}

/* ---- waiting ---- */

bool l_task_can_wait(lua_State *L) {
    const struct tasks *tasks = &engine_of(L)->tasks;
    return tasks->current && !tasks->stuck && lua_isyieldable(L);
}

void l_task_check(lua_State *L, const char *what) {
    struct tasks *tasks = &engine_of(L)->tasks;
    if (!tasks->current)
        luaL_error(L, "%s: cannot wait here: in a finalizer, or a <close> variable of a task that has ended", what);
    if (!l_task_can_wait(L))
        luaL_error(L,
                   "%s: cannot wait here: within a function that Lua calls from C (a sort comparator, a gsub callback, "
                   "the body of a required module)",
                   what);
}

static void end_wait(struct task *t) {
    leave(t);
    clock_cancel(&t->engine->net->clock, &t->limit);
}

void task_keep_running(struct task *t) {
    end_wait(t);
    t->waits_in = NULL;
    t->state = TASK_RUNNING;
}

static void wake(struct task *t, bool timed_out) {
    end_wait(t);
    t->timed_out = timed_out;
    t->waits_in = NULL;
    t->instead_of = NULL;
    if (task_is_traced(t))
        trace_line(TRACE_TASK, &t->subject, "ready: %s",
                   timed_out ? "its time is over" : "what it waited for is there");
    make_ready(t);
}

static void on_limit(struct deadline *d) { wake(container_of(d, struct task, limit), true); }

/* As luaL_where, for code of the script: Lua modules of ours are passed over. */
static void l_where_of_script(lua_State *L) {
    lua_Debug frame;
    int level = 1;
    while (lua_getstack(L, level, &frame) && lua_getinfo(L, "S", &frame) && engine_is_ours(frame.source)) level++;
    luaL_where(L, level);
}

static int l_waited(lua_State *L, int status, lua_KContext ctx) {
    struct task *t = engine_of(L)->tasks.current;
    (void)ctx;
    if (!t->raises) return t->k(L, status, t->ctx);
    l_where_of_script(L);
    lua_pushstring(L, t->raises);
    lua_concat(L, 2);
    free(t->raises);
    t->raises = NULL;
    return lua_error(L);
}

int l_task_wait(lua_State *L, const char *what, struct waiters *queue, uint64_t timeout, lua_KContext ctx,
                lua_KFunction k) {
    l_task_check(L, what);
    struct engine *e = engine_of(L);
    struct task *t = e->tasks.current;
    t->state = TASK_WAITING;
    t->waits_in = what;
    if (queue) append(queue, t);
    if (timeout < UINT64_MAX) {
        uint64_t now = clock_now(&e->net->clock);
        clock_set(&e->net->clock, &t->limit, timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX, on_limit);
    }
    t->k = k;
    t->ctx = ctx;
    if (task_is_traced(t)) task_trace_wait(L, t, timeout);
    return lua_yieldk(L, 0, 0, l_waited);
}

int l_task_exit(lua_State *L, int status) {
    struct tasks *tasks = &engine_of(L)->tasks;
    tasks->exits = true;
    tasks->exit_status = status;
    tasks->current->state = TASK_WAITING;
    return lua_yield(L, 0);
}

bool l_task_timed_out(lua_State *L) { return engine_of(L)->tasks.current->timed_out; }

void task_raise(struct task *t, const char *message) {
    if (t->state != TASK_WAITING || t->raises) return;
    t->raises = reserve_copy(message);
    wake(t, false);
}

void task_wake_first(struct waiters *w) {
    struct task *t = w->first;
    if (!t) return;
    wake(t, false);
    t->instead_of = w;
}

void task_run_first(struct waiters *w) {
    struct task *t = w->first;
    if (!t || t->engine->tasks.exits) return;
    end_wait(t);
    t->timed_out = false;
    t->waits_in = NULL;
    go_on(t);
}

void task_wake_all(struct waiters *w) {
    while (w->first) wake(w->first, false);
}

/* Ends the wait of a task; false where it runs or has ended. */
static bool withdraw(struct task *t) {
    if (t->state != TASK_WAITING && t->state != TASK_READY) return false;
    end_wait(t);
    if (t->state == TASK_READY && t->instead_of) task_wake_first(t->instead_of);
    t->instead_of = NULL;
    return true;
}

bool task_cancel(struct task *t) {
    if (!withdraw(t)) return false;
    if (engine_is_deep(t->engine)) { /* its <close> variables run on the stack of C */
        t->cancelled = true;
        make_ready(t);
        return true;
    }
    finish(t, TASK_CANCELLED);
    return true;
}

void task_close_all(struct engine *e) {
    while (e->tasks.all && withdraw(e->tasks.all)) finish(e->tasks.all, TASK_CANCELLED);
    for (struct task *t; (t = take_idle(e));) drop(t);
    clock_cancel(&e->net->clock, &e->tasks.turn);
}

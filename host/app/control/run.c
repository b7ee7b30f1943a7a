/* run: code of a client as a task of the running generation (lualib/wsbot/control/inside.lua loads it there), and what
 * comes out of it, for the Lua state of the control socket. Both only know each other by a number: either may end
 * first. */
#include "app/control/parts.h"

#include "base/container_of.h"
#include "base/shown.h"
#include "script/door.h"
#include "script/hook.h"
#include "script/l_push.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS_MOST = 128,       /* at once; lualib/wsbot/control.lua gives each client its part */
    KEEPS_LOOP = 5,        /* seconds that code may run without a wait */
    OUTPUT_MOST = 1 << 20, /* bytes of what it prints that wait for the client; more is left out */
};

struct run_inside {
    LIST_ENTRY(run_inside) link;
    struct control *control;
    lua_Integer number;
    struct deadline begins;     /* in the loop: no code of the control socket may be on the stack then */
    struct task *task;          /* in the running generation; NULL: it has not begun, or has ended */
    struct waiters waiters;     /* for what is to be told */
    struct buf output;          /* what it has printed, and nobody has taken */
    struct buf result;          /* at its end: what it gives, or its error */
    bool over, ok, cut;         /* cut: some output was left out */
    char late[LUA_IDSIZE + 80]; /* it has kept the loop for too long: where; empty: it has not */
    char what[16];              /* the function of `inside` that runs */
    char *text;                 /* its argument */
    size_t size;
};

static const char attached[] = "attached code"; /* the kind of such tasks */

static struct run_inside *find(const struct control *c, lua_Integer number) {
    struct run_inside *r;
    LIST_FOREACH(r, &c->runs, link)
        if (r->number == number) return r;
    return NULL;
}

static void forget(struct run_inside *r) {
    clock_cancel(&r->control->net.clock, &r->begins);
    LIST_REMOVE(r, link);
    buf_clear(&r->output);
    buf_clear(&r->result);
    free(r->text);
    free(r);
}

static void tell(struct run_inside *r, struct buf *to, struct slice text) {
    shown_append(to, text, SHOWN_TABS | SHOWN_LINES);
    task_wake_all(&r->waiters);
}

static void end(struct run_inside *r, bool ok, const char *why) {
    r->over = true;
    r->ok = ok;
    r->task = NULL;
    tell(r, &r->result, slice_str(why));
}

/* ---- in the running generation ---- */

#define LATE "%s:%d: the code ran for %d s without a wait"

/* The watchdog of attached code: has code that keeps the loop yield, in the coroutine that runs, and then in that of
 * the task, at each instruction until the code has left. An error would call its handlers, within this hook, where Lua
 * calls no other one; it is for code that cannot yield. `t` is NULL while <close> variables of an ended task run. */
static void l_limit(lua_State *L, lua_Debug *debug) {
    struct engine *e = engine_of(L);
    const struct task *t = e->tasks.current;
    if (e->watchdog != l_limit) engine_unhook(L);
    if ((t && t->what != attached) || uv_hrtime() - e->entered_at < KEEPS_LOOP * CLOCK_SECOND) return;
    lua_sethook(L, l_limit, LUA_MASKCOUNT, 1);
    lua_getinfo(L, "Sl", debug);
    if (t) {
        struct run_inside *r = t->arg;
        lua_sethook(t->co, l_limit, LUA_MASKCOUNT, 1);
        if (!r->late[0]) snprintf(r->late, sizeof r->late, LATE, debug->short_src, debug->currentline, KEEPS_LOOP);
    }
    if (t && lua_isyieldable(L))
        lua_yield(L, 0); /* to whoever has resumed it, in the end the task, which fails at that */
    else
        luaL_error(L, LATE, debug->short_src, debug->currentline, KEEPS_LOOP);
}

/* Has the watchdog look as long as some of such code runs. */
static void watch(const struct control *c, struct engine *e) {
    bool runs = false;
    const struct run_inside *r;
    LIST_FOREACH(r, &c->runs, link) runs = runs || (r->task && !r->over);
    if (runs && !e->watchdog) engine_set_watchdog(e, NULL, l_limit);
    if (!runs && e->watchdog == l_limit) engine_set_watchdog(e, NULL, NULL);
}

/* put(text): what the code prints. Upvalues: the number of the run, and its control. */
static int l_put(lua_State *L) {
    const struct control *c = lua_touserdata(L, lua_upvalueindex(2));
    struct run_inside *r = find(c, lua_tointeger(L, lua_upvalueindex(1)));
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    if (!r || r->over || r->cut) return 0;
    r->cut = r->output.len + n > OUTPUT_MOST;
    tell(r, &r->output, r->cut ? slice_str("(more was printed, and is left out)\n") : slice_of(text, n));
    return 0;
}

/* Stack: what the function gives, a text. */
static int l_done(lua_State *L, int status, lua_KContext ctx) {
    struct run_inside *r = (struct run_inside *)ctx;
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);
    (void)status;
    if (text) shown_append(&r->result, slice_of(text, n), SHOWN_TABS | SHOWN_LINES);
    return 0;
}

static int l_begin(lua_State *L) {
    struct run_inside *r = l_door_given(L, l_begin);
    r->task = engine_of(L)->tasks.current;
    watch(r->control, engine_of(L));
    hook_begin(engine_of(L), L);
    l_engine_require(L, "wsbot.control.inside");
    lua_getfield(L, -1, r->what);
    lua_pushlstring(L, r->text, r->size);
    lua_pushinteger(L, r->number);
    lua_pushlightuserdata(L, r->control);
    lua_pushcclosure(L, l_put, 2);
    lua_callk(L, 2, 1, (lua_KContext)r, l_done);
    return l_done(L, LUA_OK, (lua_KContext)r);
}

static void on_settled(struct deadline *d) {
    const struct control *c = container_of(d, struct control, settled);
    if (c->worker->engine) watch(c, c->worker->engine);
}

static void on_end(struct task *t, void *arg, enum task_end how) {
    struct run_inside *r = arg;
    struct engine *e = t->engine;
    if (r->late[0]) {
        end(r, false, r->late);
    } else if (how == TASK_FAILED) {
        char *why = task_describe(t, NULL);
        end(r, false, why);
        free(why);
    } else {
        end(r, how == TASK_DONE, how == TASK_DONE ? "" : e->ended ? "a reload has ended it" : "it was cancelled");
    }
    clock_set(&r->control->net.clock, &r->control->settled, 0, on_settled);
}

static void on_begins(struct deadline *d) {
    struct run_inside *r = container_of(d, struct run_inside, begins);
    struct engine *e = r->control->worker->engine;
    if (!e)
        end(r, false, "this process runs no script");
    else if (!task_run(e, attached, l_begin, r, on_end, r))
        end(r, false, "not enough memory");
}

/* ---- for the control socket ---- */

/* start(number, what, text): has the function `what` of `inside` run with that text. */
int l_run_start(lua_State *L) {
    struct control *c = control_of(L);
    size_t n;
    lua_Integer number = luaL_checkinteger(L, 1);
    const char *what = luaL_checkstring(L, 2), *text = luaL_checklstring(L, 3, &n);
    unsigned count = 0;
    struct run_inside *r;
    LIST_FOREACH(r, &c->runs, link) count++;
    if (count == RUNS_MOST) return l_push_unless(L, "too much code runs already");
    r = calloc(1, sizeof *r);
    if (!r || !(r->text = malloc(n + 1))) {
        free(r);
        return luaL_error(L, "not enough memory");
    }
    memcpy(r->text, text, n + 1);
    r->control = c;
    r->number = number;
    r->size = n;
    snprintf(r->what, sizeof r->what, "%s", what);
    buf_init(&r->output, SIZE_MAX);
    buf_init(&r->result, SIZE_MAX);
    LIST_INSERT_HEAD(&c->runs, r, link);
    clock_set(&c->net.clock, &r->begins, clock_now(&c->net.clock), on_begins);
    return l_push_true(L);
}

/* Stack: number, when the wait ends. */
static int l_waited(lua_State *L, int status, lua_KContext ctx) {
    struct run_inside *r = find(control_of(L), lua_tointeger(L, 1));
    (void)status;
    (void)ctx;
    if (!r) return 0;
    if (r->output.len) {
        lua_pushliteral(L, "output");
        struct buf taken = r->output;
        buf_init(&r->output, SIZE_MAX);
        r->cut = false;
        return 1 + l_push_bytes(L, &taken);
    }
    if (!r->over) return l_task_wait(L, "control.wait", &r->waiters, UINT64_MAX, 0, l_waited);
    lua_pushstring(L, r->ok ? "result" : "error");
    struct buf taken = r->result;
    buf_init(&r->result, SIZE_MAX);
    forget(r);
    return 1 + l_push_bytes(L, &taken);
}

/* wait(number) -> "output", text: what was printed; "result" or "error", text: at its end, after which it is forgotten;
 * or nothing, as it is forgotten. Waits. */
int l_run_wait(lua_State *L) {
    lua_settop(L, 1);
    return l_waited(L, LUA_OK, 0);
}

static void cancel(struct run_inside *r) {
    clock_cancel(&r->control->net.clock, &r->begins);
    if (r->task)
        task_cancel(r->task);
    else if (!r->over)
        end(r, false, "it was cancelled");
}

/* cancel(number) */
int l_run_cancel(lua_State *L) {
    struct run_inside *r = find(control_of(L), luaL_checkinteger(L, 1));
    if (r) cancel(r);
    return 0;
}

void run_end_all(struct control *c) {
    for (struct run_inside *r; (r = LIST_FIRST(&c->runs)); forget(r)) cancel(r);
    clock_cancel(&c->net.clock, &c->settled);
    if (c->worker->engine) watch(c, c->worker->engine);
}

/* l_task: host.spawn and host.sleep. A script has a handle of each task, which keeps how the task ended; the task
 * itself is gone by then. */
#include "script/box.h"
#include "script/door.h"
#include "script/l_callable.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include "script/task.h"
#include <lauxlib.h>
#include <stdlib.h>

#define TASK_TYPE "wsbot.task"

/* The userdata, anchored until its task has ended. User value 1: a table of what it returned, or its error. */
struct handle {
    struct engine *engine;
    struct task *task; /* NULL: it has ended, as `how` says */
    enum task_end how;
    struct waiters joiners;
};

static struct handle *check_handle(lua_State *L) { return luaL_checkudata(L, 1, TASK_TYPE); }

/* ---- spawn ---- */

/* Moves what the task leaves on its stack into the handle. */
static int l_keep_results(lua_State *L) {
    struct handle *h = l_door_given(L, l_keep_results);
    lua_State *co = h->task->co;
    if (!box_push(L, h)) return 0;
    if (h->how == TASK_DONE) {
        int n = lua_gettop(co);
        lua_createtable(L, n, 1);
        lua_pushinteger(L, n);
        lua_setfield(L, -2, "n");
        for (; n > 0; n--) {
            lua_xmove(co, L, 1);
            lua_rawseti(L, -2, n);
        }
    } else {
        task_push_error(L, h->task);
    }
    lua_setiuservalue(L, 1, 1);
    return 0;
}

static void on_ended(struct task *t, void *arg, enum task_end how) {
    struct handle *h = arg;
    struct engine *e = h->engine;
    h->how = how;
    bool is_kept = how != TASK_CANCELLED && door_call(e, l_keep_results, h, NULL);
    bool is_heard =
        is_kept && engine_collects(e) && task_is_joined(t); /* in a test, an error that a join gets is not reported */
    if (how == TASK_FAILED && !is_heard) task_report(t, NULL);
    h->task = NULL;
    task_wake_all(&h->joiners);
    box_unanchor(e->L, h);
}

static int l_spawn(lua_State *L) {
    l_callable_check(L, 1);
    l_engine_check(L, "host.spawn");
    struct handle *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (struct handle){.engine = engine_of(L), .how = TASK_CANCELLED};
    luaL_setmetatable(L, TASK_TYPE);
    box_anchor(L, -1, h);
    lua_insert(L, 1); /* handle, fn, arguments */
    h->task = l_task_spawn(L, lua_gettop(L) - 2);
    h->task->ended = on_ended;
    h->task->arg = h;
    h->task->joiners = &h->joiners;
    return 1;
}

/* ---- what a handle can do ---- */

static int push_end(lua_State *L, const struct handle *h) {
    if (h->how == TASK_CANCELLED) return l_push_failure(L, "cancelled", NULL);
    lua_getiuservalue(L, 1, 1); /* results or error */
    return l_push_outcome(L, h->how == TASK_FAILED);
}

static int l_joined(lua_State *L, int status, lua_KContext ctx) {
    const struct handle *h = (const struct handle *)ctx;
    (void)status;
    if (!h->task) return push_end(L, h);
    return l_push_failure(L, "timeout", NULL);
}

static int l_join(lua_State *L) {
    struct handle *h = check_handle(L);
    uint64_t timeout = l_seconds_limit(L, 2);
    if (!h->task) return push_end(L, h);
    if (h->task == h->engine->tasks.current) return luaL_error(L, "task:join: a task cannot wait for its own end");
    return l_task_wait(L, "task:join", &h->joiners, timeout, (lua_KContext)h, l_joined);
}

static int l_cancel(lua_State *L) {
    struct handle *h = check_handle(L);
    if (h->task && h->task == h->engine->tasks.current)
        return luaL_error(L, "task:cancel: a task cannot cancel itself: let its function return");
    lua_pushboolean(L, h->task && task_cancel(h->task));
    return 1;
}

static int l_tostring(lua_State *L) {
    const struct handle *h = check_handle(L);
    const char *const ends[] = {[TASK_DONE] = "done", [TASK_FAILED] = "failed", [TASK_CANCELLED] = "cancelled"};
    const char *state = !h->task ? ends[h->how] : h->task->waits_in ? h->task->waits_in : "running";
    lua_pushfstring(L, "task: %p (%s)", (const void *)h, state);
    return 1;
}

/* ---- sleep ---- */

static int l_sleep(lua_State *L) {
    return l_task_wait(L, "host.sleep", NULL, l_seconds_check(L, 1), 0, l_push_nothing);
}

void l_task_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"join", l_join}, {"cancel", l_cancel}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"spawn", l_spawn}, {"sleep", l_sleep}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_type(L, TASK_TYPE, meta, methods);
    lua_pop(L, 1);
    lua_pushvalue(L, table);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}

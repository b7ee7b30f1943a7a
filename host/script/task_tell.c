/* task_tell: the reports of tasks that failed, or that nothing can wake. */
#include "script/task.h"

#include "base/log.h"
#include "base/reserve.h"
#include "script/door.h"
#include "script/engine.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

void task_push_error(lua_State *L, struct task *t) {
    if (lua_status(t->co) == LUA_YIELD) { /* it has called coroutine.yield */
        lua_pushliteral(L, "attempt to yield from outside a coroutine");
    } else {
        lua_pushvalue(t->co, -1);
        lua_xmove(t->co, L, 1);
    }
}

static int l_collect(lua_State *L) {
    struct task *t = l_door_given(L, l_collect);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TASK_ERRORS);
    task_push_error(L, t);
    lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
    return 0;
}

void task_collect(struct task *t) { door_call(t->engine, l_collect, t, NULL); }

struct description {
    struct task *task;
    const char *message;
    char *text;
};

static int l_describe(lua_State *L) {
    struct description *d = l_door_given(L, l_describe);
    lua_State *co = d->task->co;
    if (d->message)
        lua_pushstring(L, d->message);
    else
        task_push_error(L, d->task);
    l_door_describe(L, co);
    d->text = reserve_copy(lua_tostring(L, -1));
    return 0;
}

char *task_describe(struct task *t, const char *message) {
    struct description d = {.task = t, .message = message};
    char *failed;
    if (door_call(t->engine, l_describe, &d, &failed)) return d.text;
    free(d.text); /* an interrupt has come behind it */
    return failed;
}

void task_report(struct task *t, const char *message) {
    char *text = task_describe(t, message);
    engine_report(t->engine, text);
    free(text);
}

static void tell_deadlock(struct task *t) {
    char message[200];
    snprintf(message, sizeof message, "%s: deadlock: it waits for something that nothing alive can bring", t->waits_in);
    task_report(t, message);
}

bool task_tell_deadlocks(struct engine *e) {
    enum { MOST = 10 };
    unsigned waiting = 0;
    for (struct task *t = e->tasks.all; t; t = t->all_next) {
        t->doomed = t->state == TASK_WAITING; /* all that wait now, also those that the end of another would wake */
        if (t->doomed && waiting++ < MOST) tell_deadlock(t);
    }
    if (waiting > MOST) log_line(LOG_ERROR, "and %u more tasks in a deadlock", waiting - MOST);
    for (struct task *t = e->tasks.all; t;) {
        bool doomed = t->doomed;
        struct task *next = t->all_next;
        t->doomed = false;
        if (doomed) task_cancel(t);
        t = doomed ? e->tasks.all : next; /* cancelling has run code of the script */
    }
    return waiting > 0;
}

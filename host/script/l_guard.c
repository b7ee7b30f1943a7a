/* l_guard: the module wsbot.guard, for Lua modules of ours: functions that are called before any other code of the
 * script once a time has come (net/guard.h). */
#include "net/guard.h"

#include "base/container_of.h"
#include "script/box.h"
#include "script/door.h"
#include "script/engine.h"
#include "script/l_callable.h"
#include "script/l_push.h"
#include "script/modules.h"
#include <stdlib.h>

/* User value 1 of its userdata is the function. It is anchored while it is set. */
struct guard_box {
    struct box box;
    struct guard guard;
    struct engine *engine;
    unsigned busy; /* how many tasks run its function, or wait in it */
    bool ended;    /* its box has, while `busy`: on_ended frees it */
};

static void end(void *object) {
    struct guard_box *b = object;
    guard_cancel(&b->engine->net->clock, &b->guard);
    b->ended = b->busy;
    if (!b->busy) free(b);
}

static const struct box_type guard_type = {
    .name = "wsbot.guard", .size = sizeof(struct guard_box), .values = 1, .end = end};

static void stop(lua_State *L, struct guard_box *b) {
    guard_cancel(&b->engine->net->clock, &b->guard);
    box_unanchor(L, b);
}

static int l_fire(lua_State *L) {
    struct guard_box *b = l_door_given(L, l_fire);
    if (!box_push(L, b)) return 0;
    stop(L, b);
    lua_getiuservalue(L, -1, 1); /* guard, fn */
    lua_callk(L, 0, 0, 0, l_push_nothing);
    return 0;
}

static void on_ended(struct task *task, void *arg, enum task_end how) {
    struct guard_box *b = arg;
    if (how == TASK_FAILED) task_report(task, NULL);
    b->busy--;
    if (b->ended && !b->busy) free(b);
}

static void on_due(struct guard *g) {
    struct guard_box *b = container_of(g, struct guard_box, guard);
    b->busy++;
    if (!task_run(b->engine, "guard", l_fire, b, on_ended, b)) b->busy--;
}

/* guard:set(at): calls the function at that time of guard.now(), or at once where that has passed. */
static int l_set(lua_State *L) {
    struct guard_box *b = l_box_get(L, 1, &guard_type);
    uint64_t due = clock_from_seconds(luaL_checknumber(L, 2));
    l_engine_check(L, "guard:set");
    box_anchor(L, 1, b);
    guard_set(&b->engine->net->clock, &b->guard, due, on_due);
    return 0;
}

static int l_cancel(lua_State *L) {
    stop(L, l_box_get(L, 1, &guard_type));
    return 0;
}

/* new(fn): a guard that is not set. */
static int l_new(lua_State *L) {
    l_callable_check(L, 1);
    struct guard_box *b = l_box_new(L, &guard_type);
    b->engine = engine_of(L);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* now(): seconds of a clock that goes on while the machine is suspended. */
static int l_now(lua_State *L) {
    lua_pushnumber(L, clock_to_seconds(clock_elapsed(&engine_of(L)->net->clock)));
    return 1;
}

int luaopen_guard(lua_State *L) {
    static const luaL_Reg methods[] = {{"set", l_set}, {"cancel", l_cancel}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"new", l_new}, {"now", l_now}, {NULL, NULL}};
    l_box_open(L, &guard_type, NULL, methods);
    luaL_newlib(L, functions);
    return 1;
}

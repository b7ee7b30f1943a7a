/* l_future: host.future: a result that somebody gives later, and others wait for. */
#include "script/box.h"
#include "script/engine.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"

#define FUTURE_TYPE "wsbot.future"

/* The userdata; those who wait for it have it on their stacks. User value 1: a table of its values, or its error. */
struct future {
    enum { FUTURE_OPEN, FUTURE_SET, FUTURE_FAILED } state;
    struct waiters waiters;
};

static struct future *check(lua_State *L) { return luaL_checkudata(L, 1, FUTURE_TYPE); }

static int l_future(lua_State *L) {
    struct future *f = lua_newuserdatauv(L, sizeof *f, 1);
    *f = (struct future){0};
    luaL_setmetatable(L, FUTURE_TYPE);
    return 1;
}

/* What is on the top becomes the result. True: it was the first. */
static int settle(lua_State *L, struct future *f, int state) {
    lua_setiuservalue(L, 1, 1);
    f->state = state;
    task_wake_all(&f->waiters);
    return l_push_true(L);
}

/* set(...): true, or nil and "settled": it has a result already. */
static int l_set(lua_State *L) {
    struct future *f = check(L);
    int n = lua_gettop(L) - 1;
    if (f->state != FUTURE_OPEN) return l_push_failure(L, "settled", NULL);
    lua_createtable(L, n, 1);
    lua_insert(L, 2); /* future, table, values */
    lua_pushinteger(L, n);
    lua_setfield(L, 2, "n");
    for (int i = n; i > 0; i--) lua_rawseti(L, 2, i);
    return settle(L, f, FUTURE_SET);
}

static int l_fail(lua_State *L) {
    struct future *f = check(L);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (f->state != FUTURE_OPEN) return l_push_failure(L, "settled", NULL);
    return settle(L, f, FUTURE_FAILED);
}

static int push_result(lua_State *L, const struct future *f) {
    lua_getiuservalue(L, 1, 1); /* values or error */
    return l_push_outcome(L, f->state == FUTURE_FAILED);
}

static int l_waited(lua_State *L, int status, lua_KContext ctx) {
    const struct future *f = check(L);
    (void)status;
    (void)ctx;
    return f->state != FUTURE_OPEN ? push_result(L, f) : l_push_failure(L, "timeout", NULL);
}

static int l_wait(lua_State *L) {
    struct future *f = check(L);
    uint64_t timeout = l_seconds_limit(L, 2);
    if (f->state != FUTURE_OPEN) return push_result(L, f);
    return l_task_wait(L, "future:wait", &f->waiters, timeout, 0, l_waited);
}

static int l_tostring(lua_State *L) {
    static const char *const states[] = {[FUTURE_OPEN] = "open", [FUTURE_SET] = "set", [FUTURE_FAILED] = "failed"};
    const struct future *f = check(L);
    lua_pushfstring(L, "future: %p (%s)", (const void *)f, states[f->state]);
    return 1;
}

void l_future_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"set", l_set}, {"fail", l_fail}, {"wait", l_wait}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_type(L, FUTURE_TYPE, meta, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, l_future);
    lua_setfield(L, table, "future");
}

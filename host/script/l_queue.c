/* l_queue: host.queue: values that some put and others take, in order. */
#include "script/box.h"
#include "script/engine.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"

#define QUEUE_TYPE "wsbot.queue"

/* The userdata; those who wait have it on their stacks. User value 1: a table of the values, from `first` on. */
struct queue {
    const struct clock *clock;
    lua_Integer first, count, capacity; /* capacity 0: without bound */
    bool closed;
    struct waiters takers, putters;
};

static struct queue *check(lua_State *L) { return luaL_checkudata(L, 1, QUEUE_TYPE); }

static int l_queue(lua_State *L) {
    lua_Integer capacity = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, lua_isnoneornil(L, 1) || capacity >= 1, 1, "a capacity is 1 or more");
    struct queue *q = lua_newuserdatauv(L, sizeof *q, 1);
    *q = (struct queue){.clock = &engine_of(L)->net->clock, .first = 1, .capacity = capacity};
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, QUEUE_TYPE);
    return 1;
}

/* Stack: queue, when the wait ends, value. */
static int l_put_on(lua_State *L, int status, lua_KContext waited) {
    struct queue *q = check(L);
    (void)status;
    if (q->closed) return l_push_failure(L, "closed", NULL);
    if (q->capacity == 0 || q->count < q->capacity) {
        lua_getiuservalue(L, 1, 1);
        lua_pushvalue(L, 3);
        lua_rawseti(L, -2, q->first + q->count);
        q->count++;
        task_wake_first(&q->takers);
        return l_push_true(L);
    }
    if (waited && l_task_timed_out(L)) return l_push_failure(L, "timeout", NULL);
    return l_task_wait(L, "queue:put", &q->putters, l_seconds_left(L, q->clock), 1, l_put_on);
}

/* put(value [, timeout]) */
static int l_put(lua_State *L) {
    struct queue *q = check(L);
    luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "a value that is not nil");
    lua_settop(L, 3);
    lua_insert(L, 2); /* queue, timeout, value */
    lua_pushinteger(L, (lua_Integer)l_seconds_end(L, 2, q->clock));
    lua_replace(L, 2);
    return l_put_on(L, LUA_OK, 0);
}

/* Stack: queue, when the wait ends. */
static int l_take_on(lua_State *L, int status, lua_KContext waited) {
    struct queue *q = check(L);
    (void)status;
    if (q->count) {
        lua_getiuservalue(L, 1, 1);
        lua_rawgeti(L, -1, q->first);
        lua_pushnil(L);
        lua_rawseti(L, -3, q->first++);
        if (--q->count == 0) q->first = 1;
        task_wake_first(&q->putters);
        return 1;
    }
    if (q->closed) return l_push_failure(L, "closed", NULL);
    if (waited && l_task_timed_out(L)) return l_push_failure(L, "timeout", NULL);
    return l_task_wait(L, "queue:take", &q->takers, l_seconds_left(L, q->clock), 1, l_take_on);
}

static int l_take(lua_State *L) {
    l_seconds_keep(L, check(L)->clock);
    return l_take_on(L, LUA_OK, 0);
}

/* What is in it can still be taken; nothing more can be put. */
static int l_close(lua_State *L) {
    struct queue *q = check(L);
    q->closed = true;
    task_wake_all(&q->takers);
    task_wake_all(&q->putters);
    return 0;
}

static int l_length(lua_State *L) {
    lua_pushinteger(L, check(L)->count);
    return 1;
}

void l_queue_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"put", l_put}, {"take", l_take}, {"close", l_close}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__len", l_length}, {"__close", l_close}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_type(L, QUEUE_TYPE, meta, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, l_queue);
    lua_setfield(L, table, "queue");
}

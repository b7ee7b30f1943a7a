/* l_limiter: host.limiter: a limit, and those who wait for room in it, in their order. */
#include "base/container_of.h"
#include "base/limit.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include <stdlib.h>

#define LIMITER_TYPE "wsbot.limiter"
enum { LIMITER_MOST = 1 << 20 }; /* in a span: 8 bytes are kept for each */

/* Those who wait have its userdata on their stacks; the context of their waits is how many they take. User value 1: the
 * userdata of `times`. */
struct limiter {
    struct box box;
    struct clock *clock;
    struct limit limit;
    struct waiters waiters;
    struct deadline next; /* there is room for the first of them */
};

static void end(void *object) {
    struct limiter *l = object;
    clock_cancel(l->clock, &l->next);
    free(l);
}

static const struct box_type limiter_type = {
    .name = LIMITER_TYPE, .size = sizeof(struct limiter), .values = 1, .end = end};

static struct limiter *check(lua_State *L) { return l_box_get(L, 1, &limiter_type); }

static void on_room(struct deadline *d);

/* Wakes those for whom there is room, in their order. */
static void let_through(struct limiter *l) {
    uint64_t now = clock_now(l->clock);
    for (struct task *t; (t = l->waiters.first); task_wake_first(&l->waiters)) {
        uint64_t at = limit_ready_at(&l->limit, (uint64_t)t->ctx);
        if (at > now) {
            clock_set(l->clock, &l->next, at, on_room);
            return;
        }
        limit_take(&l->limit, (uint64_t)t->ctx, now);
    }
    clock_cancel(l->clock, &l->next);
}

static void on_room(struct deadline *d) { let_through(container_of(d, struct limiter, next)); }

static int l_taken(lua_State *L, int status, lua_KContext count) {
    struct limiter *l = check(L);
    (void)status;
    (void)count;
    if (!l_task_timed_out(L)) return l_push_true(L);
    let_through(l); /* who came behind may want less */
    return l_push_failure(L, "timeout", NULL);
}

/* take([count [, timeout]]) */
static int l_take(lua_State *L) {
    struct limiter *l = check(L);
    lua_Integer count = luaL_optinteger(L, 2, 1);
    uint64_t timeout = l_seconds_limit(L, 3), now = clock_now(l->clock);
    luaL_argcheck(L, count >= 1 && (uint64_t)count <= l->limit.n, 2,
                  "from 1 to as many as the limiter lets through at once");
    if (!l->waiters.first && limit_ready_at(&l->limit, (uint64_t)count) <= now) {
        limit_take(&l->limit, (uint64_t)count, now);
        return l_push_true(L);
    }
    lua_settop(L, 1);
    if (!l->waiters.first) clock_set(l->clock, &l->next, limit_ready_at(&l->limit, (uint64_t)count), on_room);
    return l_task_wait(L, "limiter:take", &l->waiters, timeout, (lua_KContext)count, l_taken);
}

/* limiter { n =, per =, scope = ... }: lualib/wsbot/limits.lua has those that programs share. */
static int l_limiter_of_scope(lua_State *L) {
    lua_settop(L, 1);
    l_engine_require(L, "wsbot.limits");
    lua_getfield(L, -1, "of_scope");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* limiter(n, seconds) */
static int l_limiter(lua_State *L) {
    if (lua_istable(L, 1)) return l_limiter_of_scope(L);
    lua_Integer n = luaL_checkinteger(L, 1);
    uint64_t span = l_seconds_check(L, 2);
    luaL_argcheck(L, n >= 1 && n <= LIMITER_MOST, 1, "from 1 to 1048576");
    luaL_argcheck(L, span > 0, 2, "more than 0 seconds");
    struct limiter *l = l_box_new(L, &limiter_type);
    l->clock = &engine_of(L)->net->clock;
    l->limit = (struct limit){.span = span, .n = (uint64_t)n};
    l->limit.times = lua_newuserdatauv(L, (size_t)n * sizeof *l->limit.times, 0);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

void l_limiter_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"take", l_take}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_open(L, &limiter_type, NULL, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, l_limiter);
    lua_setfield(L, table, "limiter");
}

/* l_limiter: host.limiter: no more than n in any span of so many seconds. The times of the last n are kept: there is
 * room for the next as soon as the oldest of them is a span ago. */
#include "base/container_of.h"
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
    uint64_t span; /* nanoseconds */
    uint64_t taken, n;
    uint64_t *times; /* when the last n were taken: number i at i % n */
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

/* When there is room for so many more. */
static uint64_t ready_at(const struct limiter *l, uint64_t count) {
    uint64_t last = l->taken + count - 1;
    return last < l->n ? 0 : l->times[last % l->n] + l->span;
}

static void take(struct limiter *l, uint64_t count, uint64_t now) {
    while (count--) l->times[l->taken++ % l->n] = now;
}

static void on_room(struct deadline *d);

/* Wakes those for whom there is room, in their order. */
static void let_through(struct limiter *l) {
    uint64_t now = clock_now(l->clock);
    for (struct task *t; (t = l->waiters.first); task_wake_first(&l->waiters)) {
        uint64_t at = ready_at(l, (uint64_t)t->ctx);
        if (at > now) {
            clock_set(l->clock, &l->next, at, on_room);
            return;
        }
        take(l, (uint64_t)t->ctx, now);
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
    luaL_argcheck(L, count >= 1 && (uint64_t)count <= l->n, 2, "from 1 to as many as the limiter lets through at once");
    if (!l->waiters.first && ready_at(l, (uint64_t)count) <= now) {
        take(l, (uint64_t)count, now);
        return l_push_true(L);
    }
    lua_settop(L, 1);
    if (!l->waiters.first) clock_set(l->clock, &l->next, ready_at(l, (uint64_t)count), on_room);
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
    l->span = span;
    l->n = (uint64_t)n;
    l->times = lua_newuserdatauv(L, (size_t)n * sizeof *l->times, 0);
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

/* testing: the part of wsbot.testing and of `wsbot test` that is C: the virtual clock, the limit of a test, the
 * errors of its callbacks and tasks, and what it left open. */
#include "testing/testing.h"
#include "base/container_of.h"
#include "base/digest.h"
#include "base/number.h"
#include "base/random.h"
#include "net/http/http.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_callable.h"
#include "script/l_http.h"
#include "script/l_pending.h"
#include "script/l_push.h"
#include "script/l_serve.h"
#include "script/l_timer.h"
#include "script/modules.h"
#include "script/ws/conn.h"
#include "script/ws/option.h"
#include "testing/loopback.h"
#include "testing/peer.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the clock ---- */

static struct clock *clock_of(lua_State *L) { return &engine_of(L)->net->clock; }

static int l_freeze(lua_State *L) {
    clock_freeze(clock_of(L));
    return 0;
}

static int l_thaw(lua_State *L) {
    clock_thaw(clock_of(L));
    return 0;
}

static int l_nanoseconds(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)clock_from_seconds(luaL_checknumber(L, 1)));
    return 1;
}

/* due(): nanoseconds until the next deadline that is not due yet, or nil. */
static int l_due(lua_State *L) {
    uint64_t due;
    if (!clock_next(clock_of(L), &due)) return 0;
    lua_pushinteger(L, (lua_Integer)(due - clock_now(clock_of(L))));
    return 1;
}

static int l_move(lua_State *L) {
    lua_Integer ns = luaL_checkinteger(L, 1);
    if (clock_of(L)->frozen && ns > 0) clock_advance(clock_of(L), (uint64_t)ns);
    return 0;
}

/* pending(list) adds what waits for the clock in this state. */
static int l_pending(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    l_pending_add(L, engine_of(L));
    return 0;
}

/* first(): how many nanoseconds are left until the first of these is due; nil: nothing waits. */
int l_push_first(lua_State *L, const struct engine *e) {
    uint64_t left = e ? pending_first(e) : UINT64_MAX;
    if (left == UINT64_MAX) return 0;
    lua_pushinteger(L, (lua_Integer)left);
    return 1;
}

static int l_first(lua_State *L) { return l_push_first(L, engine_of(L)); }

static int l_frozen(lua_State *L) {
    lua_pushboolean(L, clock_of(L)->frozen);
    return 1;
}

/* Turns of the loop: at most FEW while new work is due again and again, at most MOST while bytes are on their way; past
 * HASTY each sleeps 1 ms. */
enum { SETTLE_FEW = 100, SETTLE_HASTY = 200, SETTLE_MOST = 2000 };

/* Is everything done that is due at this time? What one end of a connection within this process has sent to the other
 * is waited for; work that makes new work due at once, without end, is not. */
static bool is_settled(const struct engine *e, lua_KContext turns) {
    const struct net *net = e->net;
    if (turns == 0) return false; /* all sockets are looked at once at least */
    if (!loopback_is_quiet(net, turns < SETTLE_FEW)) return turns >= SETTLE_MOST;
    if (turns >= SETTLE_FEW) return true;
    return !net_is_busy(net) && !e->tasks.ready.first && !clock_is_due(&net->clock);
}

static int l_settled(lua_State *L, int status, lua_KContext turns) {
    const struct engine *e = engine_of(L);
    (void)status;
#ifdef WSBOT_HTTP
    if (http_is_under_way(e->net)) { /* turns count anew then: what an HTTP response leads to has its own */
        uv_sleep(1);
        return l_task_wait(L, "clock:advance, for an answer by HTTP", NULL, 0, 0, l_settled);
    }
#endif
    if (is_settled(e, turns)) return 0;
    if (turns > SETTLE_HASTY) uv_sleep(1); /* leaves the processor to the kernel, or to a thread that looks up a name */
    return l_task_wait(L, "clock:advance", NULL, 0, turns + 1, l_settled);
}

/* settle(): waits until all that is due now has happened, sockets included. */
static int l_settle(lua_State *L) { return l_settled(L, LUA_OK, 0); }

/* ---- the limit: of real time, whatever the clock says ---- */

struct limit {
    struct box box;
    uv_timer_t timer; /* keeps the loop alive, so that a task which waits in vain gets an error */
    struct engine *engine;
    uint64_t task; /* number of its task (engine->births), which may end before the limited function */
    struct limit *outer;
    double seconds;
    uint64_t until;
    unsigned raised; /* how often the error was raised */
};
enum { PATIENCE = 3 }; /* how often it is raised before each instruction raises it */

static void describe(const struct limit *l, const char *where, char *text, size_t size) {
    number_print(text, size, "the test took over %g s (--test-timeout): %s", l->seconds, where);
}

/* The watchdog of all threads of a test, and of its bots: raises an error in code that keeps the loop from turning for
 * too long. */
static void l_busy(lua_State *L, lua_Debug *debug) {
    (void)debug;
    struct engine *e = engine_of(L);
    struct limit *l = engine_for_test(engine_is_tested(e) ? e->test->tester : e)->limit;
    char text[160];
    if (!l) {
        engine_unhook(L);
    } else if (uv_hrtime() > l->until) {
        /* code that catches the error gets it again, in the end at once; at first a message handler may run */
        lua_sethook(L, l_busy, LUA_MASKCOUNT, ++l->raised > PATIENCE ? 1 : ENGINE_CHECK_EVERY);
        describe(l, "it did not wait", text, sizeof text);
        luaL_where(L, 0); /* level 0: a hook is no function, so this is the code that it interrupts */
        lua_pushstring(L, text);
        lua_concat(L, 2);
        lua_error(L);
    }
}

/* Raises an error in a task that waits for too long. */
static void on_limit(uv_timer_t *timer) {
    struct limit *l = timer->data;
    char text[160], where[80];
    struct task *t = l->engine->tasks.all;
    while (t && t->born != l->task) t = t->all_next;
    if (t && t->state == TASK_WAITING) {
        snprintf(where, sizeof where, "it waited in %s", t->waits_in);
        describe(l, where, text, sizeof text);
        /* code that catches the first error may clean up; code that goes on is led out, like code that is busy */
        if (l->raised++ > 0) lua_sethook(t->co, l_busy, LUA_MASKCOUNT, 1);
        task_raise(t, text);
    }
    uv_timer_start(timer, on_limit, 100, 0); /* for code that catches the error, and waits again */
}

static void on_closed(uv_handle_t *timer) { free(timer->data); }

static void end_limit(void *object) {
    struct limit *l = object;
    struct limit **in = &l->engine->test->limit; /* not always the first: a coroutine may be left within another */
    while (*in != l) in = &(*in)->outer;
    *in = l->outer;
    uv_close((uv_handle_t *)&l->timer, on_closed);
}

static const struct box_type limit_type = {
    .name = "wsbot.limit", .size = sizeof(struct limit), .closes = true, .end = end_limit};

/* Runs when the function has returned: where it has caught the error of the limit, the test fails all the same. */
static int l_guarded(lua_State *L, int status, lua_KContext ctx) {
    const struct limit *l = (const struct limit *)ctx;
    char text[160];
    (void)status;
    engine_unhook(L);
    if (!l->raised) return lua_gettop(L) - 1;
    describe(l, "that was caught", text, sizeof text);
    lua_pushstring(L, text); /* without a place: busted says where the test begins */
    return lua_error(L);
}

/* guard(seconds, fn, ...) calls fn(...), which fails when it takes longer. */
static int l_guard(lua_State *L) {
    struct engine *e = engine_of(L);
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_checkany(L, 2);
    l_task_check(L, "guard");
    struct limit *l = l_box_new(L, &limit_type);
    uv_timer_init(e->net->loop, &l->timer); /* cannot fail */
    l->timer.data = l;
    l->engine = e;
    l->task = e->tasks.current->born;
    l->seconds = seconds;
    l->until = uv_hrtime() + clock_from_seconds(seconds);
    l->outer = engine_for_test(e)->limit;
    e->test->limit = l;
    lua_replace(L, 1);
    lua_toclose(L, 1);
    uv_update_time(e->net->loop); /* its time is old where the last test has kept it from turning */
    uv_timer_start(&l->timer, on_limit, clock_from_seconds(seconds) / CLOCK_MS + 1, 0);
    engine_set_watchdog(e, L, l_busy);
    lua_callk(L, lua_gettop(L) - 2, LUA_MULTRET, (lua_KContext)l, l_guarded);
    return l_guarded(L, LUA_OK, (lua_KContext)l);
}

/* turn(who, n): waits for the next turn of the loop, the n-th time; after many turns it sleeps 1 ms in each, to leave
 * the processor to others. */
static int l_turn(lua_State *L) {
    static const char *const whose[] = {"testing.eventually", "bot:wait", "bot:expect", "peer:finish", NULL};
    int what = luaL_checkoption(L, 1, NULL, whose);
    if (luaL_checkinteger(L, 2) > SETTLE_HASTY) uv_sleep(1);
    return l_task_wait(L, whose[what], NULL, 0, 0, l_push_nothing);
}

/* real(): seconds of the real clock, which no test stops. */
static int l_real(lua_State *L) {
    lua_pushnumber(L, clock_to_seconds(uv_hrtime()));
    return 1;
}

/* disown(): the task that was just spawned is not ended with a test; the code that has spawned it does that. */
static int l_disown(lua_State *L) {
    const struct tasks *tasks = &engine_of(L)->tasks;
    if (tasks->all) container_of(tasks->all_end, struct task, all_next)->born = 0;
    return 0;
}

/* The bytes of a Base64 text. */
static int l_unbase64(lua_State *L) {
    size_t n;
    struct buf bytes;
    const char *text = luaL_checklstring(L, 1, &n);
    buf_init(&bytes, SIZE_MAX);
    bool ok = digest_base64_read(&bytes, slice_of(text, n)) == 0;
    l_push_bytes(L, &bytes);
    return ok ? 1 : luaL_error(L, "this is no Base64");
}

/* ---- errors of callbacks, timers and tasks ---- */

static int l_collect(lua_State *L) {
    engine_for_test(engine_of(L))->collects = lua_toboolean(L, 1);
    return 0;
}

/* When the main chunk has ended, the program does not wait for what is open: all tests have been run. */
static int l_end_with_main(lua_State *L) {
    engine_of(L)->ends_with_main = true;
    return 0;
}

/* blame(error): adds an error that was found elsewhere. */
static int l_blame(lua_State *L) {
    luaL_checkany(L, 1);
    if (!engine_collects(engine_of(L))) { /* there is no test that could fail */
        engine_report(engine_of(L), luaL_tolstring(L, 1, NULL));
        return 0;
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TASK_ERRORS);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

/* errors(): the list of these errors, which begins anew. */
static int l_errors(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, TASK_ERRORS);
    lua_newtable(L);
    lua_setfield(L, LUA_REGISTRYINDEX, TASK_ERRORS);
    return 1;
}

/* ---- values ---- */

/* Can it be called? */
static int l_callable(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushboolean(L, l_callable_is(L, 1));
    return 1;
}

/* ---- random numbers ---- */

/* seed(n, name): from now on the host's random numbers follow from these two. Returns a seed for math.random. */
static int l_seed(lua_State *L) {
    uint64_t hash = (uint64_t)luaL_checkinteger(L, 1) ^ UINT64_C(0xCBF29CE484222325); /* FNV-1a */
    size_t n;
    const char *name = luaL_optlstring(L, 2, "", &n);
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001B3);
    random_seed(hash);
    random_fill(&hash, sizeof hash);
    lua_pushinteger(L, (lua_Integer)hash);
    return 1;
}

/* ---- what is left open ---- */

/* instruments(): the list of objects that are closed with a test, without a report: peers, bots and clocks. Each has a
 * method close. */
static int l_instruments(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "wsbot.instruments");
    return 1;
}

/* birth(): gives out a number, as connections, timers and tasks get one (engine->births). */
static int l_birth(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)++engine_of(L)->births);
    return 1;
}

/* mark(): the last number given out: everything that is open now has no higher one. */
static int l_mark(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)engine_of(L)->births);
    return 1;
}

static void add_count(lua_State *L, unsigned n, const char *what) {
    if (n == 0) return;
    lua_pushfstring(L, n == 1 ? "%d %s" : "%d %ss", (int)n, what);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* end_since(mark) ends what was made after that mark, and returns a list that says what it was. */
static int l_end_since(lua_State *L) {
    struct engine *e = engine_of(L);
    uint64_t mark = (uint64_t)luaL_checkinteger(L, 1);
    unsigned tasks = 0, servers = l_serve_end_since(L, mark);
    lua_newtable(L);
    for (struct task *t = e->tasks.all, *next; t; t = next) {
        next = t->all_next;
        if (t->born <= mark || t == e->tasks.current || t->cancelled) continue;
        tasks++;
        task_cancel(t);
        next = e->tasks.all; /* cancelling has run code of the script */
    }
    /* what is pushed may have the collector free boxes, but not this one before it was abandoned, nor until the next */
    for (struct conn_box *b = e->boxes; b; b = b->next) {
        if (b->born <= mark || b->conn->phase == CONN_CLOSED || !b->conn->sink) continue;
        if (b->conn->phase < CONN_CLOSING) { /* one that is closing was not forgotten */
            const char *url = b->conn->plan->url.text;
            const char *what = b->name || !url ? b->name : l_option_shown(L, url, strlen(url));
            lua_pushfstring(L, "connection %s (%s)", what ? what : "?", conn_state(b->conn));
            if (what && what != b->name) lua_remove(L, -2);
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        }
        l_conn_abandon(L, b);
    }
    add_count(L, l_timer_end_since(L, mark), "timer");
    add_count(L, tasks, "task");
    add_count(L, servers, "server");
#ifdef WSBOT_HTTP
    add_count(L, l_http_end_since(e, mark), "stream");
#endif
    return 1;
}

/* begin_line(): ends a line that stdout has begun; for code that writes to stderr next. */
static int l_begin_line(lua_State *L) {
    outlet_begin_line(&engine_of(L)->net->outlet);
    return 0;
}

int luaopen_testing_core(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"freeze", l_freeze},
        {"callable", l_callable},
        {"methods", l_fields_methods},
        {"thaw", l_thaw},
        {"frozen", l_frozen},
        {"pending", l_pending},
        {"first", l_first},
        {"nanoseconds", l_nanoseconds},
        {"due", l_due},
        {"move", l_move},
        {"settle", l_settle},
        {"guard", l_guard},
        {"collect", l_collect},
        {"errors", l_errors},
        {"end_with_main", l_end_with_main},
        {"mark", l_mark},
        {"end_since", l_end_since},
        {"begin_line", l_begin_line},
        {"birth", l_birth},
        {"seed", l_seed},
        {"instruments", l_instruments},
        {"turn", l_turn},
        {"real", l_real},
        {"disown", l_disown},
        {"blame", l_blame},
        {"unbase64", l_unbase64},
        {NULL, NULL},
    };
    l_box_open(L, &limit_type, NULL, NULL);
    luaL_newlib(L, functions);
    l_recent_open(L, -1);
    l_peer_open(L, -1);
    l_bot_open(L, -1);
    return 1;
}

const luaL_Reg testing_modules[] = {{"wsbot.testing.core", luaopen_testing_core}, {NULL, NULL}};

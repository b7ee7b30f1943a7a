/* engine: makes the Lua state, allocates its memory, finds its modules. */
#include "script/engine.h"

#include "base/container_of.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/reserve.h"
#include "base/shown.h"
#include "script/box.h"
#include "script/collector.h"
#include "script/durable.h"
#include "script/hook.h"
#include "script/interrupt.h"
#include "script/l_output.h"
#include "script/l_timer.h"
#include "script/lualib.h"
#include "script/luv.h"
#include "script/modules.h"
#include "script/profile.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    ENGINE_FOR_LUA = 16,               /* 1 / 16 of the limit is for Lua's objects alone */
    ENGINE_LOAN = 64 * 1024,           /* least bytes by which some allocations may exceed the limit (may_take) */
    ENGINE_FOR_STOP = 4 * 1024 * 1024, /* bytes more that a script may take while it stops */
    GARBAGE_PART = 16,                 /* see is_worth_collecting */
};

/* Every thread has the address of its engine in its extra space; the lowest bit there says that the thread is the
 * host's (engine_keep_thread). */
struct engine *engine_of(lua_State *L) {
    return (struct engine *)(*(uintptr_t *)lua_getextraspace(L) & ~(uintptr_t)1);
}

void engine_keep_thread(lua_State *co, bool keeps) {
    *(uintptr_t *)lua_getextraspace(co) = (uintptr_t)engine_of(co) | keeps;
}

bool engine_keeps_thread(lua_State *co) { return *(uintptr_t *)lua_getextraspace(co) & 1; }

/* Where a new object is refused, Lua collects garbage and tries again. It raises at once where a string buffer cannot
 * grow, and from 5.4.5 on where a stack cannot. So an allocation that is not a new object may exceed the limit by a
 * loan; the next object is then refused, and all garbage is collected for it. While no Lua code runs it is luv that
 * pushes arguments: nothing is refused then, as that would end the process. */
static bool may_take(struct engine *e, size_t n, bool is_object) {
    size_t most = e->account->most + e->beyond, loan = e->beyond + ENGINE_LOAN;
    if (e->account->bytes + n <= most || !e->running) return true;
    if (!is_object && e->account->bytes + n <= most + loan) return true;
    if (e->lends && e->account->bytes + n <= most + 2 * loan) return true;
    e->refused = true;
    return false;
}

static void *allocate(void *arg, void *old, size_t old_size, size_t size) {
    struct engine *e = arg;
    bool is_object = !old && old_size != 0;
    if (!old) old_size = 0; /* for a new object Lua passes its kind there */
    if (size == 0) {
        e->memory -= old_size;
        account_take(e->account, old_size);
        memory_free(&e->blocks, old, old_size);
        return NULL;
    }
    if (size > old_size && !may_take(e, size - old_size, is_object)) return NULL;
    void *block = memory_resize(&e->blocks, old, old_size, size);
    if (block) {
        e->memory += size - old_size;
        account_add(e->account, size - old_size);
    }
    return block;
}

/* Lua does not say where in its block the text of a string lies. A long string has it behind its header, up to the
 * end. */
static size_t measure_string_head(lua_State *L) {
    const struct engine *e = engine_of(L);
    char text[200] = {0};
    lua_gc(L, LUA_GCSTOP);
    size_t before = e->memory;
    lua_pushlstring(L, text, sizeof text);
    size_t block = e->memory - before;
    lua_pop(L, 1);
    lua_gc(L, LUA_GCRESTART);
    return block - sizeof text - 1;
}

void engine_offer(struct engine *e, struct buf *b) {
    size_t size = e->string_head + b->len + 1;
    if (b->start != e->string_head || b->size < size || size <= MEMORY_SMALL) return;
    memory_offer(&e->blocks, b->base, size);
    *b = (struct buf){.cap = b->cap};
}

/* ---- memory for the script ---- */

void engine_limit_memory(struct engine *e, size_t bytes) {
    e->beyond = bytes / ENGINE_FOR_LUA;
    e->account->most = bytes - e->beyond;
}

void engine_share_memory(struct engine *e, const struct engine *other) {
    account_add(other->account, e->account->bytes);
    account_release(e->account);
    e->account = account_hold(other->account);
    e->beyond = other->beyond;
}

/* Collecting is worth it when much was allocated since the last time, or when so much time has passed that it takes a
 * small part of that. */
static bool is_worth_collecting(const struct engine *e) {
    const struct engine_garbage *g = &e->garbage;
    size_t taken = e->account->bytes > g->left ? e->account->bytes - g->left : 0;
    return taken > e->account->most / GARBAGE_PART || uv_hrtime() - g->ended > GARBAGE_PART * g->took;
}

static void collect(struct engine *e, lua_State *L) {
    if (!is_worth_collecting(e)) return;
    uint64_t began = uv_hrtime();
    lua_gc(L, LUA_GCCOLLECT);
    e->garbage.ended = uv_hrtime();
    e->garbage.took = e->garbage.ended - began;
    e->garbage.left = e->account->bytes;
}

void engine_collect(struct engine *e) {
    lua_State *running = engine_enter(e, e->L); /* finalizers are Lua code */
    collect(e, e->L);
    engine_leave(e, running);
}

static void on_tidying(struct deadline *d) {
    struct engine *e = container_of(d, struct engine, tidying);
    lua_State *running = engine_enter(e, e->L);
    if (e->refused) collect(e, e->L);
    e->refused = false;
    collector_tune(e);
    engine_leave(e, running);
}

/* When Lua was refused memory, it has collected all garbage but objects with finalizers, which may keep the most
 * memory. Those are collected later, from the loop: C functions that are running now may still use such an object. */
static void tidy_soon(struct engine *e) {
    struct clock *clock = &e->net->clock;
    if (!clock_is_set(&e->tidying)) clock_set(clock, &e->tidying, clock_now(clock), on_tidying);
}

void engine_allow_stop(struct engine *e) {
    e->beyond += ENGINE_FOR_STOP;
    if (!account_has_room(e->account, ENGINE_FOR_STOP)) engine_collect(e);
}

void l_engine_need_slowly(lua_State *L, size_t bytes) {
    struct engine *e = engine_of(L);
    collect(e, L);
    if (!account_has_room(e->account, bytes)) luaL_error(L, "not enough memory");
}

size_t l_engine_room(lua_State *L, size_t wanted) {
    struct engine *e = engine_of(L);
    const struct account *a = e->account;
    if (!account_has_room(a, wanted)) collect(e, L);
    return a->bytes < a->most ? a->most - a->bytes : 0;
}

void l_engine_keep(lua_State *L, size_t bytes) {
    struct engine *e = engine_of(L);
    l_engine_need(L, e, bytes);
    account_add(e->account, bytes);
}

/* ---- modules ---- */

bool l_engine_load(lua_State *L, const char *name) {
    for (const struct lualib_module *m = lualib_modules; m->name; m++) {
        if (strcmp(m->name, name) != 0) continue;
        lua_pushfstring(L, "=%s", m->name);
        if (luaL_loadbufferx(L, m->source, m->size, lua_tostring(L, -1), "t") != LUA_OK) lua_error(L);
        lua_remove(L, -2);
        return true;
    }
    return false;
}

void l_engine_require(lua_State *L, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        if (!l_engine_load(L, name)) luaL_error(L, "module '%s' is not in the program", name);
        lua_call(L, 0, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
}

/* os.exit, as in Lua; where the state is to be closed first, that happens after the task that has called it. Upvalue 1:
 * Lua's own os.exit. */
static int l_exit(lua_State *L) {
    if (engine_of(L)->staged) { /* the reload fails, whatever the script does about this error */
        engine_of(L)->exited = true;
        return luaL_error(L, "os.exit was called");
    }
    struct engine *e = engine_of(L);
    struct luv *luv = e->luv;
    int status = lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE)
                                     : (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
    if ((lua_toboolean(L, 2) || engine_is_tested(e)) && l_task_can_wait(L)) return l_task_exit(L, status);
    if (engine_is_tested(e)) { /* an error leaves the code that has called this; it is not reported */
        if (!e->ended && !e->tasks.exits) e->host->exit(e->app, status);
        e->exited = true;
        return luaL_error(L, "os.exit was called");
    }
    bool ended = net_end_threads(e->net);
    if (!ended || (luv && luv_has_requests(luv)))
        net_leave(engine_of(L)->net, status); /* exit() would wait for those threads and requests */
    if ((luv && luv_is_turning(luv)) || (e->test && e->test->relay.from))
        lua_settop(L, 1); /* drops `close`: luv's loop, or a bot, cannot be closed now */
    if (luv && lua_toboolean(L, 2)) luv_end(luv);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

static void replace_exit(lua_State *L) {
    lua_getglobal(L, "os");
    lua_getfield(L, -1, "exit");
    lua_pushcclosure(L, l_exit, 1);
    lua_setfield(L, -2, "exit");
    lua_pop(L, 1);
}

static int l_open(lua_State *L) {
    if (lua_toboolean(L, 1)) {
        lua_pushboolean(L, 1);
        lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV"); /* loadlib.c looks here */
    }
    engine_of(L)->string_head = measure_string_head(L);
    luaL_openlibs(L);
    replace_exit(L);
    l_output_open(L);
    l_collector_open(L);
    l_coroutine_open(L);
    l_debug_open(L);
    l_loader_open(L);
    modules_open(L);
    return 0;
}

/* ---- the stack of C ---- */

/* Between two checks Lua itself may use some 600 KB of the C stack: 200 nested C calls, each of string.gsub. */
enum { STACK_PART = 8, STACK_MOST = 1 << 20 };

static uintptr_t stack_address(void) { return (uintptr_t)__builtin_frame_address(0); }

static void measure_stack(struct engine *e) {
    struct rlimit limit;
    bool endless = getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur / STACK_PART > STACK_MOST;
    e->stack_begins = stack_address();
    e->stack_room = endless ? STACK_MOST : (size_t)limit.rlim_cur / STACK_PART;
}

bool engine_is_deep(const struct engine *e) {
    uintptr_t here = stack_address(), begins = e->stack_begins;
    return (here < begins ? begins - here : here - begins) > e->stack_room;
}

/* ---- life ---- */

static int on_panic(lua_State *L) {
    const char *message = lua_tostring(L, -1);
    fprintf(stderr, "wsbot: an error outside of any protected call (a bug of wsbot): %s\n",
            message ? message : "no message");
    return 0; /* Lua aborts */
}

/* Warnings as in `lua`: off until "@on", printed as "Lua warning: ..." */
struct warnings {
    struct engine *engine;
    bool on, within;
};

static void on_warning(void *arg, const char *message, int more) {
    struct warnings *w = arg;
    if (!w->within && !more && message[0] == '@') {
        if (strcmp(message, "@on") == 0) w->on = true;
        if (strcmp(message, "@off") == 0) w->on = false;
        return;
    }
    FILE *to = engine_err(w->engine) ? engine_err(w->engine) : stderr;
    if (w->on && !w->within) fputs("Lua warning: ", to);
    if (w->on) shown_write(to, slice_str(message), SHOWN_TABS);
    if (w->on && !more) fputs("\n", to);
    w->within = more;
}

struct state {
    struct engine engine;
    struct warnings warnings;
};

struct engine *engine_new(struct net *net, const struct engine_host *host, void *app, bool no_environment) {
    struct state *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    struct engine *e = &s->engine;
    e->net = net;
    s->warnings.engine = e;
    e->host = host;
    e->app = app;
    e->no_environment = no_environment;
    e->place = (struct engine_place){1, 1, 1, 1};
    measure_stack(e);
    e->account = account_new();
    e->L = e->account ? lua_newstate(allocate, e) : NULL;
    if (!e->L) {
        memory_clear(&e->blocks);
        account_release(e->account);
        free(s);
        return NULL;
    }
    *(struct engine **)lua_getextraspace(e->L) = e;
    profile_know(e);
    lua_atpanic(e->L, on_panic);
    lua_setwarnf(e->L, on_warning, &s->warnings);
    lua_pushcfunction(e->L, l_open);
    lua_pushboolean(e->L, no_environment);
    if (lua_pcall(e->L, 1, 0, 0) != LUA_OK) {
        log_report(stderr, LOG_ERROR, "%s", lua_tostring(e->L, -1));
        engine_free(e);
        return NULL;
    }
    return e;
}

struct engine_test *engine_for_test(struct engine *e) {
    if (!e->test) e->test = reserve_take(sizeof *e->test);
    return e->test;
}

void engine_set_script(struct engine *e, const char *path) {
    free(e->script);
    e->script = reserve_copy(path);
    loader_set_script(e, path);
    free(e->folder);
    e->folder = NULL;
    const char *slash = strrchr(path, '/');
    if (slash) e->folder = strndup(path, slash > path ? (size_t)(slash - path) : 1);
}

void l_engine_check(lua_State *L, const char *what) {
    if (engine_of(L)->ended) luaL_error(L, "%s: this generation of the script has ended", what);
}

void engine_free(struct engine *e) {
    e->ended = true;
    task_close_all(e);
    l_timer_end_all(e);
    durable_end(e);
    if (e->luv && !luv_end(e->luv)) return; /* luv calls this function again later */
    engine_enter(e, e->L);                  /* finalizers are Lua code */
    profile_forget(e);
    lua_close(e->L);
    box_end_all(e);
    clock_cancel(&e->net->clock, &e->tasks.turn);
    loader_free_files(loader_take_files(e));
    loader_free_files(e->past);
    luv_free(e->luv);
    clock_cancel(&e->net->clock, &e->tidying);
    memory_clear(&e->blocks);
    metrics_release(e->metrics);
    account_release(e->account);
    free(e->script);
    free(e->folder);
    free(e->test);
    free(e);
}

void l_engine_push_weak(lua_State *L, const void *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* ---- errors, and which thread runs ---- */

void engine_report(struct engine *e, const char *message) {
    if ((e->test && e->test->quiet) || (engine_is_tested(e) && e->exited)) return;
    outlet_is_behind(&e->net->outlet);
    log_report(engine_err(e), LOG_ERROR, "%s", message);
    if (e->host->failed) e->host->failed(e->app, message);
    if (e->strict && e->staged)
        e->stops = true, e->stop_status = 1; /* if it ever takes over */
    else if (e->strict)
        e->host->stop(e->app, 1);
}

void engine_unhook(lua_State *L) { hook_restore(L, engine_of(L)->watchdog); }

void engine_set_watchdog(struct engine *e, lua_State *L, lua_Hook watchdog) {
    e->watchdog = watchdog;
    engine_unhook(e->L); /* new threads inherit it from there */
    if (L) engine_unhook(L);
}

lua_State *engine_enter(struct engine *e, lua_State *L) {
    lua_State *before = e->running;
    if (!before) e->entered_at = uv_hrtime();
    if (!before && e->luv) luv_touch(e->luv);
    e->running = L;
    return before;
}

void engine_leave(struct engine *e, lua_State *before) {
    lua_State *L = e->running;
    e->running = before;
    /* what was asked of this code goes to the code around it; where there is none, an interrupt has come too late */
    if (lua_gethook(L) && !interrupt_take(e, L)) profile_leave(e, L, before);
    if (before) return;
    e->lua_time += uv_hrtime() - e->entered_at;
    e->bounded = NULL;
    durable_touch(e);
    if (e->refused || !collector_is_right(e)) tidy_soon(e);
}

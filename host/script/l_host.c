/* l_host: the module `host`: the program a script runs in. */
#include "script/l_host.h"

#include "base/log.h"
#include "base/reserve.h"
#include "net/guard.h"
#include "script/door.h"
#include "script/interrupt.h"
#include "script/l_callable.h"
#include "script/l_metrics.h"
#include "script/l_push.h"
#include "script/l_ready.h"
#include "script/modules.h"
#include "script/state.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* The addresses of these are the keys, in the registry, of the lists of functions that were given to host.on_stop and
 * host.on_reload: looking them up takes no memory. */
static const char on_stop_key, on_reload_key;

static int l_now(lua_State *L) {
    lua_pushnumber(L, clock_to_seconds(clock_now(&engine_of(L)->net->clock)));
    return 1;
}

static int l_time(lua_State *L) {
    lua_pushnumber(L, clock_wall(&engine_of(L)->net->clock));
    return 1;
}

static int l_stop(lua_State *L) {
    struct engine *e = engine_of(L);
    lua_Integer status = luaL_optinteger(L, 1, 0);
    luaL_argcheck(L, status >= 0 && status <= 255, 1, "an exit status is 0 to 255");
    if (e->staged) {
        e->stops = true;
        e->stop_status = (int)status;
    } else if (!e->ended) {
        e->host->stop(e->app, (int)status);
    }
    return 0;
}

static int l_reload(lua_State *L) {
    struct engine *e = engine_of(L);
    e->asks = e->staged;
    const char *why = e->staged || e->ended ? NULL : e->host->reload(e->app);
    return why ? luaL_error(L, "host.reload: %s", why) : 0;
}

/* host.back(): true, or nil and why there is nothing to go back to. */
static int l_back(lua_State *L) {
    const struct engine *e = engine_of(L);
    const char *why = !e->host->back          ? "there is no generation before this one"
                      : e->staged || e->ended ? "this generation does not run"
                                              : e->host->back(e->app);
    return l_push_unless(L, why);
}

/* host.summary(): the program prints one at its end. */
static int l_summary(lua_State *L) {
    struct engine *e = engine_of(L);
    e->sums = e->staged;
    if (!e->staged && !e->ended && e->host->summary) e->host->summary(e->app);
    return 0;
}

/* host.watch(path): with --watch, the script is loaded again when that is saved. */
static int l_watch(lua_State *L) {
    size_t n;
    const char *path = luaL_checklstring(L, 1, &n);
    luaL_argcheck(L, n > 0 && strlen(path) == n, 1, "a path is text without zeros");
    l_engine_check(L, "host.watch");
    loader_watch(engine_of(L), path);
    return 0;
}

int l_host_enlist(lua_State *L, const char *list) {
    l_callable_check(L, 1);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, list) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, list);
    }
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

static int l_on_stop(lua_State *L) { return l_host_enlist(L, &on_stop_key); }
static int l_on_reload(lua_State *L) { return l_host_enlist(L, &on_reload_key); }

/* The functions of host.on_reload that are called, in order; those that are added meanwhile are not. */
struct reloading {
    lua_Integer next, count;
};

static int l_count_on_reload(lua_State *L) {
    struct reloading *r = l_door_given(L, l_count_on_reload);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &on_reload_key) == LUA_TTABLE) r->count = (lua_Integer)lua_rawlen(L, -1);
    return 0;
}

static int l_call_on_reload(lua_State *L) {
    const struct reloading *r = l_door_given(L, l_call_on_reload);
    interrupt_bound(engine_of(L), "a function of host.on_reload");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &on_reload_key);
    lua_rawgeti(L, -1, r->next);
    lua_call(L, 0, 0);
    return 0;
}

void l_host_call_on_reload(struct engine *e) {
    struct reloading r = {0};
    door_call(e, l_count_on_reload, &r, NULL);
    for (r.next = 1; r.next <= r.count; r.next++) door_call(e, l_call_on_reload, &r, NULL);
}

/* The functions of host.on_stop, in a task that calls them in order; where one raises, another task goes on behind
 * it. */
struct stopping {
    struct engine *engine;
    void (*done)(void *arg);
    void *arg;
    lua_Integer called; /* how many functions were called */
    bool starts, ended; /* a task is being started; it has ended, as `how` says */
    enum task_end how;
};

static int l_go_on_stopping(lua_State *L, int status, lua_KContext ctx) {
    struct stopping *s = (struct stopping *)ctx;
    (void)status;
    lua_settop(L, 0);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &on_stop_key) != LUA_TTABLE) return 0;
    while (lua_rawgeti(L, 1, s->called + 1) != LUA_TNIL) {
        s->called++;
        lua_callk(L, 0, 0, ctx, l_go_on_stopping);
    }
    return 0;
}

static int l_start_stopping(lua_State *L) {
    return l_go_on_stopping(L, LUA_OK, (lua_KContext)l_door_given(L, l_start_stopping));
}

static void call_on_stop(struct stopping *s);

struct left_out {
    lua_Integer number;
    char where[LUA_IDSIZE + 16]; /* empty: there is no function of that number */
};

static int l_left_out(lua_State *L) {
    struct left_out *l = l_door_given(L, l_left_out);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &on_stop_key) != LUA_TTABLE) return 0;
    if (lua_rawgeti(L, -1, l->number) == LUA_TNIL) return 0;
    l_callable_where(L, -1, l->where, sizeof l->where);
    return 0;
}

/* Reports that there is no memory to call the function of that number. False: there is no such function. */
static bool tell_of_memory(const struct stopping *s, lua_Integer number) {
    struct left_out l = {.number = number};
    char line[LUA_IDSIZE + 100];
    door_call(s->engine, l_left_out, &l, NULL);
    if (!l.where[0]) return false;
    snprintf(line, sizeof line, "host.on_stop: not enough memory for the function at %s", l.where);
    log_write(engine_err(s->engine), LOG_ERROR, slice_str(line));
    return true;
}

static void on_stopping_end(struct task *t, void *arg, enum task_end how) {
    struct stopping *s = arg;
    if (how == TASK_FAILED) task_report(t, NULL);
    if (how == TASK_FAILED && lua_status(t->co) == LUA_ERRMEM) tell_of_memory(s, s->called);
    s->ended = true;
    s->how = how;
    if (!s->starts) call_on_stop(s);
}

/* Leaves the next function out, as there is no memory even for a task. False: there was none. */
static bool leave_out(struct stopping *s) {
    if (!tell_of_memory(s, s->called + 1)) return false;
    s->called++;
    return true;
}

static void call_on_stop(struct stopping *s) {
    lua_Integer before = -1;
    s->starts = true;
    while (s->ended && s->how == TASK_FAILED) {
        bool more = s->called != before || leave_out(s); /* no function is tried twice */
        before = s->called;
        s->ended = false;
        if (more && task_run(s->engine, "on_stop", l_start_stopping, s, on_stopping_end, s)) continue;
        s->ended = true;
        if (!more || s->engine->tasks.exits) s->how = TASK_DONE;
    }
    s->starts = false;
    if (!s->ended) return;
    if (s->how == TASK_DONE) s->done(s->arg);
    free(s);
}

void l_host_call_on_stop(struct engine *e, void (*done)(void *arg), void *arg) {
    struct stopping *s = reserve_take(sizeof *s);
    engine_allow_stop(e);
    guard_run(&e->net->clock);
    *s =
        (struct stopping){.engine = e, .done = done, .arg = arg, .ended = true, .how = TASK_FAILED}; /* to begin with */
    call_on_stop(s);
}

/* host.log.info(...): its arguments as print would show them, on one line. */
static int l_log(lua_State *L) {
    enum log_level level = (enum log_level)lua_tointeger(L, lua_upvalueindex(1));
    int n = lua_gettop(L);
    if (!log_wants(level)) return 0;
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        l_number_plain(L, i);
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    log_write(engine_err(engine_of(L)), level, slice_of(text, size));
    return 0;
}

static void open_log(lua_State *L) {
    static const char *const names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    lua_createtable(L, 0, 4);
    for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
        lua_pushinteger(L, level);
        lua_pushcclosure(L, l_log, 1);
        lua_setfield(L, -2, names[level]);
    }
    lua_setfield(L, -2, "log");
}

/* Fields whose values are found when they are read: the script is named after the libraries are open, say. */
static int l_index(lua_State *L) {
    const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    if (strcmp(key, "script") == 0)
        lua_pushstring(L, engine_of(L)->script);
    else if (strcmp(key, "worker") == 0)
        lua_pushinteger(L, engine_of(L)->worker);
    else if (strcmp(key, "workers") == 0)
        lua_pushinteger(L, engine_of(L)->workers);
    else if (strcmp(key, "reloads") == 0)
        lua_pushinteger(L, (lua_Integer)engine_of(L)->reloads);
    else if (strcmp(key, "first") == 0)
        l_engine_require(L, "wsbot.first");
    else
        return 0;
    return 1;
}

int luaopen_host(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"now", l_now},       {"time", l_time},           {"stop", l_stop},   {"on_stop", l_on_stop},
        {"reload", l_reload}, {"on_reload", l_on_reload}, {"state", l_state}, {"back", l_back},
        {"watch", l_watch},   {"summary", l_summary},     {NULL, NULL},
    };
    luaL_newlib(L, functions);
    l_timer_open(L, -1);
    l_task_open(L, -1);
    l_future_open(L, -1);
    l_queue_open(L, -1);
    l_limiter_open(L, -1);
    l_metrics_open(L, -1);
    l_ready_open(L, -1);
    open_log(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_index);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}

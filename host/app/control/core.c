/* core: the module wsbot.control.core: what lualib/wsbot/control.lua may see and do. */
#include "app/control/parts.h"

#include "app/pool/pool.h"
#include "base/log.h"
#include "script/l_push.h"
#include "script/l_ready.h"

static int l_program(lua_State *L) {
    l_look_program(L, control_of(L));
    return 1;
}

static int l_connections(lua_State *L) {
    l_look_connections(L, control_of(L));
    return 1;
}

static int l_tasks(lua_State *L) {
    l_look_tasks(L, control_of(L));
    return 1;
}

static int l_timers(lua_State *L) {
    l_look_timers(L, control_of(L));
    return 1;
}

static void add_worker(void *arg, unsigned index, pid_t pid) {
    lua_State *L = arg;
    char path[FOLDER_SOCKET];
    folder_socket(path, control_of(L)->folder, getpid(), index);
    lua_createtable(L, 0, 3);
    l_set_integer(L, "worker", index);
    l_set_integer(L, "pid", pid);
    l_set_string(L, "path", path);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* workers(): of a pool, { { worker =, pid =, path = its socket }, ... }; else nil. pid is 0 of one that has died and
 * comes back. */
static int l_workers(lua_State *L) {
    const struct worker *w = control_of(L)->worker;
    if (w->engine) return 0;
    lua_newtable(L);
    pool_each(w, add_worker, L);
    return 1;
}

static int l_metrics(lua_State *L) {
    l_look_metrics(L, control_of(L));
    return 1;
}

/* ready() -> true; or false, and where the function is that does not say so. */
static int l_ready(lua_State *L) {
    struct engine *e = control_of(L)->worker->engine;
    struct ready_not not_yet;
    bool is_ready = !e || l_ready_ask(e, &not_yet);
    lua_pushboolean(L, is_ready);
    if (is_ready) return 1;
    lua_pushstring(L, not_yet.where);
    return 2;
}

static int l_generations(lua_State *L) {
    l_look_generations(L, control_of(L));
    return 1;
}

/* log() -> the last lines of the log, as JSON. */
static int l_log(lua_State *L) {
    struct slice lines = log_recent();
    lua_pushlstring(L, (const char *)lines.p, lines.n);
    return 1;
}

/* reload(), back(): true, or nil and why not. */
static int l_reload(lua_State *L) {
    return l_push_unless(L, worker_reload(control_of(L)->worker, "the control socket"));
}
static int l_back(lua_State *L) { return l_push_unless(L, worker_back(control_of(L)->worker, "the control socket")); }

int luaopen_control_core(lua_State *L) {
    static const luaL_Reg functions[] = {{"program", l_program}, {"connections", l_connections},
                                         {"tasks", l_tasks},     {"timers", l_timers},
                                         {"workers", l_workers}, {"generations", l_generations},
                                         {"metrics", l_metrics}, {"ready", l_ready},
                                         {"log", l_log},         {"watch", l_watch_begin},
                                         {"take", l_watch_take}, {"unwatch", l_watch_end},
                                         {"reload", l_reload},   {"start", l_run_start},
                                         {"wait", l_run_wait},   {"cancel", l_run_cancel},
                                         {"back", l_back},       {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* luv: loads the library, runs its callbacks as tasks, and replaces those of its functions that would turn, stop or
 * close the loop. We know luv by the names of its C API alone; its header is not needed. */
#include "script/luv.h"

#include "base/library.h"
#include "net/embed.h"
#include "net/guard.h"
#include "script/door.h"
#include "script/l_push.h"
#include "script/task.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "wsbot.luv"        /* registry: the module as it was opened first, which owns the loop, */
#define CLOSER "wsbot.luv.close"  /* and the function that closes all its handles, */
#define STAGED "wsbot.luv.staged" /* and the function to be called at the take-over */

enum {
    QUIETLY = 0x04, /* luv's flag for a callback whose errors are not reported */
};

enum mode { UNTIL_DEAD, ONCE, NOWAIT };

struct luv {
    struct engine *engine;
    struct embed *embed;             /* NULL: luv_end is done; finalizers may still call us */
    bool ended, closes;              /* no callback is run any more, but those that luv's own closing needs */
    bool stopped;                    /* uv.stop was called while no uv.run was waiting: the next returns at once */
    bool called;                     /* a callback has run in this turn */
    bool is_left;                    /* luv_end waits for other threads */
    struct waiters runs[NOWAIT + 1]; /* tasks that wait in uv.run, by mode */
};

static bool is_alive(const struct luv *v) { return v->embed && uv_loop_alive(v->embed->inner); }

/* ---- callbacks ---- */

/* luv pushes a function and its arguments on the main thread; the task takes them from there. */
struct call {
    lua_State *from;
    int arguments;
};

static int l_call(lua_State *L) {
    const struct call *c = l_door_given(L, l_call);
    int n = c->arguments;
    luaL_checkstack(L, n + 1, "too many arguments");
    lua_xmove(c->from, L, n + 1);
    lua_callk(L, n, 0, 0, l_push_nothing);
    return 0;
}

static void on_call_ended(struct task *t, void *arg, enum task_end how) {
    (void)arg;
    if (how == TASK_FAILED) task_report(t, NULL);
}

/* Runs a callback that Lua code calls (uv.walk), or whose results luv needs: at once, and it cannot wait. */
static int call_at_once(struct engine *e, lua_State *L, int arguments, int results, bool tell) {
    int function = lua_gettop(L) - arguments;
    lua_pushcfunction(L, l_door_traceback);
    lua_insert(L, function);
    lua_State *running = engine_enter(e, L);
    int rc = lua_pcall(L, arguments, results, function);
    engine_leave(e, running);
    if (rc == LUA_OK) {
        lua_remove(L, function);
        return lua_gettop(L) - function + 1;
    }
    const char *message = lua_tostring(L, -1);
    if (tell) engine_report(e, message ? message : "an error without a message");
    lua_settop(L, function - 1);
    return -rc;
}

/* luv's luv_CFpcall: takes the function and its arguments off the stack. Returns how many results it leaves there, or
 * the negative status of an error. */
static int on_callback(lua_State *L, int arguments, int results, int flags) {
    struct engine *e = engine_of(L);
    struct luv *v = e->luv;
    int function = lua_gettop(L) - arguments;
    bool is_over = !v || v->ended || (e->tasks.exits && !v->closes);
    if (is_over || !lua_checkstack(L, 1)) { /* the generation has ended, or is about to */
        lua_settop(L, function - 1);
        return results ? -LUA_ERRRUN : 0;
    }
    v->called = true;
    if (e->running || results) return call_at_once(e, L, arguments, results, !(flags & QUIETLY));
    guard_run(&e->net->clock);
    struct call c = {.from = L, .arguments = arguments};
    task_run(e, "luv callback", l_call, &c, on_call_ended, NULL);
    lua_settop(L, function - 1); /* for a task that could not begin */
    return 0;
}

/* ---- the loop ---- */

static void wake(struct luv *v, enum mode mode) { task_wake_all(&v->runs[mode]); }

/* The inner loop has turned, or was found dead. */
static void on_turned(void *arg) {
    struct luv *v = arg;
    struct engine *e = v->engine;
    bool alive = is_alive(v);
    if (v->is_left) {
        if (alive) return;
        e->net->lookups--;
        engine_free(e);
        return;
    }
    if (e->tasks.exits) e->host->exit(e->app, e->tasks.exit_status); /* a callback has called os.exit */
    if (!alive) wake(v, UNTIL_DEAD);
    if (!alive || v->called) wake(v, ONCE);
    wake(v, NOWAIT);
    v->called = false;
}

static void see_handle(uv_handle_t *handle, void *arg) {
    (void)handle;
    *(bool *)arg = true;
}

static void close_handle(uv_handle_t *handle, void *arg) {
    (void)arg;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void luv_touch(struct luv *v) {
    if (v->embed) embed_touch(v->embed);
}

bool luv_is_waited_for(const struct luv *v) { return v && is_alive(v) && v->embed->keeps; }

bool luv_is_turning(const struct luv *v) { return v->embed && v->embed->turning; }

bool luv_has_requests(const struct luv *v) { return v->embed && v->embed->inner->active_reqs.count > 0; }

/* For uv.walk; upvalues: uv.is_closing, uv.close. */
static int l_close_handle(lua_State *L) {
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    if (lua_toboolean(L, -1)) return 0;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

/* Upvalues: uv.walk, l_close_handle. */
static int l_close_handles(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_call(L, 1, 0);
    return 0;
}

/* Keeps these functions of luv's (`module`, on top) as they are now: scripts may put others in their places. */
static void l_keep_closer(lua_State *L) {
    lua_getfield(L, -1, "walk");
    lua_getfield(L, -2, "is_closing");
    lua_getfield(L, -3, "close");
    lua_pushcclosure(L, l_close_handle, 2);  /* module, walk, l_close_handle */
    lua_pushcclosure(L, l_close_handles, 2); /* module, l_close_handles */
    lua_setfield(L, LUA_REGISTRYINDEX, CLOSER);
}

static int l_close_by_luv(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, CLOSER);
    lua_call(L, 0, 0);
    return 0;
}

/* Closes the handles by luv, which frees its memory for a handle only when it closes it itself. */
static void close_handles(struct luv *v) {
    char *message; /* an error: there was no memory for it */
    v->closes = true;
    door_call(v->engine, l_close_by_luv, NULL, &message);
    v->closes = false;
    free(message);
    uv_walk(v->embed->inner, close_handle, NULL); /* handles that luv could not close */
}

bool luv_end(struct luv *v) {
    if (!v->embed) return true;
    uv_loop_t *loop = v->embed->inner;
    if (!v->ended) close_handles(v);
    v->ended = true;
    for (int turns = 0; turns < 4 && uv_loop_alive(loop); turns++) embed_turn(v->embed);
    if (uv_loop_alive(loop)) {
        if (!v->is_left) v->engine->net->lookups++;
        v->is_left = true;
        v->embed->keeps = false;
        return false;
    }
    embed_close(v->embed);
    v->embed = NULL;
    return true;
}

void luv_free(struct luv *v) { free(v); }

/* ---- what takes the place of luv's own ---- */

static int l_ran(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    lua_pushboolean(L, is_alive((struct luv *)ctx));
    return 1;
}

/* uv.run([mode]): the loop turns anyway, so this only waits until it has done what the mode asks for. */
static int l_run(lua_State *L) {
    static const char *const modes[] = {[UNTIL_DEAD] = "default", [ONCE] = "once", [NOWAIT] = "nowait", NULL};
    struct luv *v = engine_of(L)->luv;
    int mode = luaL_checkoption(L, 1, "default", modes);
    bool stopped = v->stopped;
    v->stopped = false;
    if (!stopped && v->embed) v->embed->keeps = true;
    if (stopped || !is_alive(v)) return l_ran(L, LUA_OK, (lua_KContext)v);
    l_task_check(L, "uv.run");
    return l_task_wait(L, "uv.run", &v->runs[mode], UINT64_MAX, (lua_KContext)v, l_ran);
}

/* uv.stop(): from now on neither uv.run nor the program waits for handles that are alive in the loop. */
static int l_stop(lua_State *L) {
    struct luv *v = engine_of(L)->luv;
    v->stopped = true;
    if (v->embed) v->embed->keeps = false;
    for (int mode = 0; mode <= NOWAIT; mode++) {
        if (v->runs[mode].first) v->stopped = false;
        wake(v, mode);
    }
    return 0;
}

/* uv.loop_close(): returns what libuv would return, and leaves closing the loop to its owner. */
static int l_loop_close(lua_State *L) {
    struct luv *v = engine_of(L)->luv;
    bool busy = is_alive(v);
    if (v->embed) uv_walk(v->embed->inner, see_handle, &busy);
    if (!busy) {
        lua_pushinteger(L, 0);
        return 1;
    }
    luaL_pushfail(L);
    lua_pushfstring(L, "%s: %s", uv_err_name(UV_EBUSY), uv_strerror(UV_EBUSY));
    lua_pushstring(L, uv_err_name(UV_EBUSY));
    return 3;
}

/* ---- loading ---- */

/* The functions of luv's C API that we use. */
struct api {
    lua_CFunction open;
    void (*set_callback)(lua_State *L, int (*callback)(lua_State *, int, int, int));
    uv_loop_t *(*loop)(lua_State *L);
};

static int l_fail(lua_State *L, const char *path, const char *why) {
    return luaL_error(L, "error loading module 'luv' from file '%s':\n\t%s", path, why);
}

/* The library stays loaded to the end of the process: threads of luv's may outlive the state. */
static void l_read_api(lua_State *L, const char *path, struct api *api) {
    const struct library_function wanted[] = {
        {"luaopen_luv", (void **)&api->open},
        {"luv_set_callback", (void **)&api->set_callback},
        {"luv_loop", (void **)&api->loop},
    };
    uv_lib_t library;
    if (uv_dlopen(path, &library) != 0) {
        lua_pushstring(L, uv_dlerror(&library));
        uv_dlclose(&library);
        l_fail(L, path, lua_tostring(L, -1));
    }
    const char *missing = library_find(library.handle, wanted, sizeof wanted / sizeof *wanted);
    if (!missing) return;
    uv_dlclose(&library);
    lua_pushfstring(L, "it has no %s: its loop cannot be turned within the host's (is it an old luv?)", missing);
    l_fail(L, path, lua_tostring(L, -1));
}

/* ---- a staged generation ---- */

static int l_is_staged(lua_State *L) {
    lua_pushboolean(L, engine_of(L)->staged);
    return 1;
}

/* Stack: the module. What wsbot.luv_staged returns is kept for l_take_over. */
static void watch_binds(lua_State *L) {
    static const char *const types[] = {"uv_tcp", "uv_pipe", "uv_udp"};
    l_engine_load(L, "wsbot.luv_staged");
    lua_call(L, 0, 1);
    lua_pushvalue(L, -2);
    lua_newtable(L);
    for (int i = 0; i < 3; i++) {
        luaL_getmetatable(L, types[i]);
        lua_setfield(L, -2, types[i]);
    }
    lua_pushcfunction(L, l_is_staged);
    lua_call(L, 3, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, STAGED);
}

static int l_take_over(lua_State *L) {
    if (lua_getfield(L, LUA_REGISTRYINDEX, STAGED) != LUA_TFUNCTION) return 0;
    lua_call(L, 0, 1);
    for (lua_Integer i = 1; lua_rawgeti(L, 1, i) == LUA_TSTRING; i++, lua_settop(L, 1))
        engine_report(engine_of(L), lua_tostring(L, -1));
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, STAGED);
    return 0;
}

void luv_take_over(struct luv *v) {
    if (v) door_call(v->engine, l_take_over, NULL, NULL);
}

/* Opens luv, or opens it again. Runs on the main thread, which luv remembers and calls back on. */
static int l_open(lua_State *L) {
    static const luaL_Reg ours[] = {{"run", l_run}, {"stop", l_stop}, {"loop_close", l_loop_close}, {NULL, NULL}};
    const struct api *api = l_door_given(L, l_open);
    struct engine *e = engine_of(L);
    api->set_callback(L, on_callback);
    lua_pushcfunction(L, api->open);
    lua_call(L, 0, 1);
    luaL_setfuncs(L, ours, 0);
    if (e->luv) return 1;
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, MODULE);
    l_keep_closer(L);
    if (e->staged) watch_binds(L);
    struct luv *v = calloc(1, sizeof *v);
    if (!v) return luaL_error(L, "not enough memory");
    v->engine = e;
    v->embed = embed_open(e->net, api->loop(L), on_turned, v);
    if (!v->embed) {
        free(v);
        return luaL_error(L, "luv: its loop cannot be served: there is no memory or descriptor for it");
    }
    e->luv = v;
    return 1;
}

static int l_load(lua_State *L) {
    struct api api;
    l_engine_check(L, "luv"); /* else nobody would close luv's loop */
    lua_State *main = engine_of(L)->L;
    l_read_api(L, luaL_checkstring(L, 2), &api);
    if (!lua_checkstack(main, 2)) return luaL_error(L, "not enough memory");
    lua_pushcfunction(main, l_open);
    struct engine_gift before = engine_give(engine_of(L), l_open, &api);
    int rc = lua_pcall(main, 0, 1, 0);
    engine_of(L)->gift = before;
    if (main != L) lua_xmove(main, L, 1);
    return rc == LUA_OK ? 1 : lua_error(L);
}

int l_luv_find(lua_State *L) {
    if (strcmp(luaL_checkstring(L, 1), "luv") != 0) return 0;
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchpath");
    lua_pushvalue(L, 1);
    lua_getfield(L, -3, "cpath");
    lua_call(L, 2, 1);
    if (lua_isnil(L, -1)) return 0; /* Lua's own searcher tells where it was looked for */
    lua_pushcfunction(L, l_load);
    lua_insert(L, -2); /* l_load, path */
    return 2;
}

/* chunk: loads the code and calls it, in a task of its own. */
#include "app/chunk.h"

#include "base/log.h"
#include "base/reserve.h"
#include "base/shown.h"
#include "script/door.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds that a staged script may take to load, and after which it is reported that it takes long. */
enum { STAGED_LIMIT = 10, TELLS_AFTER = 1 };

void run_tell(struct run *r, const char *message) {
    if (r->engine->staged) {
        if (!r->error) r->error = reserve_copy(message);
        return;
    }
    if (log_get_format() == LOG_JSON) {
        log_report(stderr, LOG_ERROR, "%s", message);
        return;
    }
    outlet_is_behind(&r->worker->net.outlet);
    if (r->program) fprintf(stderr, "%s: ", r->program);
    shown_write(stderr, slice_str(message), SHOWN_TABS | SHOWN_TRACEBACK);
    fputs("\n", stderr);
    fflush(stderr);
}

static void print_results(lua_State *L, struct run *r, int n) {
    if (n == 0) return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, -n - 1);
    if (lua_pcall(L, n, 0, 0) == LUA_OK) return;
    lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1));
    run_tell(r, lua_tostring(L, -1));
}

static int push_arguments(lua_State *L) {
    int n = (int)luaL_len(L, -1);
    luaL_checkstack(L, n + 3, "too many arguments to script");
    int table = lua_gettop(L);
    for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return n;
}

/* The text of -l: "module", or "global=module". */
static const char *module_of(const char *text) {
    const char *equals = strchr(text, '=');
    return equals ? equals + 1 : text;
}

/* Sets the global that the text names to the first result. Stack: results */
static void set_global(lua_State *L, const char *text) {
    const char *equals = strchr(text, '=');
    lua_settop(L, 1);
    lua_pushglobaltable(L);
    lua_pushlstring(L, text, equals ? (size_t)(equals - text) : strlen(text));
    lua_pushvalue(L, 1);
    lua_settable(L, -3); /* the globals may have a metatable, as with lua_setglobal */
}

static int l_chunk_done(lua_State *L, int status, lua_KContext ctx) {
    const struct chunk *c = (const struct chunk *)ctx;
    (void)status;
    if (c->is_library) set_global(L, c->text);
    if (c->prints) print_results(L, c->run, lua_gettop(L));
    return 0;
}

static void tell_late(lua_State *L, lua_Debug *debug) {
    struct engine *e = engine_of(L);
    const struct worker *w = e->app;
    e->is_late = lua_getinfo(L, "Sl", debug) != 0;
    log_line(LOG_WARN, "%sstill loading after %d s, at %s:%d: nothing else runs meanwhile", w->reload ? "reload: " : "",
             TELLS_AFTER, debug->short_src, debug->currentline);
}

/* The watchdog of a staged script, for which the running generation waits. Coroutines that are made meanwhile inherit
 * it, and remove it when they run later. */
static void l_limit(lua_State *L, lua_Debug *debug) {
    (void)debug;
    struct engine *e = engine_of(L);
    if (!e->staged) {
        engine_unhook(L);
    } else if (uv_hrtime() - e->entered_at > STAGED_LIMIT * CLOCK_SECOND) {
        lua_sethook(L, l_limit, LUA_MASKCOUNT, 1); /* code that catches the error gets it again at once */
        luaL_error(L, "the script ran for %d s without an end or a wait", STAGED_LIMIT);
    } else if (!e->is_late && uv_hrtime() - e->entered_at > TELLS_AFTER * CLOCK_SECOND) {
        tell_late(L, debug);
    }
}

/* Loads the chunk and calls it. An error in loading is reported without a traceback, as nothing has run. */
static int l_chunk(lua_State *L) {
    struct chunk *c = l_door_given(L, l_chunk);
    c->task = engine_of(L)->tasks.current;
    engine_of(L)->main = L;
    if (engine_of(L)->staged) engine_set_watchdog(engine_of(L), L, l_limit);
    int n = 0, rc = c->load(L, c);
    lua_insert(L, 1);
    lua_settop(L, 1); /* fn or message */
    if (c->is_library) {
        lua_pushstring(L, module_of(c->text));
        n = 1;
    }
    if (rc == LUA_OK && c->with_arguments) {
        if (lua_getglobal(L, "arg") == LUA_TTABLE) { /* code of -e may have replaced it */
            n = push_arguments(L);
        } else {
            rc = LUA_ERRRUN;
            lua_pushliteral(L, "'arg' is not a table");
        }
    }
    if (rc != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        run_tell(c->run, message ? message : "(error message not a string)");
        c->run->ok = false;
        return 0;
    }
    lua_callk(L, n, LUA_MULTRET, (lua_KContext)c, l_chunk_done);
    return l_chunk_done(L, LUA_OK, (lua_KContext)c);
}

static void on_chunk_end(struct task *t, void *arg, enum task_end how) {
    struct chunk *c = arg;
    t->engine->main = NULL;
    c->running = false;
    c->replaced = t->engine->ended;
    if (how == TASK_CANCELLED) { /* with the program, by the next generation, or as a deadlock, which was reported */
        c->run->ok = c->run->ok && (c->run->worker->stopping || t->engine->ended);
    } else if (how == TASK_FAILED) {
        c->run->ok = false;
        char *text = task_describe(t, NULL);
        run_tell(c->run, text);
        free(text);
    }
    if (c->ended) c->ended(c, how);
}

void chunk_start(struct chunk *c) {
    c->running = true;
    if (task_run(c->run->engine, "main chunk", l_chunk, c, on_chunk_end, c)) return;
    c->run->ok = c->running = false;
}

bool chunk_run(struct chunk *c) {
    struct worker *w = c->run->worker;
    chunk_start(c);
    worker_run_while(w, &c->running);
    if (c->running) task_cancel(c->task); /* the program has stopped */
    return c->run->ok && !w->stopping && !c->replaced;
}

int chunk_load_string(lua_State *L, const struct chunk *c) {
    return luaL_loadbuffer(L, c->text, strlen(c->text), c->name);
}

int chunk_load_file(lua_State *L, const struct chunk *c) { return loader_load(L, c->text, NULL); }

int chunk_load_library(lua_State *L, const struct chunk *c) {
    (void)c;
    lua_getglobal(L, "require");
    return LUA_OK;
}

int chunk_load_inside(lua_State *L, const struct chunk *c) { return l_engine_load(L, c->text) ? LUA_OK : LUA_ERRFILE; }

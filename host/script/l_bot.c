/* l_bot: testing.bot: a script in a generation of its own, beside that of the test, in the same loop and under the same
 * clock. The test asks for a step (start, reload, stop) and waits; the loop does it, as it does those of a program. */
#include "base/log.h"
#include "base/random.h"
#include "net/conn.h"
#include "script/door.h"
#include "script/l_conn.h"
#include "script/l_host.h"
#include "script/luv.h"
#include "script/modules.h"
#include "script/reload.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define BOT_TYPE "wsbot.testing.bot core"

/* A text that grows, as a file of C. */
struct output {
    FILE *file;
    char *text;
    size_t size;
};

/* A list of strings, its own. */
struct strings {
    char **items;
    size_t count;
};

/* What the userdata of the test points to. A generation whose threads have not ended yet outlives that. */
struct bot {
    unsigned references;            /* the userdata's, and one of each generation */
    struct engine *tester, *engine; /* `tester`: NULL: it has let go; `engine`: the running generation; NULL: none yet,
                                       or it has ended */
    char *path, *source;            /* one of them */
    struct strings arguments;       /* what the script gets as `arg` */
    struct strings environment;     /* name, value, name, value ... */
    struct strings errors;          /* that nobody handled, in order */
    struct output out, err;
    struct deadline step;   /* what the test has asked for is done in the next turn of the loop */
    struct deadline own;    /* and what the script has */
    struct deadline late;   /* until then its functions of host.on_stop may wait */
    struct waiters waiting; /* the test, until that is done */
    bool busy;              /* it was not, yet */
    bool starts;            /* a main chunk runs for the first time, up to its end or its first wait */
    bool stopped;           /* its functions of host.on_stop are through */
    bool stops;             /* its end was asked for: no reload goes before that */
    bool has_exited;        /* by os.exit, or since its main chunk failed */
    char *failure;          /* why the step failed, or NULL */
    int status;
};

static struct bot *check_bot(lua_State *L) {
    struct bot *b = *(struct bot **)luaL_checkudata(L, 1, BOT_TYPE);
    if (!b) luaL_error(L, "the bot is gone: the state of its test is being closed");
    return b;
}

static char *copy(const char *text, size_t n) {
    char *mine = malloc(n + 1);
    if (!mine) abort();
    memcpy(mine, text, n);
    mine[n] = '\0';
    return mine;
}

static void put_string(struct strings *list, char *mine) {
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items) abort();
    list->items = items;
    list->items[list->count++] = mine;
}

static void clear_strings(struct strings *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = (struct strings){0};
}

static void release(struct bot *b) {
    if (--b->references) return;
    if (b->out.file) fclose(b->out.file);
    if (b->err.file) fclose(b->err.file);
    free(b->out.text);
    free(b->err.text);
    free(b->path);
    free(b->source);
    free(b->failure);
    clear_strings(&b->arguments);
    clear_strings(&b->environment);
    clear_strings(&b->errors);
    free(b);
}

/* ---- what its state has that others have not ---- */

static int l_print(lua_State *L) {
    FILE *to = engine_of(L)->out;
    int n = lua_gettop(L);
    for (int i = 1; i <= n; i++) {
        size_t size;
        const char *text = luaL_tolstring(L, i, &size);
        if (i > 1) fputc('\t', to);
        fwrite(text, 1, size, to);
        lua_pop(L, 1);
    }
    fputc('\n', to);
    return 0;
}

static int l_keep_open(lua_State *L) {
    luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    s->closef = l_keep_open;
    luaL_pushfail(L);
    lua_pushliteral(L, "cannot close standard file");
    return 2;
}

static int l_close_file(lua_State *L) {
    luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(s->f) == 0, NULL);
}

/* Stack: ..., io. `set`: the function of io that makes it the default. */
static void put_file(lua_State *L, FILE *f, const char *name, const char *set) {
    luaL_Stream *s = lua_newuserdatauv(L, sizeof *s, 0);
    s->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    s->f = f;
    s->closef = strcmp(name, "stdin") == 0 ? l_close_file : l_keep_open;
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
    if (set) {
        lua_getfield(L, -2, set);
        lua_insert(L, -2);
        lua_call(L, 1, 0);
    } else {
        lua_pop(L, 1);
    }
}

/* os.getenv: what the test gave comes first. Upvalue: the bot. */
static int l_getenv(lua_State *L) {
    const struct bot *b = lua_touserdata(L, lua_upvalueindex(1));
    const char *name = luaL_checkstring(L, 1), *value = getenv(name);
    for (size_t i = 0; i + 1 < b->environment.count; i += 2)
        if (strcmp(b->environment.items[i], name) == 0) value = b->environment.items[i + 1];
    lua_pushstring(L, value);
    return 1;
}

static void set_arg(lua_State *L, const struct bot *b) {
    lua_createtable(L, (int)b->arguments.count, 1);
    lua_pushstring(L, b->path ? b->path : "bot");
    lua_rawseti(L, -2, 0);
    for (size_t i = 0; i < b->arguments.count; i++) {
        lua_pushstring(L, b->arguments.items[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setglobal(L, "arg");
}

static int l_release(lua_State *L) {
    struct bot **at = lua_touserdata(L, 1), *b = *at;
    *at = NULL;
    if (b) release(b);
    return 0;
}

/* Keeps the bot until the state is closed: finalizers of the script, which were made later, come first. */
static void hold(lua_State *L, struct bot *b) {
    struct bot **at = lua_newuserdatauv(L, sizeof *at, 0);
    *at = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_release);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    luaL_ref(L, LUA_REGISTRYINDEX);
    *at = b;
    b->references++;
}

static int l_dress(lua_State *L) {
    struct bot *b = lua_touserdata(L, 1);
    struct engine *e = engine_of(L);
    hold(L, b);
    lua_pushcfunction(L, l_print);
    lua_setglobal(L, "print");
    lua_getglobal(L, "io");
    put_file(L, e->out, "stdout", "output");
    put_file(L, e->err, "stderr", NULL);
    FILE *nothing = fopen("/dev/null", "r");
    if (nothing) put_file(L, nothing, "stdin", "input");
    lua_getglobal(L, "os");
    lua_pushlightuserdata(L, b);
    lua_pushcclosure(L, l_getenv, 1);
    lua_setfield(L, -2, "getenv");
    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    uint64_t seed;
    random_fill(&seed, sizeof seed);
    lua_pushinteger(L, (lua_Integer)seed);
    lua_call(L, 1, 0);
    set_arg(L, b);
    lua_gc(L, LUA_GCGEN, 0, 0);
    return 0;
}

/* Makes a new generation one of a bot. */
static bool dress(struct bot *b, struct engine *e) {
    e->tester = b->tester;
    e->out = b->out.file;
    e->err = b->err.file;
    engine_set_watchdog(e, NULL, b->tester->watchdog);
    bool ok = door_call(e, l_dress, b, &b->failure);
    if (ok && b->path) engine_set_script(e, b->path);
    return ok;
}

/* ---- its end ---- */

/* Closes its generation; connections say goodbye, and nobody waits for the answer. */
static void end(struct bot *b) {
    struct engine *e = b->engine;
    b->engine = NULL;
    if (!e) return;
    clock_cancel(&e->net->clock, &b->late);
    e->stopping = true;
    for (struct conn_box *box = e->boxes; box; box = box->next) {
        conn_detach(box->conn);
        if (box->conn->phase == CONN_WAITING || conn_is_open(box->conn))
            conn_close(box->conn, WS_CLOSE_GOING_AWAY, slice_of(NULL, 0));
        else
            conn_destroy(box->conn);
    }
    engine_free(e);
}

static bool has_connections(const struct engine *e) {
    for (const struct conn_box *b = e->boxes; b; b = b->next)
        if (b->conn->phase != CONN_CLOSED || b->inbox.first) return true;
    return false;
}

/* A script that has nothing left to do has ended, as a program does. One that is to stop has ended when its connections
 * have, and those who were told of that are through. */
static bool is_alive(const struct bot *b) {
    const struct engine *e = b->engine;
    if (!e || b->has_exited) return false;
    if (e->stopping) return !b->stopped || has_connections(e) || e->tasks.ready.first;
    return e->tasks.all || e->timers || has_connections(e) || luv_is_waited_for(e->luv);
}

/* ---- steps ---- */

static void host_stop(void *app, int status);
static void host_exit(void *app, int status);
static const char *host_reload(void *app);

static int l_main_done(lua_State *L, int status, lua_KContext ctx) {
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

static int l_main(lua_State *L) {
    struct bot *b = lua_touserdata(L, 1);
    int n = (int)b->arguments.count;
    luaL_checkstack(L, n + 1, "too many arguments");
    int rc = b->path ? luaL_loadfile(L, b->path) : luaL_loadbuffer(L, b->source, strlen(b->source), "=bot");
    if (rc != LUA_OK) { /* there is nothing to trace */
        size_t size;
        const char *message = lua_tolstring(L, -1, &size);
        b->failure = copy(message, size);
        return 0;
    }
    for (int i = 0; i < n; i++) lua_pushstring(L, b->arguments.items[i]);
    lua_callk(L, n, 0, 0, l_main_done);
    return 0;
}

static void on_main_end(struct task *t, void *arg, enum task_end how) {
    struct bot *b = arg;
    if (how != TASK_FAILED || b->has_exited) return;
    char *text = task_describe(t, NULL);
    if (b->starts) {
        b->failure = text;
        return;
    }
    engine_report(t->engine, text);
    free(text);
    host_exit(b, 1); /* at whatever time, it is the end of the program */
}

/* Runs the script in a generation, up to its end or its first wait. False with b->failure where it failed. */
static bool run(struct bot *b, struct engine *e) {
    if (!dress(b, e)) return false;
    b->starts = true;
    if (!task_run(e, l_main, b, on_main_end, b)) b->failure = copy("not enough memory", 17);
    b->starts = false;
    if (e->staged && e->exited && !b->failure) b->failure = copy("os.exit was called", 18);
    return !b->failure;
}

static const struct engine_host bot_host;

static void start(struct bot *b) {
    b->engine = engine_new(b->tester->net, &bot_host, b, false);
    if (!b->engine)
        b->failure = copy("not enough memory", 17);
    else if (!run(b, b->engine))
        end(b);
}

enum { ON_STOP_LIMIT = 10 }; /* seconds, as in a program */

static void on_stop_done(void *arg) {
    struct bot *b = arg;
    clock_cancel(&b->tester->net->clock, &b->late);
    if (b->stopped) return;
    b->stopped = true;
    for (struct conn_box *box = b->engine->boxes; box; box = box->next) {
        if (box->conn->phase == CONN_WAITING || conn_is_open(box->conn))
            conn_close(box->conn, WS_CLOSE_GOING_AWAY, slice_of(NULL, 0));
        else
            conn_destroy(box->conn);
    }
}

static void on_stop_late(struct deadline *d) {
    struct bot *b = (struct bot *)((char *)d - offsetof(struct bot, late));
    char line[80];
    snprintf(line, sizeof line, "host.on_stop: its functions were not done within %d s", ON_STOP_LIMIT);
    log_write(b->err.file, LOG_WARN, line);
    on_stop_done(b);
}

static void stop(struct bot *b) {
    struct clock *clock = &b->tester->net->clock;
    b->stops = true;
    if (!b->engine || b->engine->stopping || b->has_exited) return;
    b->engine->stopping = true;
    clock_set(clock, &b->late, clock_now(clock) + ON_STOP_LIMIT * CLOCK_SECOND, on_stop_late);
    l_host_call_on_stop(b->engine, on_stop_done, b);
}

static void take_over(struct bot *b, struct engine *next) {
    struct engine *last = b->engine;
    struct buf report;
    char line[512];
    buf_init(&report, 4096);
    l_host_call_on_reload(last);
    if (b->has_exited) { /* in one of these */
        b->failure = copy("os.exit was called", 18);
        reload_abandon(next);
        return;
    }
    b->engine = next;
    reload_commit(last, next, &report);
    snprintf(line, sizeof line, "reload %llu: %.*s", (unsigned long long)next->reloads, SLICE_ARGS(buf_slice(&report)));
    log_write(b->err.file, LOG_INFO, line);
    buf_clear(&report);
    if (next->asks) host_reload(b);
    if (next->stops) host_stop(b, next->stop_status);
}

static void reload(struct bot *b) {
    if (!is_alive(b) || b->stops) {
        b->failure = b->stops ? copy("the bot is to end", 17) : copy("the bot has ended", 17);
        return;
    }
    struct engine *next = reload_stage(b->engine, &b->failure);
    if (next && run(b, next) && reload_match(b->engine, next, &b->failure)) {
        take_over(b, next);
    } else {
        if (next) reload_abandon(next);
        fprintf(b->err.file, "wsbot: reload failed, the old code goes on: %s\n", b->failure);
    }
}

/* ---- what the script asks for, and the test ---- */

static struct bot *of_own(struct deadline *d) { return (struct bot *)((char *)d - offsetof(struct bot, own)); }
static void on_own_stop(struct deadline *d) { stop(of_own(d)); }
static void on_own_exit(struct deadline *d) { end(of_own(d)); }

static void on_own_reload(struct deadline *d) {
    struct bot *b = of_own(d);
    char *of_step = b->failure; /* which the test has not seen yet */
    b->failure = NULL;
    reload(b);
    free(b->failure); /* which was told */
    b->failure = of_step;
}

static void ask(struct bot *b, void (*fn)(struct deadline *d)) {
    clock_set(&b->tester->net->clock, &b->own, clock_now(&b->tester->net->clock), fn);
}

static void host_stop(void *app, int status) {
    struct bot *b = app;
    if (b->has_exited) return;
    if (status) b->status = status;
    b->stops = true;
    ask(b, on_own_stop);
}

static void host_exit(void *app, int status) {
    struct bot *b = app;
    if (b->has_exited) return;
    b->has_exited = true;
    b->status = status;
    if (b->engine) b->engine->tasks.exits = true; /* none of it runs any more */
    ask(b, on_own_exit);
}

static const char *host_reload(void *app) {
    struct bot *b = app;
    if (!b->stops && !b->has_exited) ask(b, on_own_reload);
    return NULL;
}

static void host_failed(void *app, const char *message) {
    struct bot *b = app;
    put_string(&b->errors, copy(message, strlen(message)));
}

static void host_noted(void *app, const struct engine_file *file) {
    const struct engine *tester = ((struct bot *)app)->tester;
    if (tester && tester->host->noted) tester->host->noted(tester->app, file);
}

static const struct engine_host bot_host = {
    .stop = host_stop, .exit = host_exit, .reload = host_reload, .failed = host_failed, .noted = host_noted};

static struct bot *of_step(struct deadline *d) { return (struct bot *)((char *)d - offsetof(struct bot, step)); }

static void done(struct bot *b) {
    b->busy = false;
    task_wake_all(&b->waiting);
}

static void on_start(struct deadline *d) {
    start(of_step(d));
    done(of_step(d));
}

static void on_stop(struct deadline *d) {
    stop(of_step(d));
    done(of_step(d));
}

static void on_reload(struct deadline *d) {
    reload(of_step(d));
    done(of_step(d));
}

/* ---- what the test has of it ---- */

static int l_stepped(lua_State *L, int status, lua_KContext ctx) {
    struct bot *b = check_bot(L);
    (void)status;
    if (b->busy) return l_task_wait(L, (const char *)ctx, &b->waiting, UINT64_MAX, ctx, l_stepped);
    if (!b->failure) {
        lua_pushboolean(L, 1);
        return 1;
    }
    luaL_pushfail(L);
    lua_pushstring(L, b->failure);
    free(b->failure);
    b->failure = NULL;
    return 2;
}

struct step {
    const char *what;
    void (*fn)(struct deadline *d);
};

/* Stack: bot, source or nil. Steps are taken one after the other. */
static int l_step(lua_State *L, int status, lua_KContext ctx) {
    const struct step *s = (const struct step *)ctx;
    struct bot *b = check_bot(L);
    (void)status;
    if (b->busy) return l_task_wait(L, s->what, &b->waiting, UINT64_MAX, ctx, l_step);
    l_task_check(L, s->what);
    if (!lua_isnil(L, 2)) {
        size_t n;
        const char *source = lua_tolstring(L, 2, &n);
        free(b->source);
        free(b->path);
        b->path = NULL;
        b->source = copy(source, n);
    }
    free(b->failure); /* of a step that nobody waited for to its end */
    b->failure = NULL;
    b->busy = true;
    clock_set(&b->tester->net->clock, &b->step, clock_now(&b->tester->net->clock), s->fn);
    return l_stepped(L, LUA_OK, (lua_KContext)s->what);
}

static int begin_step(lua_State *L, const struct step *s) {
    check_bot(L);
    if (!lua_isnoneornil(L, 2)) luaL_checkstring(L, 2);
    lua_settop(L, 2);
    return l_step(L, LUA_OK, (lua_KContext)s);
}

static int l_start(lua_State *L) {
    static const struct step s = {"testing.bot", on_start};
    return begin_step(L, &s);
}

static int l_stop(lua_State *L) {
    static const struct step s = {"bot:stop", on_stop};
    return begin_step(L, &s);
}

/* reload([source]) */
static int l_reload(lua_State *L) {
    static const struct step s = {"bot:reload", on_reload};
    return begin_step(L, &s);
}

/* Is it alive? One that is not is ended now. */
static int l_alive(lua_State *L) {
    struct bot *b = check_bot(L);
    bool alive = is_alive(b);
    if (!alive && !b->busy) end(b);
    lua_pushboolean(L, alive || b->busy);
    return 1;
}

static int l_kill(lua_State *L) {
    struct bot *b = check_bot(L);
    clock_cancel(&b->tester->net->clock, &b->step);
    clock_cancel(&b->tester->net->clock, &b->own);
    end(b);
    done(b);
    return 0;
}

static int push_output(lua_State *L, struct output *o) {
    fflush(o->file);
    lua_pushlstring(L, o->text, o->size);
    return 1;
}

static int l_output(lua_State *L) { return push_output(L, &check_bot(L)->out); }
static int l_log(lua_State *L) { return push_output(L, &check_bot(L)->err); }

static int l_errors(lua_State *L) {
    const struct bot *b = check_bot(L);
    lua_createtable(L, (int)b->errors.count, 0);
    for (size_t i = 0; i < b->errors.count; i++) {
        lua_pushstring(L, b->errors.items[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int l_status(lua_State *L) {
    lua_pushinteger(L, check_bot(L)->status);
    return 1;
}

static int l_gc(lua_State *L) {
    struct bot **at = luaL_checkudata(L, 1, BOT_TYPE), *b = *at;
    if (!b) return 0;
    *at = NULL;
    clock_cancel(&b->tester->net->clock, &b->step);
    clock_cancel(&b->tester->net->clock, &b->own);
    end(b);
    b->tester = NULL;
    release(b);
    return 0;
}

static void read_strings(lua_State *L, int table, struct strings *list) {
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, table); i++) {
        size_t n;
        lua_rawgeti(L, table, i);
        const char *text = luaL_tolstring(L, -1, &n);
        put_string(list, lua_toboolean(L, -2) ? copy(text, n) : NULL); /* false: a variable that is not set */
        lua_pop(L, 2);
    }
}

/* bot(path or nil, source or nil, arguments, environment: name, value, ...) */
static int l_make(lua_State *L) {
    size_t n, m;
    const char *path = luaL_optlstring(L, 1, NULL, &n), *source = luaL_optlstring(L, 2, NULL, &m);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    luaL_argcheck(L, path || source, 1, "a path or a source");
    struct bot **at = lua_newuserdatauv(L, sizeof *at, 0), *b = calloc(1, sizeof *b);
    if (!b) abort();
    *at = b;
    *b = (struct bot){.references = 1, .tester = engine_of(L)};
    luaL_setmetatable(L, BOT_TYPE);
    if (path) b->path = copy(path, n);
    if (source) b->source = copy(source, m);
    read_strings(L, 3, &b->arguments);
    read_strings(L, 4, &b->environment);
    b->out.file = open_memstream(&b->out.text, &b->out.size);
    b->err.file = open_memstream(&b->err.text, &b->err.size);
    if (!b->out.file || !b->err.file) return luaL_error(L, "not enough memory");
    return 1;
}

void l_bot_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {
        {"start", l_start},   {"stop", l_stop}, {"reload", l_reload}, {"alive", l_alive},   {"kill", l_kill},
        {"output", l_output}, {"log", l_log},   {"errors", l_errors}, {"status", l_status}, {NULL, NULL},
    };
    table = lua_absindex(L, table);
    l_testing_type(L, BOT_TYPE, l_gc, methods);
    lua_pushcfunction(L, l_make);
    lua_setfield(L, table, "bot");
}

/* interpreter: what `lua` does before, with and after a script, in the same order and with the same words. */
#include "app/interpreter.h"

#include "base/log.h"

#include "base/buf.h"
#include "script/door.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LUA_INIT_VERSIONED "LUA_INIT_" LUA_VERSION_MAJOR "_" LUA_VERSION_MINOR

/* ---- options ---- */

bool interpreter_options_read(int argc, char **argv, int first, struct interpreter_options *out, int *bad) {
    *out = (struct interpreter_options){.argv = argv, .argc = argc, .first = first, .script = argc};
    for (int i = first; i < argc; i++) {
        const char *a = argv[i];
        out->script = i;
        *bad = i;
        if (a[0] != '-' || a[1] == '\0') return true; /* a script, or "-": standard input */
        bool alone = a[2] == '\0';
        switch (a[1]) {
        case '-':
            if (!alone) return false;
            out->script = i + 1;
            return true;
        case 'E': out->no_environment = true; break;
        case 'W': out->warnings = true; break;
        case 'v': out->version = true; break;
        case 'i': out->interactive = out->version = true; break;
        case 'e':
        case 'l':
            if (a[1] == 'e') out->executes = true;
            if (!alone) continue;
            if (i + 1 >= argc || argv[i + 1][0] == '-') return false; /* its argument is missing */
            i++;
            continue;
        default: return false;
        }
        if (!alone) return false;
    }
    out->script = argc;
    return true;
}

void interpreter_usage(const char *program, const char *bad) {
    fprintf(stderr, "%s: ", program);
    if (bad[1] == 'e' || bad[1] == 'l')
        fprintf(stderr, "'%s' needs argument\n", bad);
    else
        fprintf(stderr, "unrecognized option '%s'\n", bad);
    fprintf(stderr,
            "usage: %s [options] [script [args]]\n"
            "Available options are:\n"
            "  -e stat   execute string 'stat'\n"
            "  -i        enter interactive mode after executing 'script'\n"
            "  -l mod    require library 'mod' into global 'mod'\n"
            "  -l g=mod  require library 'mod' into global 'g'\n"
            "  -v        show version information\n"
            "  -E        ignore environment variables\n"
            "  -W        turn warnings on\n"
            "  --        stop handling options\n"
            "  -         stop handling options and execute stdin\n",
            program);
}

/* ---- chunks: each runs as a task, and what comes behind it waits until it has ended ---- */

/* What the steps below share. */
struct run {
    struct worker *worker;
    const struct interpreter_options *options;
    const char *program; /* goes before messages; NULL at the prompt */
    bool ok;
};

/* Something to run. */
struct chunk {
    struct run *run;
    int (*load)(lua_State *L, const struct chunk *c); /* leaves a function, or a message: then not LUA_OK */
    const char *text, *name;
    bool with_arguments; /* it gets those of the command line */
    bool is_library;     /* it gets the module that `text` names, and returns what the global of that name becomes */
    bool prints;         /* what it returns is shown */
    struct task *task;   /* while it runs */
    bool running;
};

static void tell(const struct run *r, const char *message) {
    if (log_get_format() == LOG_JSON) {
        log_line(LOG_ERROR, "%s", message);
        return;
    }
    fflush(stdout);
    if (r->program) fprintf(stderr, "%s: ", r->program);
    fprintf(stderr, "%s\n", message);
    fflush(stderr);
}

static void print_results(lua_State *L, const struct run *r, int n) {
    if (n == 0) return;
    luaL_checkstack(L, LUA_MINSTACK, "too many results to print");
    lua_getglobal(L, "print");
    lua_insert(L, -n - 1);
    if (lua_pcall(L, n, 0, 0) == LUA_OK) return;
    lua_pushfstring(L, "error calling 'print' (%s)", lua_tostring(L, -1));
    tell(r, lua_tostring(L, -1));
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

/* Gives the global its first result. Stack: chunk, results */
static void set_global(lua_State *L, const char *text) {
    const char *equals = strchr(text, '=');
    lua_settop(L, 2);
    lua_pushglobaltable(L);
    lua_pushlstring(L, text, equals ? (size_t)(equals - text) : strlen(text));
    lua_pushvalue(L, 2);
    lua_settable(L, -3); /* the globals may have a metatable, as with lua_setglobal */
}

static int l_chunk_done(lua_State *L, int status, lua_KContext ctx) {
    const struct chunk *c = (const struct chunk *)ctx;
    (void)status;
    if (c->is_library) set_global(L, c->text);
    if (c->prints) print_results(L, c->run, lua_gettop(L) - 1); /* chunk, results */
    return 0;
}

/* Loads the chunk and calls it. What cannot be loaded is told without a traceback, as there is nothing to trace. */
static int l_chunk(lua_State *L) {
    struct chunk *c = lua_touserdata(L, 1);
    c->task = engine_of(L)->tasks.current;
    int n = 0, rc = c->load(L, c);
    lua_insert(L, 2);
    lua_settop(L, 2); /* chunk, fn or message */
    if (c->is_library) {
        lua_pushstring(L, module_of(c->text));
        n = 1;
    }
    if (rc == LUA_OK && c->with_arguments) {
        if (lua_getglobal(L, "arg") == LUA_TTABLE) { /* -e may have done what it liked */
            n = push_arguments(L);
        } else {
            rc = LUA_ERRRUN;
            lua_pushliteral(L, "'arg' is not a table");
        }
    }
    if (rc != LUA_OK) {
        const char *message = lua_tostring(L, -1);
        tell(c->run, message ? message : "(error message not a string)");
        c->run->ok = false;
        return 0;
    }
    lua_callk(L, n, LUA_MULTRET, (lua_KContext)c, l_chunk_done);
    return l_chunk_done(L, LUA_OK, (lua_KContext)c);
}

static void on_chunk_end(struct task *t, void *arg, enum task_end how) {
    struct chunk *c = arg;
    c->running = false;
    if (how == TASK_DONE) return;
    if (how == TASK_CANCELLED) { /* with the program, or as a deadlock, which was told */
        c->run->ok = c->run->ok && c->run->worker->stopping;
        return;
    }
    c->run->ok = false;
    char *text = task_describe(t, NULL);
    tell(c->run, text);
    free(text);
}

/* Runs it to its end, the loop turning while it waits. False where it failed, which was told, or where the program is
 * to stop meanwhile. */
static bool run_chunk(struct chunk *c) {
    struct worker *w = c->run->worker;
    c->running = true;
    if (!task_run(w->engine, l_chunk, c, on_chunk_end, c)) return c->run->ok = false;
    worker_run_while(w, &c->running);
    if (c->running) task_cancel(c->task); /* the program has stopped */
    return c->run->ok && !w->stopping;
}

static int load_string(lua_State *L, const struct chunk *c) {
    return luaL_loadbuffer(L, c->text, strlen(c->text), c->name);
}

static int load_file(lua_State *L, const struct chunk *c) { return luaL_loadfile(L, c->text); }

/* -l mod, -l global=mod: `require`, called with the module. */
static int load_library(lua_State *L, const struct chunk *c) {
    (void)c;
    lua_getglobal(L, "require");
    return LUA_OK;
}

/* LUA_INIT: Lua code, or a file behind an '@'. */
static bool run_init(struct run *r) {
    const char *name = "=" LUA_INIT_VERSIONED, *init = getenv(name + 1);
    if (!init) init = getenv((name = "=LUA_INIT") + 1);
    if (!init) return true;
    bool file = init[0] == '@';
    struct chunk c = {.run = r, .load = file ? load_file : load_string, .text = init + file, .name = name};
    return run_chunk(&c);
}

static bool run_options(struct run *r) {
    const struct interpreter_options *o = r->options;
    for (int i = o->first; i < o->script && i < o->argc; i++) {
        char kind = o->argv[i][1];
        if (kind == 'W') lua_warning(r->worker->engine->L, "@on", 0);
        if (kind != 'e' && kind != 'l') continue;
        const char *argument = o->argv[i][2] ? o->argv[i] + 2 : o->argv[++i];
        struct chunk c = {.run = r,
                          .load = kind == 'e' ? load_string : load_library,
                          .text = argument,
                          .name = "=(command line)",
                          .is_library = kind == 'l'};
        if (!run_chunk(&c)) return false;
    }
    return true;
}

static bool run_script(struct run *r) {
    const struct interpreter_options *o = r->options;
    const char *path = o->argv[o->script];
    bool from_stdin = strcmp(path, "-") == 0 && !(o->script > 0 && strcmp(o->argv[o->script - 1], "--") == 0);
    if (!from_stdin) engine_set_script(r->worker->engine, path);
    struct chunk c = {.run = r, .load = load_file, .text = from_stdin ? NULL : path, .with_arguments = true};
    return run_chunk(&c);
}

/* The table `arg`: the script at 0, its arguments behind, the program and its options before. */
static void set_arg(lua_State *L, const struct interpreter_options *o) {
    int script = o->script == o->argc ? 0 : o->script;
    lua_createtable(L, o->argc - script - 1 > 0 ? o->argc - script - 1 : 0, script + 1);
    for (int i = 0; i < o->argc; i++) {
        lua_pushstring(L, o->argv[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");
}

/* ---- the prompt: read outside of Lua, so that the loop may turn while a person thinks ---- */

struct statement {
    struct chunk chunk; /* its first member, so that the loader of the chunk finds the rest */
    struct buf text;    /* the lines so far */
    bool more;          /* it wants another line */
    bool last;          /* there is none: say what is wrong with what there is */
};

static int l_show_prompt(lua_State *L) {
    const struct statement *s = lua_touserdata(L, 1);
    lua_getglobal(L, s->more ? "_PROMPT2" : "_PROMPT");
    fputs(lua_isnil(L, -1) ? (s->more ? ">> " : "> ") : luaL_tolstring(L, -1, NULL), stdout);
    fflush(stdout);
    return 0;
}

static void on_readable(uv_poll_t *input, int status, int events) {
    (void)status;
    (void)events;
    uv_close((uv_handle_t *)input, (uv_close_cb)free);
}

/* Turns the loop until there is something to read. False when the program is to stop. */
static bool wait_for_input(struct worker *w) {
    uv_poll_t *input = isatty(STDIN_FILENO) ? malloc(sizeof *input) : NULL;
    if (!input || uv_poll_init(&w->loop, input, STDIN_FILENO) != 0) {
        free(input);
        return true; /* a file or a pipe: reading it waits */
    }
    uv_poll_start(input, UV_READABLE, on_readable);
    while (!uv_is_closing((uv_handle_t *)input) && !w->stopping) uv_run(&w->loop, UV_RUN_ONCE);
    if (w->stopping) uv_close((uv_handle_t *)input, (uv_close_cb)free);
    return !w->stopping;
}

/* Adds a line to the statement; false at the end of the input. */
static bool read_line(struct buf *text) {
    char piece[512];
    bool any = false;
    while (fgets(piece, sizeof piece, stdin)) {
        size_t n = strlen(piece);
        bool end = n && piece[n - 1] == '\n';
        if (!any && text->len) buf_append(text, slice_str("\n"));
        any = true;
        buf_append(text, slice_of(piece, end ? n - 1 : n));
        if (end) break;
    }
    return any;
}

/* Does the message on the top say that the chunk only needs more lines? */
static bool is_incomplete(lua_State *L, int rc) {
    static const char mark[] = "<eof>";
    size_t n;
    const char *message = rc == LUA_ERRSYNTAX ? lua_tolstring(L, -1, &n) : NULL;
    return message && n >= sizeof mark - 1 && strcmp(message + n - (sizeof mark - 1), mark) == 0;
}

/* Compiles the statement: as an expression where it is one. One that is not whole yet is a function that does nothing.
 */
static int load_statement(lua_State *L, const struct chunk *c) {
    struct statement *s = (struct statement *)c;
    struct slice text = buf_slice(&s->text);
    size_t n;
    int base = lua_gettop(L);
    bool equals = text.n && text.p[0] == '='; /* as Lua 5.1 had it */
    lua_pushliteral(L, "return ");
    lua_pushlstring(L, (const char *)text.p + equals, text.n - equals);
    lua_concat(L, 2);
    const char *expression = lua_tolstring(L, -1, &n);
    int rc = luaL_loadbuffer(L, expression, n, "=stdin");
    if (rc != LUA_OK && !equals) {
        lua_settop(L, base);
        rc = luaL_loadbuffer(L, (const char *)text.p, text.n, "=stdin");
    }
    s->more = is_incomplete(L, rc) && !s->last;
    return s->more ? luaL_loadstring(L, "") : rc;
}

static void prompt(const struct run *r) {
    struct run quiet = *r;
    quiet.program = NULL;
    struct statement s = {.chunk = {.run = &quiet, .load = load_statement, .prints = true}};
    struct engine *e = r->worker->engine;
    buf_init(&s.text, SIZE_MAX);
    while (!s.last && !r->worker->stopping) {
        door_call(e, l_show_prompt, &s, NULL);
        if (!wait_for_input(r->worker)) break;
        s.last = !read_line(&s.text);
        if (s.last && !s.more) break;
        run_chunk(&s.chunk);
        if (!s.more) buf_reset(&s.text, SIZE_MAX);
    }
    buf_clear(&s.text);
    fputc('\n', stdout);
    fflush(stdout);
}

/* ---- all of it ---- */

static void print_version(void) {
    puts(LUA_COPYRIGHT);
    fflush(stdout);
}

static int l_prepare(lua_State *L) {
    const struct interpreter_options *o = lua_touserdata(L, 1);
    if (o->version) print_version();
    set_arg(L, o);
    lua_gc(L, LUA_GCGEN, 0, 0);
    return 0;
}

bool interpreter_run(struct worker *w, const struct interpreter_options *o) {
    struct run r = {.worker = w, .options = o, .program = o->argv[0] && o->argv[0][0] ? o->argv[0] : "wsbot"};
    bool has_script = o->script < o->argc, nothing = !has_script && !o->executes && !o->version;
    bool terminal = isatty(STDIN_FILENO);
    struct chunk input = {.run = &r, .load = load_file}; /* without a name: standard input */
    r.ok = door_call(w->engine, l_prepare, (void *)o, NULL);
    bool go = r.ok && (o->no_environment || run_init(&r)) && run_options(&r);
    if (go && has_script)
        go = run_script(&r);
    else if (go && nothing && !terminal)
        go = run_chunk(&input);
    if (!go || !(o->interactive || (nothing && terminal))) return r.ok;
    if (!o->version) print_version();
    prompt(&r);
    return true;
}

/* interpreter: what `lua` does before, with and after a script, in the same order and with the same words. */
#include "app/interpreter.h"

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

/* ---- chunks ---- */

/* What the steps below share; reached through a light userdata. */
struct run {
    struct worker *worker;
    const struct interpreter_options *options;
    const char *program; /* goes before messages; NULL at the prompt */
    bool ok, prompts;
};

static void tell(const struct run *r, const char *message) {
    fflush(stdout);
    if (r->program) fprintf(stderr, "%s: ", r->program);
    fprintf(stderr, "%s\n", message);
    fflush(stderr);
}

/* Tells the error on the top of the stack and pops it. */
static bool fail(lua_State *L, const struct run *r) {
    const char *message = lua_tostring(L, -1);
    tell(r, message ? message : "(error message not a string)");
    lua_pop(L, 1);
    return false;
}

/* Calls the function below its `n` arguments, with a traceback where it fails. */
static int call(lua_State *L, int n, int results) {
    int base = lua_gettop(L) - n;
    lua_pushcfunction(L, l_door_traceback);
    lua_insert(L, base);
    int rc = lua_pcall(L, n, results, base);
    lua_remove(L, base);
    return rc;
}

static bool run_chunk(lua_State *L, const struct run *r, int loaded) {
    if (loaded != LUA_OK || call(L, 0, 0) != LUA_OK) return fail(L, r);
    return true;
}

static bool run_string(lua_State *L, const struct run *r, const char *text, const char *name) {
    return run_chunk(L, r, luaL_loadbuffer(L, text, strlen(text), name));
}

static bool run_file(lua_State *L, const struct run *r, const char *path) {
    return run_chunk(L, r, luaL_loadfile(L, path));
}

/* LUA_INIT: Lua code, or a file behind an '@'. */
static bool run_init(lua_State *L, const struct run *r) {
    const char *name = "=" LUA_INIT_VERSIONED, *init = getenv(name + 1);
    if (!init) init = getenv((name = "=LUA_INIT") + 1);
    if (!init) return true;
    return init[0] == '@' ? run_file(L, r, init + 1) : run_string(L, r, init, name);
}

/* -l mod, -l global=mod */
static bool load_library(lua_State *L, const struct run *r, const char *option) {
    const char *equals = strchr(option, '=');
    const char *module = equals ? equals + 1 : option;
    lua_getglobal(L, "require");
    lua_pushstring(L, module);
    if (call(L, 1, 1) != LUA_OK) return fail(L, r);
    lua_pushlstring(L, option, equals ? (size_t)(equals - option) : strlen(option));
    lua_insert(L, -2);
    lua_pushglobaltable(L);
    lua_insert(L, -3);
    lua_settable(L, -3); /* the globals may have a metatable, as with lua_setglobal */
    lua_pop(L, 1);
    return true;
}

static bool run_options(lua_State *L, const struct run *r) {
    const struct interpreter_options *o = r->options;
    for (int i = o->first; i < o->script && i < o->argc; i++) {
        char kind = o->argv[i][1];
        if (kind == 'W') lua_warning(L, "@on", 0);
        if (kind != 'e' && kind != 'l') continue;
        const char *argument = o->argv[i][2] ? o->argv[i] + 2 : o->argv[++i];
        if (!(kind == 'e' ? run_string(L, r, argument, "=(command line)") : load_library(L, r, argument))) return false;
    }
    return true;
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

static int push_arguments(lua_State *L) {
    lua_getglobal(L, "arg");
    int n = (int)luaL_len(L, -1);
    luaL_checkstack(L, n + 3, "too many arguments to script");
    int table = lua_gettop(L);
    for (int i = 1; i <= n; i++) lua_rawgeti(L, table, i);
    lua_remove(L, table);
    return n;
}

static bool run_script(lua_State *L, const struct run *r) {
    const struct interpreter_options *o = r->options;
    const char *path = o->argv[o->script];
    bool from_stdin = strcmp(path, "-") == 0 && !(o->script > 0 && strcmp(o->argv[o->script - 1], "--") == 0);
    if (!from_stdin) engine_set_script(r->worker->engine, path);
    if (luaL_loadfile(L, from_stdin ? NULL : path) != LUA_OK) return fail(L, r);
    if (lua_getglobal(L, "arg") != LUA_TTABLE) { /* -e may have done this */
        lua_pushliteral(L, "'arg' is not a table");
        return fail(L, r);
    }
    lua_pop(L, 1);
    return call(L, push_arguments(L), LUA_MULTRET) == LUA_OK ? true : fail(L, r);
}

/* ---- the prompt: read outside of Lua, so that the loop may turn while a person thinks ---- */

struct statement {
    const struct run *run;
    struct buf text; /* the lines so far */
    bool more;       /* it wants another line */
    bool last;       /* there is none: say what is wrong with what there is */
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

/* Compiles the statement: as an expression where it is one. */
static int load_statement(lua_State *L, struct statement *s) {
    size_t n;
    struct slice text = buf_slice(&s->text);
    bool equals = text.n && text.p[0] == '='; /* as Lua 5.1 had it */
    lua_pushliteral(L, "return ");
    lua_pushlstring(L, (const char *)text.p + equals, text.n - equals);
    lua_concat(L, 2);
    const char *expression = lua_tolstring(L, -1, &n);
    int rc = luaL_loadbuffer(L, expression, n, "=stdin");
    if (rc == LUA_OK || equals) return rc;
    lua_settop(L, 1);
    return luaL_loadbuffer(L, (const char *)text.p, text.n, "=stdin");
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

/* Runs the statement when it is whole. */
static int l_statement(lua_State *L) {
    struct statement *s = lua_touserdata(L, 1);
    int rc = load_statement(L, s);
    s->more = is_incomplete(L, rc) && !s->last;
    if (s->more) return 0;
    lua_replace(L, 1); /* the function, or the message */
    lua_settop(L, 1);
    if (rc == LUA_OK) rc = call(L, 0, LUA_MULTRET);
    if (rc == LUA_OK)
        print_results(L, s->run, lua_gettop(L));
    else
        fail(L, s->run);
    return 0;
}

static void prompt(const struct run *r) {
    struct run quiet = *r;
    quiet.program = NULL;
    struct statement s = {.run = &quiet};
    struct engine *e = r->worker->engine;
    buf_init(&s.text, SIZE_MAX);
    while (!s.last && !r->worker->stopping) {
        door_call(e, l_show_prompt, &s, NULL);
        if (!wait_for_input(r->worker)) break;
        s.last = !read_line(&s.text);
        if (s.last && !s.more) break;
        door_call(e, l_statement, &s, NULL);
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

static int l_main(lua_State *L) {
    struct run *r = lua_touserdata(L, 1);
    const struct interpreter_options *o = r->options;
    if (o->version) print_version();
    set_arg(L, o);
    lua_gc(L, LUA_GCGEN, 0, 0);
    bool has_script = o->script < o->argc;
    bool nothing = !has_script && !o->executes && !o->version;
    r->ok = (o->no_environment || run_init(L, r)) && run_options(L, r);
    if (!r->ok) return 0;
    if (has_script)
        r->ok = run_script(L, r);
    else if (nothing && !isatty(STDIN_FILENO))
        r->ok = run_file(L, r, NULL);
    if (!r->ok) return 0;
    r->prompts = o->interactive || (nothing && isatty(STDIN_FILENO));
    if (r->prompts && !o->version) print_version();
    return 0;
}

bool interpreter_run(struct worker *w, const struct interpreter_options *o) {
    struct run r = {.worker = w, .options = o, .program = o->argv[0] && o->argv[0][0] ? o->argv[0] : "wsbot"};
    if (!door_call(w->engine, l_main, &r, NULL)) return false;
    if (!r.prompts) return r.ok;
    prompt(&r);
    return true;
}

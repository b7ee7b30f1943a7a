/* interpreter: what `lua` does before, with and after a script, in the same order and with the same words. */
#include "app/interpreter.h"

#include "base/log.h"

#include "base/buf.h"
#include "script/collector.h"
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

/* ---- the code on it ---- */

/* Runs a chunk that comes before the script. Of a staged generation only the script may wait. */
static bool run_first(struct chunk *c) {
    if (!c->run->engine->staged) return chunk_run(c);
    chunk_start(c);
    if (!c->running) return c->run->ok;
    run_tell(c->run, "only the script may wait while it is loaded, not LUA_INIT, -e or -l");
    task_cancel(c->task);
    return c->run->ok = false;
}

/* LUA_INIT: Lua code, or a file behind an '@'. */
static bool run_init(struct run *r) {
    const char *name = "=" LUA_INIT_VERSIONED, *init = getenv(name + 1);
    if (!init) init = getenv((name = "=LUA_INIT") + 1);
    if (!init) return true;
    bool file = init[0] == '@';
    struct chunk c = {.run = r, .load = file ? chunk_load_file : chunk_load_string, .text = init + file, .name = name};
    return run_first(&c);
}

static bool run_options(struct run *r, const struct interpreter_options *o) {
    for (int i = o->first; i < o->script && i < o->argc; i++) {
        char kind = o->argv[i][1];
        if (kind == 'W') lua_warning(r->engine->L, "@on", 0);
        if (kind != 'e' && kind != 'l') continue;
        const char *argument = o->argv[i][2] ? o->argv[i] + 2 : o->argv[++i];
        struct chunk c = {.run = r,
                          .load = kind == 'e' ? chunk_load_string : chunk_load_library,
                          .text = argument,
                          .name = "=(command line)",
                          .is_library = kind == 'l'};
        if (!run_first(&c)) return false;
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

/* ---- the prompt: read outside of Lua, so that the loop may turn while a person thinks ---- */

struct statement {
    struct chunk chunk; /* its first member, so that the loader of the chunk finds the rest */
    struct buf text;    /* the lines so far */
    bool more;          /* it wants another line */
    bool last;          /* there is no other line: report what is wrong */
};

static int l_show_prompt(lua_State *L) {
    const struct statement *s = l_door_given(L, l_show_prompt);
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

/* Does the error on the top say that the chunk only needs more lines? */
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
    buf_init(&s.text, SIZE_MAX);
    while (!s.last && !r->worker->stopping) {
        door_call(r->engine, l_show_prompt, &s, NULL);
        if (!wait_for_input(r->worker)) break;
        s.last = !read_line(&s.text);
        if (s.last && !s.more) break;
        chunk_run(&s.chunk);
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
    set_arg(L, l_door_given(L, l_prepare));
    collector_start(engine_of(L));
    return 0;
}

const char *interpreter_script(const struct interpreter_options *o) {
    if (o->script == o->argc) return NULL;
    const char *path = o->argv[o->script];
    bool from_stdin = strcmp(path, "-") == 0 && !(o->script > 0 && strcmp(o->argv[o->script - 1], "--") == 0);
    return from_stdin ? NULL : path;
}

bool interpreter_prepare(struct run *r, const struct interpreter_options *o, struct chunk *script) {
    const char *path = interpreter_script(o);
    *script = (struct chunk){.run = r, .load = chunk_load_file, .text = path, .with_arguments = o->script < o->argc};
    r->program = o->argv[0] && o->argv[0][0] ? o->argv[0] : "wsbot";
    r->ok = door_call(r->engine, l_prepare, (void *)o, NULL);
    if (!r->ok || !(o->no_environment || run_init(r)) || !run_options(r, o)) return false;
    if (path) engine_set_script(r->engine, path);
    return true;
}

bool interpreter_run(struct worker *w, const struct interpreter_options *o) {
    struct run r = {.worker = w, .engine = w->engine};
    struct chunk script;
    bool has_script = o->script < o->argc, nothing = !has_script && !o->executes && !o->version;
    bool terminal = isatty(STDIN_FILENO);
    if (o->version) print_version();
    bool go = interpreter_prepare(&r, o, &script);
    if (go && (has_script || (nothing && !terminal))) go = chunk_run(&script); /* without a script: standard input */
    if (!go || !(o->interactive || (nothing && terminal))) return r.ok;
    if (!o->version) print_version();
    prompt(&r);
    return true;
}

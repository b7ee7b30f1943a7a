/* bot_state: what the Lua state of a bot under test has that others have not: what it prints is kept for the test, and
 * the test says which arguments and environment variables it has. */
#include "base/random.h"
#include "script/collector.h"
#include "script/door.h"
#include "script/l_push.h"
#include "testing/bot.h"
#include "testing/relay.h"
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* Upvalue: the bot. */
static int l_print(lua_State *L) {
    FILE *to = ((struct bot *)lua_touserdata(L, lua_upvalueindex(1)))->out.file;
    int n = lua_gettop(L);
    for (int i = 1; i <= n; i++) {
        size_t size;
        const char *text = luaL_tolstring(L, i, &size);
        if (i > 1) fputc('\t', to);
        fwrite(text, 1, size, to);
        lua_pop(L, 1);
    }
    fputc('\n', to);
    if (!ferror(to)) return 0;
    clearerr(to);
    return luaL_error(L, "not enough memory");
}

static int l_keep_open(lua_State *L) {
    luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    s->closef = l_keep_open;
    return l_push_failure(L, "cannot close standard file", NULL);
}

static int l_close_file(lua_State *L) {
    luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(s->f) == 0, NULL);
}

/* Makes a file of the io library. Stack: ..., io. `set`: the function of io that makes it the default. */
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
        if (b->environment.items[i] && strcmp(b->environment.items[i], name) == 0) value = b->environment.items[i + 1];
    lua_pushstring(L, value);
    return 1;
}

static void set_arg(lua_State *L, const struct bot *b) {
    char program[4096];
    size_t size = sizeof program;
    lua_createtable(L, (int)b->arguments.count, 2);
    lua_pushstring(L, uv_exepath(program, &size) == 0 ? program : "wsbot");
    lua_rawseti(L, -2, -1);
    lua_pushstring(L, b->path ? b->path : "bot");
    lua_rawseti(L, -2, 0);
    for (size_t i = 0; i < b->arguments.count; i++) {
        lua_pushstring(L, b->arguments.items[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setglobal(L, "arg");
}

/* An object in the state of a bot that holds a reference to the bot. */
struct hold {
    struct box box;
    struct bot *bot;
};

static void end_hold(void *object) {
    struct hold *h = object;
    if (h->bot) bot_release(h->bot);
    free(h);
}

static const struct box_type hold_type = {.name = "wsbot.testing.hold", .size = sizeof(struct hold), .end = end_hold};

/* Holds the bot until its state is closed: finalizers of the script, which were made later, run before the one of this
 * object. */
static void hold(lua_State *L, struct bot *b) {
    l_box_open(L, &hold_type, NULL, NULL);
    struct hold *h = l_box_new(L, &hold_type);
    box_anchor(L, -1, h);
    h->bot = b;
    b->references++;
    lua_pop(L, 2);
}

static int l_dress(lua_State *L) {
    struct bot *b = l_door_given(L, l_dress);
    hold(L, b);
    lua_pushlightuserdata(L, b);
    lua_pushcclosure(L, l_print, 1);
    lua_setglobal(L, "print");
    lua_getglobal(L, "io");
    put_file(L, b->out.file, "stdout", "output");
    put_file(L, b->err.file, "stderr", NULL);
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
    l_engine_require(L, "wsbot.testing.time");
    lua_pop(L, 1);
    l_relay_begin(L, b);
    collector_start(engine_of(L));
    return 0;
}

bool bot_dress(struct bot *b, struct engine *e) {
    struct engine_test *test = engine_for_test(e);
    test->tester = b->tester;
    test->err = b->err.file;
    engine_set_watchdog(e, NULL, b->tester->watchdog);
    bool ok = door_call(e, l_dress, b, &b->failure);
    if (ok && b->path) engine_set_script(e, b->path);
    return ok;
}

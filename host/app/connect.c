/* connect: gives the options to Lua as the table `arg`, with the C modules of `wsbot connect`, and runs a main chunk
 * that is inside the program. */
#include "app/connect.h"

#include "app/chunk.h"
#include "app/connect_core.h"
#include "app/console.h"
#include "app/words.h"
#include "base/log.h"
#include "script/door.h"
#include "script/l_push.h"
#include <lauxlib.h>

/* say(message) -> the message in words of the command line */
static int l_say(lua_State *L) {
    size_t n;
    const char *message = luaL_checklstring(L, 1, &n);
    struct buf text;
    buf_init(&text, SIZE_MAX);
    words_append(&text, slice_of(message, n));
    return l_push_bytes(L, &text);
}

static int luaopen_say(lua_State *L) {
    lua_pushcfunction(L, l_say);
    return 1;
}

/* arg = { url = "...", header = { "A: b", "C: d" }, binary = { true } } */
static int l_set_arg(lua_State *L) {
    const struct cli_options *o = l_door_given(L, l_set_arg);
    lua_newtable(L);
    lua_pushstring(L, o->url);
    lua_setfield(L, -2, "url");
    for (size_t i = 0; i < o->given_count; i++) {
        const struct cli_given *g = &o->given[i];
        luaL_getsubtable(L, -1, g->name);
        if (g->value)
            lua_pushstring(L, g->value);
        else
            lua_pushboolean(L, 1);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        lua_pop(L, 1);
    }
    lua_setglobal(L, "arg");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_connect_core);
    lua_setfield(L, -2, "wsbot.connect.core");
    lua_pushcfunction(L, luaopen_console);
    lua_setfield(L, -2, "wsbot.console");
    lua_pushcfunction(L, luaopen_say);
    lua_setfield(L, -2, "wsbot.connect.say");
    return 0;
}

/* Writes what the host logs in the form of all lines of `wsbot connect`. */
static void put_line(struct buf *line, enum log_level level, struct slice shown) {
    buf_append(line, slice_str(level == LOG_WARN    ? "wsbot connect: warning: "
                               : level == LOG_TRACE ? "wsbot connect: trace "
                                                    : "wsbot connect: "));
    words_append(line, shown);
}

void connect_run(struct worker *w, const struct cli_options *options) {
    log_set_put(put_line);
    struct run r = {.worker = w, .engine = w->engine, .program = "wsbot connect", .ok = true};
    struct chunk c = {.run = &r, .load = chunk_load_inside, .text = "wsbot.connect"};
    bool done = door_call(w->engine, l_set_arg, (void *)options, NULL) && chunk_run(&c);
    if (!done && !w->stopping && w->status == 0) w->status = 1;
}

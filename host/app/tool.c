/* tool: gives the options to Lua as the table `arg`, with the C modules that such commands have, and runs a main chunk
 * that is inside the program. */
#include "app/tool.h"

#include "app/chunk.h"
#include "app/connect_core.h"
#include "app/console.h"
#include "app/control/folder.h"
#include "app/control/page.h"
#include "app/help_core.h"
#include "app/project.h"
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

/* arg = { operand = "...", header = { "A: b", "C: d" }, binary = { true } } */
static int l_set_arg(lua_State *L) {
    const struct cli_options *o = l_door_given(L, l_set_arg);
    lua_newtable(L);
    lua_pushstring(L, o->operand);
    lua_setfield(L, -2, "operand");
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
    lua_pushcfunction(L, luaopen_control_folder);
    lua_setfield(L, -2, "wsbot.control.folder");
    lua_pushcfunction(L, luaopen_inspect_core);
    lua_setfield(L, -2, "wsbot.inspect.core");
    lua_pushcfunction(L, luaopen_project);
    lua_setfield(L, -2, "wsbot.init.core");
    lua_pushcfunction(L, luaopen_help_core);
    lua_setfield(L, -2, "wsbot.help.core");
    return 0;
}

static const char *program; /* "wsbot connect" */

/* Writes what the host logs in the form of all lines of the command. */
static void put_line(struct buf *line, enum log_level level, struct slice shown) {
    buf_printf(line, "%s: %s", program, level == LOG_WARN ? "warning: " : level == LOG_TRACE ? "trace " : "");
    words_append(line, shown);
}

void tool_run(struct worker *w, const struct cli_options *options) {
    static const struct {
        const char *program, *module;
    } tools[] = {[CLI_CONNECT] = {"wsbot connect", "wsbot.connect"}, [CLI_PS] = {"wsbot ps", "wsbot.ps"},
                 [CLI_ATTACH] = {"wsbot attach", "wsbot.attach"},    [CLI_INSPECT] = {"wsbot inspect", "wsbot.inspect"},
                 [CLI_INIT] = {"wsbot init", "wsbot.init"},          [CLI_HELP] = {"wsbot help", "wsbot.help"}};
    program = tools[options->command].program;
    log_set_put(put_line);
    struct run r = {.worker = w, .engine = w->engine, .program = program, .ok = true};
    struct chunk c = {.run = &r, .load = chunk_load_inside, .text = tools[options->command].module};
    bool done = door_call(w->engine, l_set_arg, (void *)options, NULL) && chunk_run(&c);
    if (!done && !w->stopping && w->status == 0) w->status = 1;
}

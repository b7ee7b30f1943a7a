/* help_core: what `wsbot help` tells: the tables of the command line, and the texts that are inside the program: the
 * module wsbot.help.core, which only its Lua modules use. */
#ifndef APP_HELP_CORE_H
#define APP_HELP_CORE_H

#include <lua.h>

/* Pushes the module, a table:
 *   version    "0.2.0"
 *   commands   a list of { name, usage, summary, help, options, variables }, that of the program without a command
 * last, which has no name. An option is { name = "--header", short = "-H", value = "LINE", optional, help }, where
 *              `optional` says that the value may be left out; or { heading = "time" }. A variable is { name, help }
 *   manual     the chapters, a list of { name = "reload", text }, in Markdown
 *   types      lualib/meta, a list of { name = "ws", text }
 * May raise. */
int luaopen_help_core(lua_State *L);

#endif

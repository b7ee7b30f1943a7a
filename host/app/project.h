/* project: what `wsbot init` needs of the system: the module wsbot.init.core, which lualib/wsbot/init.lua alone uses.
 */
#ifndef APP_PROJECT_H
#define APP_PROJECT_H

#include <lua.h>

/* Pushes the module. Its functions:
 *   program() -> path                            of the file that runs; nil: the system does not say
 *   real(path) -> path, or nil, message          absolute and without links
 *   is_there(path) -> boolean                    a link that leads nowhere is there as well
 *   folder(path) -> boolean, or nil, message     true: it was made; false: it was there
 *   file(path, text) -> true, or nil, message    makes a file; one that is there is never written over
 * May raise. */
int luaopen_project(lua_State *L);

#endif

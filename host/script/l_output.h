/* l_output: print, io.write and flush where the reader of stdout may be behind: the task that calls them waits then,
 * and goes on when all of it was written. Code that cannot wait has its text held, and blocks when that is too much. */
#ifndef SCRIPT_L_OUTPUT_H
#define SCRIPT_L_OUTPUT_H

#include <lua.h>

/* Puts them in the place of Lua's own; os.execute and io.popen begin when all was written. */
void l_output_open(lua_State *L);

#endif

/* l_output: print, io.write and flush where the reader of stdout may be slow: the task that calls them then waits until
 * all was written. In code that cannot wait the text is queued, and the call blocks when too much is. */
#ifndef SCRIPT_L_OUTPUT_H
#define SCRIPT_L_OUTPUT_H

#include <lua.h>

/* Puts these functions in the place of Lua's own; os.execute and io.popen wait until all was written. */
void l_output_open(lua_State *L);

#endif

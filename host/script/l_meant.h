/* l_meant: options of functions whose names are few. */
#ifndef SCRIPT_L_MEANT_H
#define SCRIPT_L_MEANT_H

#include <lua.h>

/* Raises where the table at `index` has another key than these names, up to NULL: "WHAT: unknown option 'sorted' (did
 * you mean 'sort'?)". */
void l_meant_only(lua_State *L, int index, const char *what, const char *const names[]);

#endif

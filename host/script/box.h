/* box: a C object as Lua sees it: a userdata that is anchored while its object is live, so that nobody need keep it,
 * and that is collected like anything else afterwards. The only user of the registry. */
#ifndef SCRIPT_BOX_H
#define SCRIPT_BOX_H

#include <lauxlib.h>
#include <stdbool.h>

/* Pushes the metatable of a type of userdata, with these metamethods, and these methods behind the dot (may be NULL).
 * Scripts never get it: getmetatable gives them the name. So what is done when one is collected cannot be undone, and
 * no userdata can be passed off as one (see l_debug.c). May raise. */
void l_box_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

/* Keeps the userdata at `index` alive until box_unanchor; `box` is its address. May raise (memory). */
void box_anchor(lua_State *L, int index, void *box);

/* Lets it be collected when nobody else keeps it. Does not raise. */
void box_unanchor(lua_State *L, void *box);

/* Pushes the userdata of an anchored box: true; or nothing: false. Needs one stack slot, does not raise. */
bool box_push(lua_State *L, void *box);

#endif

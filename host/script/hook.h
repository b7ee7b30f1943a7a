/* hook: the debug hooks of a script beside those of the host: Lua has room for one in each thread. What a script sets
 * by debug.sethook is called by a hook of ours, which also looks after the watchdog (engine.h). */
#ifndef SCRIPT_HOOK_H
#define SCRIPT_HOOK_H

#include <lua.h>

/* A hook that the host had set for a while is done in this thread: that of the script, and the watchdog (may be NULL),
 * are in place again. Does not raise. */
void hook_restore(lua_State *L, lua_Hook watchdog);

/* debug.sethook and debug.gethook. */
int l_hook_set(lua_State *L);
int l_hook_get(lua_State *L);

#endif

/* hook: the debug hooks of a script beside those of the host: Lua has room for one in each thread. What a script sets
 * by debug.sethook is called by a hook of ours, which also looks after the watchdog (engine.h). */
#ifndef SCRIPT_HOOK_H
#define SCRIPT_HOOK_H

#include <lua.h>
#include <stdbool.h>

struct engine;

/* A hook that the host had set for a while is done in this thread: that of the script, and the watchdog (may be NULL),
 * are in place again. Does not raise. */
void hook_restore(lua_State *L, lua_Hook watchdog);

/* A task begins in this thread: it has the hook that the engine's main thread has now, which is that of the main chunk.
 * From the loop only. Where there is no memory for it, it has none. */
void hook_begin(struct engine *e, lua_State *co);

/* Pushes the function of the main thread's hook onto the stack of L, and gives its events, as lua_sethook takes them;
 * or pushes nothing: false. Does not raise. */
bool hook_push_main(lua_State *L, int *mask, int *count);

/* Gives the main thread a hook of the function on the top, which it pops; threads without a hook of their own have that
 * too. May raise. */
void l_hook_give_all(lua_State *L, int mask, int count);

/* debug.sethook and debug.gethook. */
int l_hook_set(lua_State *L);
int l_hook_get(lua_State *L);

#endif

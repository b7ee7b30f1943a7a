/* hook: debug hooks of a script beside those of the host, though Lua has room for one hook in each thread. A hook of
 * ours calls the function that a script has given to debug.sethook, and the watchdog (engine.h). Temporary hooks of the
 * host stand in its place: one that raises an error, until that is done, and one that takes a sample. */
#ifndef SCRIPT_HOOK_H
#define SCRIPT_HOOK_H

#include <lua.h>
#include <stdbool.h>

struct engine;

/* Ends a temporary hook of the host in this thread: sets that of the script and the watchdog (may be NULL) again. Does
 * not raise. */
void hook_restore(lua_State *L, lua_Hook watchdog);

/* To be called when a task begins in the thread `co`: gives it the hook that the engine's main thread has now, which is
 * that of the main chunk; without memory it gets none. From the loop only. */
void hook_begin(struct engine *e, lua_State *co);

/* Pushes the function of the main thread's hook onto the stack of L, and gives its events, as lua_sethook takes them;
 * or pushes nothing: false. Does not raise. */
bool hook_push_main(lua_State *L, int *mask, int *count);

/* Makes the function on the top, which it pops, the hook of the main thread and of all threads that have none of their
 * own. May raise. */
void l_hook_give_all(lua_State *L, int mask, int count);

/* Has the code of this thread, which runs, sampled (profile_take) at its next instruction, call or return; the hooks of
 * the script miss nothing by it. Where the host has another temporary hook there, no sample is taken. For signal
 * handlers. */
void hook_sample(lua_State *L);

/* debug.sethook and debug.gethook. */
int l_hook_set(lua_State *L);
int l_hook_get(lua_State *L);

#endif

/* luv: `require "luv"` gives the luv of the system (a module in C that package.cpath finds), whose loop is turned
 * within the host's. luv opens a loop of its own for each generation and closes it with the Lua state, so that nothing
 * which a generation opened outlives it, and nothing of the host can be reached. Built in with the CMake option
 * WSBOT_LUV; luv itself is neither needed to build nor looked for until a script asks. */
#ifndef SCRIPT_LUV_H
#define SCRIPT_LUV_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct engine;
struct luv;

#ifdef WSBOT_LUV

/* A searcher for package.searchers: finds "luv", and nothing else. */
int l_luv_find(lua_State *L);

/* To be called when the generation has taken over: binds now what could not be bound while the last generation had the
 * address. May get NULL. */
void luv_take_over(struct luv *v);

/* To be called when Lua code begins to run, as it may use luv's loop. */
void luv_touch(struct luv *v);

/* Is anything in luv's loop alive that the program waits for? May get NULL. */
bool luv_is_waited_for(const struct luv *v);

/* Is a callback of luv's loop under way? Then the Lua state must not be closed. */
bool luv_is_turning(const struct luv *v);

/* Are there requests that threads may be working on? exit() would wait for them. */
bool luv_has_requests(const struct luv *v);

/* Ends luv's part of a generation: no callback runs any more, and all handles are closed. False where a thread still
 * works for it: engine_free is then called again as soon as that is done. Not to be called while luv_is_turning. */
bool luv_end(struct luv *v);

/* Frees it, after the Lua state was closed. May get NULL. */
void luv_free(struct luv *v);

#else

static inline void luv_take_over(struct luv *v) { (void)v; }
static inline void luv_touch(struct luv *v) { (void)v; }
static inline bool luv_is_waited_for(const struct luv *v) { return v != NULL; }
static inline bool luv_is_turning(const struct luv *v) { return v != NULL; }
static inline bool luv_has_requests(const struct luv *v) { return v != NULL; }
static inline bool luv_end(struct luv *v) { return v == NULL; }
static inline void luv_free(struct luv *v) { (void)v; }

#endif

#endif

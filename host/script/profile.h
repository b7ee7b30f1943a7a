/* profile: where the time goes, by sampling. While somebody looks, SIGPROF comes 100 times a second of the CPU time
 * that the process takes (ITIMER_PROF: each system with POSIX signals has it, and neither a child nor a thread of
 * libuv's needs anything done about it). Its handler only counts, and asks the thread whose Lua code runs for a sample:
 * the hook that takes it (hook.h) runs outside of the handler, at the next instruction, call or return. So a function
 * in C gets all that was counted while it ran, when it returns.
 *
 * There is one profile for all who look, of all generations and all Lua states in the process; each sees what was
 * counted since its own begin. It is in memory of the host's, outside of the script's limit, and bounded: at most
 * PROFILE_STACKS different stacks in PROFILE_TEXT bytes, until the last who looks has ended; what comes beyond is
 * "(other)". "(host)" is the time in which no Lua code ran: TLS, compression, the system, threads.
 *
 * The Lua module wsbot.profile (l_profile.c), for Lua modules of ours:
 *
 *   begin() -> profile       or nil and why: the system has no such timer, or SIGPROF is somebody else's
 *   profile:folded()         what was seen since then, as profile_folded has it
 *   profile:samples()        how many samples that are
 *   profile:stop()           ends it, as leaving the scope of a <close> variable and its collection do; then the others
 *                            raise
 *   svg(folded [, title])    a flame graph (base/flame.h) of such text */
#ifndef SCRIPT_PROFILE_H
#define SCRIPT_PROFILE_H

#include "base/buf.h"
#include <lua.h>

struct engine;

enum {
    PROFILE_RATE = 100,     /* samples a second of CPU time */
    PROFILE_STACKS = 10000, /* different stacks */
    PROFILE_TEXT = 8 << 20, /* bytes of all their texts */
    PROFILE_LOOKING = 32,   /* how many may look at a time */
};

/* One who looks. */
struct profile;

/* Begins to look; to be given to profile_end. NULL with `fault` where that cannot be: the system has no such timer, a
 * module handles SIGPROF, PROFILE_LOOKING do so already. From one thread only. */
struct profile *profile_begin(struct fault *fault);

/* Appends what was seen since then as folded text: lines of functions from the outermost to the innermost, separated by
 * ';', a space and the number of samples, ordered by these names. A line begins with the task or callback:
 * "main_chunk;chunk(bot.lua);burn(bot.lua:2) 97". No name has a space, ';' or control character in it. 0, ERR_FULL or
 * ERR_NOMEM. */
int profile_folded(const struct profile *p, struct buf *out);

/* The number of samples in it. */
uint64_t profile_samples(const struct profile *p);

/* Ends it; NULL is allowed. The last one stops the timer, and frees what was counted. */
void profile_end(struct profile *p);

/* Does anybody look? */
bool profile_is_on(void);

/* An engine is there whose code may be sampled, or is about to go. The second may be called again. */
void profile_know(struct engine *e);
void profile_forget(struct engine *e);

/* For hooks: takes the sample that this thread was asked for, if it was, at the event `ar`. Does not raise. */
void profile_take(lua_State *L, const lua_Debug *ar);

/* To be called when the thread L, which has a hook, is left for `before` (may be NULL), while e->tasks.current is still
 * that of L: where a sample was asked for that L was not there to take, the code around L takes it, or the task as
 * such. */
void profile_leave(struct engine *e, lua_State *L, lua_State *before);

#endif

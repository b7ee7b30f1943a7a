/* relay: calls the debug hook of a test also for the code of its bots, which have other Lua states. The hook runs in
 * the test's state, in a thread of its own, where debug.getinfo finds the frames of the bot behind those of the hook.
 * So a tool that counts lines counts those of bots, too, under the names of their files. */
#ifndef TESTING_RELAY_H
#define TESTING_RELAY_H

#include "script/engine.h"

struct bot;

/* To be called when a bot was made; its userdata is on the top. May raise. */
void l_relay_know(lua_State *L, struct bot *b);

/* To be called in the new state of a bot: its threads get the hook that the test's main chunk has now. May raise. */
void l_relay_begin(lua_State *L, struct bot *b);

/* Does a hook of the test run inside a bot right now? Then no bot may end. */
static inline bool relay_is_busy(const struct engine *test) { return test->test && test->test->relay.from; }

#endif

/* relay: the debug hook of a test hears of its bots, whose states are others: it is called in its own state, in a
 * thread of its own, and finds by debug.getinfo the code of the bot behind itself. So what counts lines counts those of
 * bots, too, under the names of their files. */
#ifndef TESTING_RELAY_H
#define TESTING_RELAY_H

#include "script/engine.h"

struct bot;

/* A bot has been made, the userdata on the top. May raise. */
void l_relay_know(lua_State *L, struct bot *b);

/* In the new state of a bot: its threads have the hook of the test's main chunk, as that is now. May raise. */
void l_relay_begin(lua_State *L, struct bot *b);

/* Does a hook of the test run inside a bot right now? Then no bot may end. */
static inline bool relay_is_busy(const struct engine *test) { return test->test && test->test->relay.from; }

#endif

/* relay: the debug hook of a test hears of its bots, whose states are others: it is called in its own state, in a
 * thread of its own, and finds by debug.getinfo the code of the bot behind itself. So what counts lines counts those of
 * bots, too, under the names of their files. */
#ifndef SCRIPT_RELAY_H
#define SCRIPT_RELAY_H

#include <lua.h>
#include <stdbool.h>

struct bot;

/* Before l_relay_begin, from the loop: false where there is no memory. */
bool relay_open(struct bot *b);

/* In the new state of a bot: its threads have the hook of the test's main chunk, as that is now. May raise. */
void l_relay_begin(lua_State *L, struct bot *b);

/* Finds the frame at a level of a thread; where that is the one of a relay, behind its own those of the bot. Returns
 * whose frame it is, or NULL. */
lua_State *relay_find_frame(lua_State *of, int level, lua_Debug *frame);

#endif

/* l_ready: host.ready: functions that say whether the bot is ready for work. */
#ifndef SCRIPT_L_READY_H
#define SCRIPT_L_READY_H

#include "script/engine.h"

/* The first function that did not say true. */
struct ready_not {
    lua_Integer number;          /* counted from 1; 0: all of them did */
    char where[LUA_IDSIZE + 16]; /* "bot.lua:12", where it begins */
};

/* Asks the functions of this generation, in order, up to the first that does not say true; they may not wait, and each
 * has INTERRUPT_BOUND seconds. True: all did, or there are none. One that fails has not said true; its error is
 * reported, once until it succeeds. From the loop only. */
bool l_ready_ask(struct engine *e, struct ready_not *not_ready);

/* Adds ready to the table at that index. May raise. */
void l_ready_open(lua_State *L, int table);

#endif

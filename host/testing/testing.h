/* testing: the C modules of wsbot.testing and `wsbot test`. */
#ifndef TESTING_TESTING_H
#define TESTING_TESTING_H

#include <lauxlib.h>

/* For engine_host.modules. */
extern const luaL_Reg testing_modules[];
int luaopen_testing_core(lua_State *L); /* the one of them */

/* Each adds its functions to the table at that index, wsbot.testing.core. May raise. */
void l_peer_open(lua_State *L, int table);   /* peer.c: serve */
void l_bot_open(lua_State *L, int table);    /* handle.c: bot */
void l_recent_open(lua_State *L, int table); /* recent.c: recent and forget */

struct engine;

/* Pushes how many nanoseconds are left until the first thing that waits for the clock in the engine, and returns 1;
 * returns 0 where nothing waits, or `e` is NULL. */
int l_push_first(lua_State *L, const struct engine *e);

#endif

/* l_cookies: the jar of a session of http (lualib/wsbot/http/session.lua) as Lua sees it. A session is a table that has
 * it as its field `cookies`; ws.connect and requests take both. */
#ifndef SCRIPT_L_COOKIES_H
#define SCRIPT_L_COOKIES_H

#include "net/cookies.h"
#include <lua.h>

/* The jar of the session, or the jar itself, at `index`; NULL: it is neither. It is counted in the engine's account
 * what it keeps by now. Lives as long as that value, and longer where it is held. May raise (stack). */
struct cookies *l_cookies_of(lua_State *L, int index);

#endif

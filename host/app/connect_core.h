/* connect_core: the C functions of `wsbot connect` beside its console: the module wsbot.connect.core, which only its
 * Lua modules use. */
#ifndef APP_CONNECT_CORE_H
#define APP_CONNECT_CORE_H

#include <lua.h>

/* Pushes the module. Its functions:
 *   base64(bytes), unbase64(text)                unbase64 gives nil for a text that is not Base64
 *   private(path) -> true, or nil, message       makes folders and file where they are missing, for their owner alone
 * May raise. */
int luaopen_connect_core(lua_State *L);

#endif

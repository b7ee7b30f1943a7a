/* page: the web server of `wsbot inspect`: the module wsbot.inspect.core, which lualib/wsbot/inspect.lua alone uses. It
 * listens on 127.0.0.1 only, and answers by what Lua says: with a whole answer of HTTP, or by speaking WebSocket. */
#ifndef APP_CONTROL_PAGE_H
#define APP_CONTROL_PAGE_H

#include <lua.h>

/* Pushes the module. Its functions:
 *   listen(port, ask, take) -> address, "127.0.0.1:1234"; or nil and why not. Port 0: a free one.
 *     ask(method, target, head, is_upgrade) -> a whole answer, after which the connection is closed; or nil: a
 * WebSocket is opened, where that was asked for. `head`: the request as it came. It may not wait. take(conn): a
 * WebSocket that is about to open, a ws.connection in the role of the server.
 *   file(name) -> the bytes of a file of lualib/page/, "index.html"; nil: there is none.
 * May raise. */
int luaopen_inspect_core(lua_State *L);

#endif

/* modules: opens wsbot's own modules. */
#include "script/modules.h"

#include "script/engine.h"
#include <lauxlib.h>

void modules_open(lua_State *L) {
    const struct engine_host *host = engine_of(L)->host;
    luaL_requiref(L, "ws", luaopen_ws, 1);
    luaL_requiref(L, "host", luaopen_host, 1);
    lua_pop(L, 2);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    if (host) luaL_setfuncs(L, host->modules, 0);
    lua_pushcfunction(L, luaopen_shown);
    lua_setfield(L, -2, "wsbot.shown");
    lua_pushcfunction(L, luaopen_compress);
    lua_setfield(L, -2, "wsbot.compress");
    lua_pushcfunction(L, luaopen_crypto_core);
    lua_setfield(L, -2, "wsbot.crypto.core");
    lua_pushcfunction(L, luaopen_guard);
    lua_setfield(L, -2, "wsbot.guard");
    lua_pushcfunction(L, luaopen_json);
    lua_setfield(L, -2, "wsbot.json");
    lua_pushcfunction(L, luaopen_json_parts);
    lua_setfield(L, -2, "wsbot.json.parts");
    lua_pushcfunction(L, luaopen_meant);
    lua_setfield(L, -2, "wsbot.meant");
    lua_pushcfunction(L, luaopen_metrics_core);
    lua_setfield(L, -2, "wsbot.metrics.core");
    lua_pushcfunction(L, luaopen_value);
    lua_setfield(L, -2, "wsbot.value");
    lua_pushcfunction(L, luaopen_number);
    lua_setfield(L, -2, "wsbot.number");
    lua_pushcfunction(L, luaopen_profile);
    lua_setfield(L, -2, "wsbot.profile");
    lua_pushcfunction(L, luaopen_ws_core);
    lua_setfield(L, -2, "wsbot.ws.core");
    lua_pushcfunction(L, luaopen_http_cookies);
    lua_setfield(L, -2, "wsbot.http.cookies");
    lua_pushcfunction(L, luaopen_serve_core);
    lua_setfield(L, -2, "wsbot.http.serve.core");
#ifdef WSBOT_HTTP
    lua_pushcfunction(L, luaopen_http_core);
    lua_setfield(L, -2, "wsbot.http.core");
#endif
    lua_pop(L, 1);
}

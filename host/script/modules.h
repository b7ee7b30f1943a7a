/* modules: the modules `ws` and `host`, which scripts also find as globals, and those inside the program. */
#ifndef SCRIPT_MODULES_H
#define SCRIPT_MODULES_H

#include <lauxlib.h>

/* Opens them all. May raise. */
void modules_open(lua_State *L);

/* Makes a type of userdata with these methods. */
int luaopen_ws(lua_State *L);                 /* ws/conn.c */
int luaopen_host(lua_State *L);               /* l_host.c */
void l_timer_open(lua_State *L, int table);   /* l_timer.c: adds after and every to the table at that index */
void l_task_open(lua_State *L, int table);    /* l_task.c: adds spawn and sleep */
void l_future_open(lua_State *L, int table);  /* l_future.c: adds future */
void l_queue_open(lua_State *L, int table);   /* l_queue.c: adds queue */
void l_limiter_open(lua_State *L, int table); /* l_limiter.c: adds limiter */
void l_coroutine_open(lua_State *L);          /* l_coroutine.c: has waiting pass through coroutines */
void l_debug_open(lua_State *L);              /* l_debug.c: keeps the debug library away from C's data */
int luaopen_shown(lua_State *L);              /* l_shown.c: escapes for Lua modules of ours */
int luaopen_compress(lua_State *L);           /* l_compress.c: wsbot.compress */
int luaopen_crypto_core(lua_State *L);        /* l_crypto.c: the part of wsbot.crypto that is C */
int luaopen_guard(lua_State *L);              /* l_guard.c: what comes before everything else, for ours */
int luaopen_json(lua_State *L);               /* json/json.c: wsbot.json */
int luaopen_json_parts(lua_State *L);         /* json/view.c: the values within one, as they are written */
int luaopen_meant(lua_State *L);              /* l_meant.c: finds the name that was meant, for Lua modules of ours */
int luaopen_metrics_core(lua_State *L);       /* l_metrics.c: what was counted, for Lua modules of ours */
int luaopen_value(lua_State *L);              /* l_value.c: values as text, for Lua modules of ours */
int luaopen_number(lua_State *L);             /* l_number.c: numbers whatever the locale, for Lua modules of ours */
int luaopen_profile(lua_State *L);            /* l_profile.c: looks where the time goes, for Lua modules of ours */
int luaopen_http_core(lua_State *L);          /* l_http.c: the part of wsbot.http that is C */
int luaopen_http_cookies(lua_State *L);       /* l_cookies.c: makes the jar of a session */
int luaopen_serve_core(lua_State *L);         /* l_serve.c: that of http.serve */
int luaopen_ws_core(lua_State *L);            /* ws/service.c: serves a connection, for Lua modules of ours */

/* Replaces a number with a fraction at `index` by the text that tostring gives in the C locale, with '.' as the decimal
 * point. Other values stay. May raise (memory). */
void l_number_plain(lua_State *L, int index); /* l_number.c */

#endif

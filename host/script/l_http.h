/* l_http: what the C parts of wsbot.http share: requests (l_http.c) and streams (l_http_stream.c). */
#ifndef SCRIPT_L_HTTP_H
#define SCRIPT_L_HTTP_H

#include "net/http/http.h"
#include "script/engine.h"

/* Reads the options, a table that lualib/wsbot/http/prepare.lua has checked, at index 1. What the request borrows stays
 * on the stack. May raise. */
struct http_request l_http_request(lua_State *L);

/* Pushes a table that wsbot.response takes: status, reason, url, body, and the header lines as a list. May raise. */
void l_http_push_answer(lua_State *L, const struct http_transfer *t);

/* Pushes nil, "timeout" and how far it had come within so many seconds. Returns their count. */
int l_http_late(lua_State *L, const struct http_transfer *t, double seconds);

/* Closes the streams that were opened after `mark` (engine->births). Returns how many were open. */
unsigned l_http_end_since(struct engine *e, uint64_t mark);

/* Adds `stream`, and `methods` of the responses that have a stream, to the table at `index`. */
void l_http_stream_open(lua_State *L, int index);

#endif

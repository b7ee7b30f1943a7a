/* tls: the field `tls` of a connection. */
#ifndef SCRIPT_WS_TLS_H
#define SCRIPT_WS_TLS_H

#include "net/tls/tls.h"
#include <lua.h>

/* Pushes a table that describes a TLS connection (ws.tls_state in lualib/meta/ws.lua); nil where `t` is NULL, and
 * before the TLS handshake is done. */
void l_tls_push(lua_State *L, const struct tls *t);

#endif

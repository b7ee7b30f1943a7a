/* tls: the field `tls` of a connection. */
#ifndef SCRIPT_WS_TLS_H
#define SCRIPT_WS_TLS_H

#include "net/tls/tls.h"
#include <lua.h>

/* Pushes a table (ws.tls_state in lualib/meta/ws.lua) of what a TLS session is like; nil for NULL, and before
 * its handshake is done. */
void l_tls_push(lua_State *L, const struct tls *t);

#endif

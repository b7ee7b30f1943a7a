/* tls: makes a new table each time, so that a script may keep it or change it. */
#include "script/ws/tls.h"

static void set_text(lua_State *L, const char *name, const char *text) {
    if (!text[0]) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void push_certificate(lua_State *L, const struct tls_info *info) {
    lua_createtable(L, 0, 4);
    set_text(L, "subject", info->subject);
    set_text(L, "issuer", info->issuer);
    set_text(L, "pin", info->pin);
    if (info->not_after == -1) return;
    lua_pushinteger(L, (lua_Integer)info->not_after);
    lua_setfield(L, -2, "not_after");
}

err_lists_all(struct tls_info, 600);

void l_tls_push(lua_State *L, const struct tls *t) {
    struct tls_info info;
    if (!t || !tls_info_read(t, &info)) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 5);
    set_text(L, "version", info.version);
    set_text(L, "cipher", info.cipher);
    set_text(L, "alpn", info.alpn);
    lua_pushboolean(L, info.resumed);
    lua_setfield(L, -2, "resumed");
    if (!info.has_certificate) return;
    push_certificate(L, &info);
    lua_setfield(L, -2, "certificate");
}

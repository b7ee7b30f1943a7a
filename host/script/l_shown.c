/* l_shown: the module wsbot.shown: makes texts safe to show, for the Lua modules that are inside the program. */
#include "base/shown.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "wire/secret.h"

static int escape(lua_State *L, unsigned keep) {
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    shown_append(&out, slice_of(text, n), keep);
    return l_push_bytes(L, &out);
}

static int l_line(lua_State *L) { return escape(L, 0); }
static int l_lines(lua_State *L) { return escape(L, SHOWN_TABS | SHOWN_LINES); }

/* An address as errors show it: without what may be a secret, on one line, and cut. */
static int l_address(lua_State *L) {
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    char shown[SECRET_SHOWN_SIZE];
    lua_pushstring(L, secret_shown(slice_of(text, n), shown));
    return 1;
}

int luaopen_shown(lua_State *L) {
    static const luaL_Reg functions[] = {{"line", l_line}, {"lines", l_lines}, {"address", l_address}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

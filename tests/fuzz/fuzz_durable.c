/* Bytes that may be a durable state, or anything: they are read as a table or refused in words; what was read can be
 * packed, and that is read again. */
#include "base/buf.h"
#include "fuzz.h"
#include "script/durable_bytes.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <lualib.h>

static int l_unpack(lua_State *L) {
    size_t n;
    const char *bytes = lua_tolstring(L, 1, &n);
    l_durable_unpack(L, "s", slice_of(bytes, n));
    return 1;
}

/* The same for all inputs. */
static lua_State *begin(void) {
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        MUST(L);
        luaL_requiref(L, "wsbot.json", luaopen_json, 0);
    }
    lua_settop(L, 0);
    return L;
}

/* Pushes what these bytes are: a table, or why they are none. */
static bool unpack(lua_State *L, struct slice bytes) {
    lua_pushcfunction(L, l_unpack);
    lua_pushlstring(L, (const char *)bytes.p, bytes.n);
    return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

/* Packs the table on the top. */
static void pack(lua_State *L, struct buf *out) {
    char *why = NULL;
    buf_init(out, DURABLE_MOST);
    int top = lua_gettop(L);
    bool ok = durable_pack(L, "s", out, &why);
    if (!ok) fprintf(stderr, "%s\n", why);
    MUST(ok && lua_gettop(L) == top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lua_State *L = begin();
    if (unpack(L, slice_of(data, size))) {
        struct buf packed;
        MUST(lua_gettop(L) == 1 && lua_istable(L, 1));
        pack(L, &packed);
        MUST(unpack(L, buf_slice(&packed)) && lua_istable(L, 2));
        buf_clear(&packed);
    } else {
        MUST(lua_gettop(L) == 1 && lua_type(L, -1) == LUA_TSTRING);
    }
    return 0;
}

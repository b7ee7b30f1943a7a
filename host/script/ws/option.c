/* option: values, and tables of them. What is not in the list of known options is a mistake, and the error says which
 * name was probably meant. */
#include "script/ws/option.h"

#include "base/meant.h"
#include "wire/secret.h"
#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

int l_option_wrong(lua_State *L, const char *name, const char *expected) {
    bool is_word = lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) < 20; /* else it is no slip, or a secret */
    const char *is = is_word ? lua_pushfstring(L, "\"%s\"", lua_tostring(L, -1)) : luaL_typename(L, -1);
    return luaL_error(L, "ws.connect: %s must be %s, not %s", name, expected, is);
}

bool l_option_flag(lua_State *L, const char *name) {
    if (!lua_isboolean(L, -1)) l_option_wrong(L, name, "true or false");
    return lua_toboolean(L, -1);
}

double l_option_number(lua_State *L, const char *name) {
    if (lua_type(L, -1) != LUA_TNUMBER) l_option_wrong(L, name, "a number");
    double value = lua_tonumber(L, -1);
    if (isnan(value)) luaL_error(L, "ws.connect: %s must be a number, not nan", name);
    return value;
}

uint64_t l_option_timeout(lua_State *L, const char *name) {
    double seconds = l_option_number(L, name);
    if (seconds <= 0) luaL_error(L, "ws.connect: %s must be more than 0 seconds", name);
    uint64_t ns = clock_from_seconds(seconds);
    return ns ? ns : 1;
}

int l_option_whole_number(lua_State *L, const char *name, int least, int most) {
    int exact;
    lua_Integer n = lua_tointegerx(L, -1, &exact);
    if (lua_type(L, -1) != LUA_TNUMBER || !exact || n < least || n > most)
        luaL_error(L, "ws.connect: %s must be a whole number from %d to %d", name, least, most);
    return (int)n;
}

const char *l_option_shown(lua_State *L, const char *text, size_t n) {
    char shown[SECRET_SHOWN_SIZE];
    return lua_pushstring(L, secret_shown(slice_of(text, n), shown));
}

/* A secret may have line ends in it: it goes nowhere as it is. */
static void keep_string(lua_State *L, char **to, const char *name, bool is_secret) {
    size_t n;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, name, "a string");
    const char *s = lua_tolstring(L, -1, &n);
    if (strlen(s) != n) luaL_error(L, "ws.connect: %s has a NUL in it", name);
    if (!is_secret && s[strcspn(s, "\r\n")]) luaL_error(L, "ws.connect: %s has a CR or LF in it", name);
    char *copy = strdup(s);
    if (!copy) luaL_error(L, "not enough memory");
    free(*to);
    *to = copy;
}

void l_option_keep_string(lua_State *L, char **to, const char *name) { keep_string(L, to, name, false); }
void l_option_keep_secret(lua_State *L, char **to, const char *name) { keep_string(L, to, name, true); }

void l_option_keep_list(lua_State *L, char **to, const char *name, bool (*good)(struct slice), const char *rule) {
    enum { MOST = 16 };
    int value = lua_absindex(L, -1);
    bool list = lua_istable(L, value);
    lua_Integer n = list ? (lua_Integer)lua_rawlen(L, value) : 1;
    if (n < 1 || n > MOST) luaL_error(L, "ws.connect: %s must be %s, or a list of 1 to %d", name, rule, MOST);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (lua_Integer i = 1; i <= n; i++) {
        size_t size = 0;
        if (i > 1) luaL_addchar(&b, ',');
        if (list)
            lua_rawgeti(L, value, i);
        else
            lua_pushvalue(L, value);
        const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : NULL;
        if (!text || !good(slice_of(text, size)))
            luaL_error(L, "ws.connect: %s must be %s, or a list of them", name, rule);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    l_option_keep_string(L, to, name);
    lua_pop(L, 1);
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

size_t l_option_names(lua_State *L, int value, const char *all, const char *one, const char **names) {
    size_t n = 0, size;
    luaL_checkstack(L, 8, NULL);
    for (lua_pushnil(L); lua_next(L, value); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "ws.connect: %s must map names to values; found a %s as a name", all, luaL_typename(L, -2));
        if (n == L_OPTION_NAMES) luaL_error(L, "ws.connect: %s has more than %d names", all, L_OPTION_NAMES);
        names[n] = lua_tolstring(L, -2, &size);
        if (strlen(names[n]) != size)
            luaL_error(L, "ws.connect: %s '%s': its name has a NUL in it", one, l_option_shown(L, names[n], size));
        n++;
    }
    qsort(names, n, sizeof *names, by_name);
    return n;
}

/* ---- the table ---- */

const char *l_option_meant(const char *name, const struct l_option *known, size_t skip, bool callbacks) {
    struct meant meant;
    meant_begin(&meant, name);
    for (const struct l_option *o = known; o && o->name; o++) meant_consider(&meant, o->name + skip);
    for (int i = 0; callbacks && i < CALLBACKS; i++) meant_consider(&meant, callback_names[i]);
    return meant.best;
}

/* The name is on the top. */
static void unknown(lua_State *L, const struct l_option *known, bool callbacks, const char *prefix) {
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    const char *best = l_option_meant(name, known, strlen(prefix), callbacks);
    name = l_option_shown(L, name, size);
    if (best) luaL_error(L, "ws.connect: unknown option '%s%s' (did you mean '%s%s'?)", prefix, name, prefix, best);
    luaL_error(L, "ws.connect: unknown option '%s%s'", prefix, name);
}

/* Pushes what `known`, and callbacks where those may stand, have by name: their places, callbacks behind `known`. It is
 * made once for each state and list, which is always read in the same way: a script that connects often would feel the
 * comparisons. */
static void push_places(lua_State *L, const struct l_option *known, bool callbacks, size_t skip) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, known) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_Integer place = 0;
    for (; known[place].name; place++) {
        lua_pushinteger(L, place);
        lua_setfield(L, -2, known[place].name + skip);
    }
    for (int i = 0; callbacks && i < CALLBACKS; i++) {
        lua_pushinteger(L, place + i);
        lua_setfield(L, -2, callback_names[i]);
    }
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, known);
}

uint64_t l_option_given(lua_State *L, int table, const struct l_option *known, unsigned *heard, const char *prefix) {
    uint64_t given = 0;
    unsigned count = 0;
    luaL_checkstack(L, 16, NULL);
    while (known[count].name) count++;
    push_places(L, known, heard != NULL, strlen(prefix));
    int places = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "ws.connect: options have names; found a value at [%s]", luaL_tolstring(L, -2, NULL));
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, places) == LUA_TNIL) {
            lua_pop(L, 1);
            unknown(L, known, heard != NULL, prefix);
        }
        given |= UINT64_C(1) << lua_tointeger(L, -1);
    }
    lua_pop(L, 1);
    if (luaL_getmetafield(L, table, "__index") != LUA_TNIL) { /* any may have a default there */
        lua_pop(L, 1);
        given = UINT64_MAX;
    }
    if (heard) *heard = (unsigned)(given >> count) & ((1u << CALLBACKS) - 1);
    return given & ((UINT64_C(1) << count) - 1);
}

void l_option_read(lua_State *L, int table, int box, const struct l_option *known, uint64_t given, const char *prefix) {
    size_t skip = strlen(prefix);
    for (; given; known++, given >>= 1) {
        if (!(given & 1)) continue;
        if (lua_getfield(L, table, known->name + skip) != LUA_TNIL) known->read(L, box, known->name);
        lua_pop(L, 1);
    }
}

void l_option_read_table(lua_State *L, int table, int box, const struct l_option *known, const char *prefix) {
    l_option_read(L, table, box, known, l_option_given(L, table, known, NULL, prefix), prefix);
}

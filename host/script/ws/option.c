/* option: reads values, with a function for each kind. */
#include "script/ws/option.h"

#include "script/l_cookies.h"
#include "script/modules.h"
#include "wire/retry.h"
#include "wire/secret.h"
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int l_option_wrong(lua_State *L, const char *name, const char *expected) {
    bool is_word = lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) < 20; /* a longer one may be a secret */
    const char *is = is_word ? lua_pushfstring(L, "\"%s\"", lua_tostring(L, -1)) : luaL_typename(L, -1);
    return luaL_error(L, "ws.connect: %s must be %s, not %s", name, expected, is);
}

const char *l_option_shown(lua_State *L, const char *text, size_t n) {
    char shown[SECRET_SHOWN_SIZE];
    return lua_pushstring(L, secret_shown(slice_of(text, n), shown));
}

/* ---- numbers ---- */

static bool flag(lua_State *L, const char *name) {
    if (!lua_isboolean(L, -1)) l_option_wrong(L, name, "true or false");
    return lua_toboolean(L, -1);
}

static double number(lua_State *L, const char *name) {
    if (lua_type(L, -1) != LUA_TNUMBER) l_option_wrong(L, name, "a number");
    double value = lua_tonumber(L, -1);
    if (isnan(value)) luaL_error(L, "ws.connect: %s must be a number, not nan", name);
    return value;
}

static double number_from(lua_State *L, const char *name, double least, const char *unit) {
    double value = number(L, name);
    if (value < least) luaL_error(L, "ws.connect: %s must be %d or more%s", name, (int)least, unit);
    return value;
}

static double timeout(lua_State *L, const char *name) {
    double seconds = number(L, name);
    if (seconds <= 0) luaL_error(L, "ws.connect: %s must be more than 0 seconds", name);
    return seconds;
}

static double whole_number(lua_State *L, const struct option *o) {
    int exact;
    lua_Integer n = lua_tointegerx(L, -1, &exact), least = (lua_Integer)o->least, most = (lua_Integer)o->most;
    if (lua_type(L, -1) != LUA_TNUMBER || !exact || n < least || n > most)
        luaL_error(L, "ws.connect: %s must be a whole number from %I to %I", o->name, least, most);
    return (double)n;
}

/* The value that the row gives to a word. A word that is a number may be given as a number. */
static double word(lua_State *L, const struct option *o) {
    size_t n = 0;
    int exact = 0;
    lua_Integer whole = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &exact) : 0;
    if (exact)
        lua_pushinteger(L, whole); /* 4.0 is 4 */
    else
        lua_pushvalue(L, -1);
    l_number_plain(L, -1);
    const char *text = lua_tolstring(L, -1, &n);
    const struct option_word *w = o->words;
    while (w->word && !(text && slice_eq(slice_of(text, n), slice_str(w->word)))) w++;
    lua_pop(L, 1);
    return w->word ? w->value : l_option_wrong(L, o->name, o->expected);
}

static double value_of(lua_State *L, const struct option *o) {
    switch (o->kind) {
    case OPTION_FLAG:
    case OPTION_NOT: return flag(L, o->name);
    case OPTION_SECONDS: return number_from(L, o->name, 0, " seconds");
    case OPTION_TIMEOUT: return timeout(L, o->name);
    case OPTION_BYTES: return number_from(L, o->name, 1, " bytes");
    case OPTION_WORD: return word(L, o);
    case OPTION_FACTOR: return number_from(L, o->name, o->least, "");
    default: return whole_number(L, o);
    }
}

/* ---- texts ---- */

static void keep(lua_State *L, char **to, const char *text) {
    char *copy = strdup(text);
    if (!copy) luaL_error(L, "not enough memory");
    free(*to);
    *to = copy;
}

void l_option_text(lua_State *L, const struct option *o, char **to) {
    size_t n;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, o->name, "a string");
    const char *s = lua_tolstring(L, -1, &n);
    if (strlen(s) != n) luaL_error(L, "ws.connect: %s has a NUL in it", o->name);
    if (o->kind != OPTION_SECRET && s[strcspn(s, "\r\n")])
        luaL_error(L, "ws.connect: %s has a CR or LF in it", o->name);
    if (o->good && !o->good(slice_of(s, n)))
        luaL_error(L, "ws.connect: %s '%s' is not %s", o->name, l_option_shown(L, s, n), o->expected);
    keep(L, to, s);
}

static void read_list(lua_State *L, const struct option *o, char **to) {
    enum { MOST = 16 };
    int value = lua_absindex(L, -1);
    bool list = lua_istable(L, value);
    lua_Integer n = list ? (lua_Integer)lua_rawlen(L, value) : 1;
    if (n < 1 || n > MOST) luaL_error(L, "ws.connect: %s must be %s, or a list of 1 to %d", o->name, o->expected, MOST);
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
        if (!text || !o->good(slice_of(text, size)))
            luaL_error(L, "ws.connect: %s must be %s, or a list of them", o->name, o->expected);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    keep(L, to, lua_tostring(L, -1)); /* `good` has no CR, LF and NUL in it */
    lua_pop(L, 1);
}

static void read_codes(lua_State *L, const struct option *o, struct retry_codes *to) {
    if (!lua_istable(L, -1)) l_option_wrong(L, o->name, o->expected);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    if (n > RETRY_FATAL_MAX) luaL_error(L, "ws.connect: %s has more than %d entries", o->name, RETRY_FATAL_MAX);
    free(to->list);
    to->count = 0;
    to->list = calloc((size_t)n + 1, sizeof *to->list);
    if (!to->list) luaL_error(L, "not enough memory");
    for (lua_Integer i = 1; i <= n; i++, lua_pop(L, 1)) {
        lua_rawgeti(L, -1, i);
        to->list[to->count++] = (uint16_t)whole_number(L, o);
    }
}

/* True or false, or a session of http. */
static void read_cookies(lua_State *L, const struct option *o, struct option_cookies *to) {
    struct cookies *jar = l_cookies_of(L, -1);
    if (!jar && !lua_isboolean(L, -1)) l_option_wrong(L, o->name, o->expected);
    cookies_release(to->jar);
    to->jar = jar ? cookies_hold(jar) : NULL;
    to->on = jar || lua_toboolean(L, -1);
}

void l_option_read(lua_State *L, const struct option *o, void *base) {
    void *at = (char *)base + o->at;
    switch (o->kind) {
    case OPTION_TEXT:
    case OPTION_SECRET: l_option_text(L, o, at); break;
    case OPTION_LIST: read_list(L, o, at); break;
    case OPTION_CODES: read_codes(L, o, at); break;
    case OPTION_COOKIES: read_cookies(L, o, at); break;
    default: option_put(o, base, value_of(L, o));
    }
}

/* ---- names ---- */

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

/* options: reads the table of ws.connect, and the tables in it, by their rows (net/dial/options.c). A name that has no
 * row is a mistake, and the error says which name was probably meant. */
#include "script/ws/parts.h"

#include "base/meant.h"
#include "net/dial/resolve.h"
#include "script/l_callable.h"
#include "script/ws/option.h"
#include <string.h>

/* ---- which options a table has ---- */

/* The name that was probably meant by an unknown one: the nearest in `known` (may be NULL; names are compared from
 * letter `skip` on), and, with `callbacks`, among the callbacks; NULL: none is near. */
static const char *meant(const char *name, const struct option *known, size_t skip, bool callbacks) {
    struct meant best;
    meant_begin(&best, name);
    for (const struct option *o = known; o && o->name; o++) meant_consider(&best, o->name + skip);
    for (int i = 0; callbacks && i < CALLBACKS; i++) meant_consider(&best, callback_names[i]);
    return best.best;
}

const char *l_options_meant_callback(const char *name) { return meant(name, NULL, 0, true); }

/* Raises the error of an unknown name, which is on the top. */
static void unknown(lua_State *L, const struct option *known, bool callbacks, const char *prefix) {
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    const char *best = meant(name, known, strlen(prefix), callbacks);
    name = l_option_shown(L, name, size);
    if (best) luaL_error(L, "ws.connect: unknown option '%s%s' (did you mean '%s%s'?)", prefix, name, prefix, best);
    luaL_error(L, "ws.connect: unknown option '%s%s'", prefix, name);
}

/* Pushes a table that maps names to places: those in `known`, and, with `callbacks`, behind these the callbacks. It is
 * made once for each Lua state and list: comparing the names would be slow for a script that connects often. */
static void push_places(lua_State *L, const struct option *known, bool callbacks, size_t skip) {
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

/* Which of `known` a table may have: bits, by their places in the list. Other keys raise an error, except the names of
 * callbacks where `heard` is not NULL: it gets those, as bits, 1 << callback. `prefix` stands before the names in
 * `known` ("tls."). */
static uint64_t given_of(lua_State *L, int table, const struct option *known, unsigned *heard, const char *prefix) {
    uint64_t given = 0;
    unsigned count = 0;
    luaL_checkstack(L, 16, NULL);
    while (known[count].name) count++;
    err_must(count + CALLBACKS <= 64); /* a bit for each */
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
    if (luaL_getmetafield(L, table, "__index") != LUA_TNIL) { /* every option may have a default there */
        lua_pop(L, 1);
        given = UINT64_MAX;
    }
    if (heard) *heard = (unsigned)(given >> count) & ((1u << CALLBACKS) - 1);
    return given & ((UINT64_C(1) << count) - 1);
}

/* ---- what only ws.connect has ---- */

/* Is the value that string, with nothing behind a NUL? */
static bool is_word(lua_State *L, int value, const char *word) {
    size_t n;
    const char *text = lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &n) : NULL;
    return text && slice_eq(slice_of(text, n), slice_str(word));
}

bool l_options_binary(lua_State *L, int value, const char *what) {
    bool text = is_word(L, value, "blob") || is_word(L, value, "text");
    bool binary = is_word(L, value, "arraybuffer") || is_word(L, value, "binary");
    if (!text && !binary)
        luaL_error(L, "%s must be ws.BLOB (\"blob\": text frames) or ws.ARRAYBUFFER (\"arraybuffer\": binary frames)",
                   what);
    return binary;
}

static void read_name(lua_State *L, struct conn_box *b, const struct option *o) {
    l_option_text(L, o, &b->name);
    account_add(b->engine->account, strlen(b->name) + 1);
}

/* Errors never show the address, as it may have a password. */
static void read_proxy(lua_State *L, struct option_proxy *to) {
    struct fault fault = {0};
    size_t n;
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
        to->none = true;
        return;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        l_option_wrong(L, "proxy", "a url (http://, https://, socks5:// or socks5h://) or false");
    const char *text = lua_tolstring(L, -1, &n);
    if (url_parse_proxy(slice_of(text, n), &to->url, &fault) < 0)
        luaL_error(L, "ws.connect: proxy: %s", fault_set(&fault) ? fault.text : "not enough memory");
}

/* Adds the address on the top to those that a name resolves to. */
static void add_address(lua_State *L, struct buf *table, const char *name, size_t count) {
    const char *why;
    size_t n;
    const char *type = luaL_typename(L, -1);
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "ws.connect: resolve '%s' must be an IP address or a list of them; found a %s",
                   l_option_shown(L, name, strlen(name)), type);
    const char *address = lua_tolstring(L, -1, &n);
    bool whole = strlen(address) == n;
    if (!whole || resolve_add_address(table, address, count, &why) < 0)
        luaL_error(L, "ws.connect: resolve '%s': '%s': %s", name, l_option_shown(L, address, n),
                   whole ? why : "it has a NUL in it");
}

static void read_resolve(lua_State *L, struct buf *table) {
    const char *names[L_OPTION_NAMES], *why;
    if (!lua_istable(L, -1)) l_option_wrong(L, "resolve", "a table");
    int value = lua_absindex(L, -1);
    size_t count = l_option_names(L, value, "resolve", "resolve", names);
    for (size_t i = 0; i < count; i++) {
        if (resolve_add_name(table, names[i], &why) < 0)
            luaL_error(L, "ws.connect: resolve '%s': %s", l_option_shown(L, names[i], strlen(names[i])), why);
        if (lua_getfield(L, value, names[i]) == LUA_TTABLE) {
            size_t addresses = lua_rawlen(L, -1);
            if (addresses == 0)
                luaL_error(L, "ws.connect: resolve '%s' has no address", l_option_shown(L, names[i], strlen(names[i])));
            for (size_t k = 0; k < addresses; k++, lua_pop(L, 1)) {
                lua_rawgeti(L, -1, (lua_Integer)k + 1);
                add_address(L, table, names[i], k);
            }
        } else {
            add_address(L, table, names[i], 0);
        }
        lua_pop(L, 1);
    }
}

/* ---- the whole ---- */

static void read_rows(lua_State *L, int table, int box, const struct option *rows, void *base, uint64_t given,
                      const char *prefix);

static void read_group(lua_State *L, int box, const struct option *o, void *at) {
    bool switched = o->kind == OPTION_SWITCHED, flag = switched && lua_isboolean(L, -1);
    if (switched) *(bool *)at = !flag || lua_toboolean(L, -1);
    if (flag) return;
    if (!lua_istable(L, -1)) l_option_wrong(L, o->name, switched ? "true, false or a table" : "a table");
    int table = lua_absindex(L, -1);
    const char *prefix = lua_pushfstring(L, "%s.", o->name);
    read_rows(L, table, box, o->rows, at, given_of(L, table, o->rows, NULL, prefix), prefix);
    lua_pop(L, 1);
}

static void read_row(lua_State *L, int box, const struct option *o, void *base) {
    struct conn_box *b = l_conn_look(L, box);
    void *at = (char *)base + o->at;
    switch (o->kind) {
    case OPTION_ROWS:
    case OPTION_SWITCHED: read_group(L, box, o, at); break;
    case OPTION_URL: l_request_read_url(L, box); break;
    case OPTION_HEADERS: l_request_read_headers(L, box); break;
    case OPTION_PROTOCOLS: l_request_read_protocols(L, b->conn); break;
    case OPTION_ORIGIN: l_request_read_origin(L, b->conn); break;
    case OPTION_PROXY: read_proxy(L, at); break;
    case OPTION_RESOLVE: read_resolve(L, at); break;
    case OPTION_NAME: read_name(L, b, o); break;
    case OPTION_BINARY: b->binary = l_options_binary(L, -1, "ws.connect: binary_type"); break;
    default: l_option_read(L, o, base);
    }
}

/* Reads the options in `given`, in the order of the rows, so that the first error is always the same. */
static void read_rows(lua_State *L, int table, int box, const struct option *rows, void *base, uint64_t given,
                      const char *prefix) {
    size_t skip = strlen(prefix);
    for (const struct option *o = rows; given; o++, given >>= 1) {
        if (!(given & 1)) continue;
        if (lua_getfield(L, table, o->name + skip) != LUA_TNIL) read_row(L, box, o, base);
        lua_pop(L, 1);
    }
}

/* Checks options that depend on each other. */
static void check_together(lua_State *L, struct plan *p) {
    union address address;
    if (p->tls.cert && !p->tls.key) luaL_error(L, "ws.connect: tls.cert needs tls.key");
    if (p->tls.key && !p->tls.cert) luaL_error(L, "ws.connect: tls.key needs tls.cert");
    bool both = p->family && p->local && address_read(&address, p->local, 0) != ADDRESS_NONE;
    if (both && (p->family == 4) != (address.any.sa_family == AF_INET))
        luaL_error(L, "ws.connect: local_address '%s' is no IPv%d address (family = %d)", p->local, p->family,
                   p->family);
    struct retry_policy *r = &p->settings.retry;
    if (r->min <= r->max) return;
    lua_getfield(L, 1, "reconnect");
    if (lua_getfield(L, -1, "max") != LUA_TNIL) luaL_error(L, "ws.connect: reconnect.min is more than reconnect.max");
    r->max = r->min;
    lua_pop(L, 2);
}

static void read_callbacks(lua_State *L, int box, unsigned heard) {
    for (int i = 0; i < CALLBACKS; i++) {
        if (!(heard & 1u << i)) continue;
        bool given = lua_getfield(L, 1, callback_names[i]) != LUA_TNIL;
        if (given && !l_callable_is(L, -1)) l_option_wrong(L, callback_names[i], "a " L_CALLABLE);
        if (given)
            l_conn_set_callback(L, box, (enum callback)i);
        else
            lua_pop(L, 1);
    }
}

void l_options_read(lua_State *L, int box) {
    box = lua_absindex(L, box);
    struct plan *plan = l_conn_plan(L, l_conn_look(L, box)->conn);
    if (lua_getfield(L, 1, "url") == LUA_TNIL) luaL_error(L, "ws.connect: url is missing");
    lua_pop(L, 1);
    unsigned heard;
    uint64_t given = given_of(L, 1, plan_options, &heard, "");
    bool defaults = heard == (1u << CALLBACKS) - 1;                  /* from a metatable: then there are few */
    lua_createtable(L, 0, defaults ? 0 : __builtin_popcount(heard)); /* growing it would cost more */
    lua_setiuservalue(L, box, BOX_FIELDS);
    read_rows(L, 1, box, plan_options, plan, given, "");
    check_together(L, plan);
    read_callbacks(L, box, heard);
}

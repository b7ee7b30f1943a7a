/* options: the options of ws.connect, each with its reader. How a table of them is read is in option.c. */
#include "script/ws/option.h"

#include "net/dial/resolve.h"
#include "script/l_callable.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct conn_box *box_at(lua_State *L, int box) { return l_conn_look(L, box); }

static struct plan *plan_of(lua_State *L, struct conn *c) {
    struct plan *p = conn_plan(c);
    if (!p) luaL_error(L, "not enough memory");
    return p;
}

static struct plan *plan_at(lua_State *L, int box) { return plan_of(L, box_at(L, box)->conn); }

/* Is it that string, and nothing behind a NUL? */
static bool is_word(lua_State *L, int value, const char *word) {
    size_t n;
    const char *text = lua_type(L, value) == LUA_TSTRING ? lua_tolstring(L, value, &n) : NULL;
    return text && slice_eq(slice_of(text, n), slice_str(word));
}

static bool is_false(lua_State *L) { return lua_isboolean(L, -1) && !lua_toboolean(L, -1); }

const char l_options_url_function = 0, l_options_headers_function = 0;

/* Keeps the function on the top. */
static void keep_function(lua_State *L, int box, const char *which) {
    lua_getiuservalue(L, box, BOX_FIELDS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, which);
    lua_pop(L, 1);
}

/* ---- url and headers ---- */

void l_options_url(lua_State *L, int value, struct conn_box *b) {
    struct fault fault = {0};
    struct url url;
    size_t n;
    if (lua_type(L, value) != LUA_TSTRING)
        luaL_error(L, "ws.connect: url must be a string or a function that returns one, not %s",
                   luaL_typename(L, value));
    const char *text = lua_tolstring(L, value, &n);
    struct plan *plan = plan_of(L, b->conn);
    if (url_parse(slice_of(text, n), &url, &fault) < 0)
        luaL_error(L, "ws.connect: url '%s': %s", l_option_shown(L, text, n),
                   fault_set(&fault) ? fault.text : "not enough memory");
    url_clear(&plan->url);
    plan->url = url;
}

static void read_url(lua_State *L, int box, const char *name) {
    (void)name;
    if (l_callable_is(L, -1)) {
        keep_function(L, box, &l_options_url_function);
        box_at(L, box)->url_function = true;
    } else {
        l_options_url(L, -1, box_at(L, box));
    }
}

static void add_header(lua_State *L, struct conn *c, const char *name, int value) {
    size_t n = 0;
    const char *why, *type = luaL_typename(L, value);
    l_number_plain(L, value);
    const char *text = lua_tolstring(L, value, &n); /* of a number too */
    if (!text)
        luaL_error(L, "ws.connect: header '%s' must be a string or a list of strings, not %s",
                   l_option_shown(L, name, strlen(name)), type);
    if (handshake_offer_header(&c->plan->offer, slice_str(name), slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: header '%s': %s", l_option_shown(L, name, strlen(name)), why);
}

void l_options_headers(lua_State *L, int value, struct conn *c) {
    const char *names[L_OPTION_NAMES];
    value = lua_absindex(L, value);
    if (!lua_istable(L, value))
        luaL_error(L, "ws.connect: headers must be a table or a function that returns one, not %s",
                   luaL_typename(L, value));
    handshake_offer_reset_headers(&plan_of(L, c)->offer);
    size_t n = l_option_names(L, value, "headers", "header", names);
    for (size_t i = 0; i < n; i++) {
        if (lua_getfield(L, value, names[i]) == LUA_TTABLE) {
            lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
            for (lua_Integer k = 1; k <= count; k++, lua_pop(L, 1)) {
                lua_rawgeti(L, -1, k);
                add_header(L, c, names[i], -1);
            }
        } else {
            add_header(L, c, names[i], -1);
        }
        lua_pop(L, 1);
    }
}

static void read_headers(lua_State *L, int box, const char *name) {
    (void)name;
    if (l_callable_is(L, -1)) {
        keep_function(L, box, &l_options_headers_function);
        box_at(L, box)->headers_function = true;
    } else {
        l_options_headers(L, -1, box_at(L, box)->conn);
    }
}

static void add_protocol(lua_State *L, struct conn *c) {
    size_t n;
    const char *why;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, "protocols", "a list of strings");
    const char *text = lua_tolstring(L, -1, &n);
    if (handshake_offer_protocol(&c->plan->offer, slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: protocols: '%s': %s", l_option_shown(L, text, n), why);
}

static void read_protocols(lua_State *L, int box, const char *name) {
    struct conn *c = box_at(L, box)->conn;
    if (lua_type(L, -1) == LUA_TSTRING) {
        add_protocol(L, c);
        return;
    }
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "a list of strings");
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++, lua_pop(L, 1)) {
        lua_rawgeti(L, -1, i);
        add_protocol(L, c);
    }
}

static void read_origin(lua_State *L, int box, const char *name) {
    size_t n;
    const char *why;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, name, "a string");
    const char *text = lua_tolstring(L, -1, &n);
    if (handshake_offer_origin(&plan_at(L, box)->offer, slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: origin: %s", why);
}

/* ---- times and sizes ---- */

static void read_ping_interval(lua_State *L, int box, const char *name) {
    double seconds = l_option_number(L, name);
    if (seconds < 0) luaL_error(L, "ws.connect: %s must be 0 (none) or more seconds", name);
    plan_at(L, box)->settings.ping_interval = clock_from_seconds(seconds);
}

static size_t size(lua_State *L, const char *name) {
    double bytes = l_option_number(L, name);
    if (bytes < 1) luaL_error(L, "ws.connect: %s must be at least 1 byte", name);
    const double most = 1e15;
    return bytes < most ? (size_t)bytes : (size_t)most;
}

#define READER(field, as)                                                                                              \
    static void read_##field(lua_State *L, int box, const char *name) { plan_at(L, box)->settings.field = as(L, name); }
READER(connect_timeout, l_option_timeout)
READER(handshake_timeout, l_option_timeout)
READER(close_timeout, l_option_timeout)
READER(pong_timeout, l_option_timeout)
READER(max_message_size, size)
READER(max_send_buffer, size)
READER(max_receive_buffer, size)
READER(fragment_size, size)
#undef READER

static void read_queue(lua_State *L, int box, const char *name) {
    static const char *const words[] = {
        [QUEUE_CONNECTING] = "connecting", [QUEUE_ALWAYS] = "always", [QUEUE_NEVER] = "never"};
    for (int i = QUEUE_CONNECTING; i <= QUEUE_NEVER; i++) {
        if (!is_word(L, -1, words[i])) continue;
        plan_at(L, box)->settings.queue = (enum conn_queueing)i;
        return;
    }
    l_option_wrong(L, name, "\"connecting\", \"always\" or \"never\"");
}

/* ---- the rest ---- */

bool l_options_binary(lua_State *L, int value, const char *what) {
    bool text = is_word(L, value, "blob") || is_word(L, value, "text");
    bool binary = is_word(L, value, "arraybuffer") || is_word(L, value, "binary");
    if (!text && !binary)
        luaL_error(L, "%s must be ws.BLOB (\"blob\": text frames) or ws.ARRAYBUFFER (\"arraybuffer\": binary frames)",
                   what);
    return binary;
}

static void read_binary_type(lua_State *L, int box, const char *name) {
    (void)name;
    box_at(L, box)->binary = l_options_binary(L, -1, "ws.connect: binary_type");
}

static void read_name(lua_State *L, int box, const char *name) {
    struct conn_box *b = box_at(L, box);
    l_option_keep_string(L, &b->name, name);
    account_add(b->engine->account, strlen(b->name) + 1);
}

/* The address is never shown, as its password would be. */
static void read_proxy(lua_State *L, int box, const char *name) {
    struct plan *p = plan_at(L, box);
    struct fault fault = {0};
    size_t n;
    if (is_false(L)) {
        p->no_proxy = true;
        return;
    }
    if (lua_type(L, -1) != LUA_TSTRING)
        l_option_wrong(L, name, "a url (http://, https://, socks5:// or socks5h://) or false");
    const char *text = lua_tolstring(L, -1, &n);
    if (url_parse_proxy(slice_of(text, n), &p->proxy, &fault) < 0)
        luaL_error(L, "ws.connect: %s: %s", name, fault_set(&fault) ? fault.text : "not enough memory");
}

/* ---- tls ---- */

#define TLS_READER(field, keep)                                                                                        \
    static void read_tls_##field(lua_State *L, int box, const char *name) {                                            \
        keep(L, &plan_at(L, box)->tls.field, name);                                                                    \
    }
TLS_READER(ca_file, l_option_keep_string)
TLS_READER(ca_path, l_option_keep_string)
TLS_READER(cert, l_option_keep_string)
TLS_READER(key, l_option_keep_string)
TLS_READER(key_password, l_option_keep_secret)
#undef TLS_READER

static void read_tls_server_name(lua_State *L, int box, const char *name) {
    char **to = &plan_at(L, box)->tls.server_name;
    l_option_keep_string(L, to, name);
    if (*address_zone(*to)) luaL_error(L, "ws.connect: %s has a zone (what stands behind '%%'): leave it out", name);
}

static void read_tls_pin(lua_State *L, int box, const char *name) {
    l_option_keep_list(
        L, &plan_at(L, box)->tls.pins, name, pin_valid,
        "\"sha256//\" and the Base64 of a public key's SHA-256, 44 characters (as curl's --pinnedpubkey)");
}

static bool is_alpn(struct slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == ',' || name.p[i] == '\r' || name.p[i] == '\n' || name.p[i] == '\0') return false;
    return name.n >= 1 && name.n <= 255;
}

static void read_tls_alpn(lua_State *L, int box, const char *name) {
    l_option_keep_list(L, &plan_at(L, box)->tls.alpn, name, is_alpn,
                       "the name of a protocol, 1 to 255 bytes without comma, CR, LF and NUL (\"http/1.1\")");
}

static void read_tls_system_ca(lua_State *L, int box, const char *name) {
    plan_at(L, box)->tls.system_ca = l_option_flag(L, name);
}

static void read_tls_stapling(lua_State *L, int box, const char *name) {
    plan_at(L, box)->tls.no_stapling = !l_option_flag(L, name);
}

static void read_tls_verify(lua_State *L, int box, const char *name) {
    plan_at(L, box)->tls.no_verify = !l_option_flag(L, name);
}

static void read_tls_allow_weak(lua_State *L, int box, const char *name) {
    plan_at(L, box)->tls.allow_weak = l_option_flag(L, name);
}

static void read_tls_min_version(lua_State *L, int box, const char *name) {
    if (lua_type(L, -1) == LUA_TNUMBER) lua_tostring(L, -1); /* 1.2 and 1.3 as numbers are fine */
    bool old = is_word(L, -1, "1.2"), new = is_word(L, -1, "1.3");
    if (!old && !new) luaL_error(L, "ws.connect: %s must be \"1.2\" or \"1.3\"", name);
    plan_at(L, box)->tls.min_version = new ? TLS_1_3 : TLS_1_2;
}

static const struct l_option tls_options[] = {
    {"tls.allow_weak", read_tls_allow_weak},
    {"tls.alpn", read_tls_alpn},
    {"tls.ca_file", read_tls_ca_file},
    {"tls.ca_path", read_tls_ca_path},
    {"tls.cert", read_tls_cert},
    {"tls.key", read_tls_key},
    {"tls.key_password", read_tls_key_password},
    {"tls.min_version", read_tls_min_version},
    {"tls.pin", read_tls_pin},
    {"tls.server_name", read_tls_server_name},
    {"tls.stapling", read_tls_stapling},
    {"tls.system_ca", read_tls_system_ca},
    {"tls.verify", read_tls_verify},
    {NULL, NULL},
};

static void read_tls(lua_State *L, int box, const char *name) {
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "a table");
    l_option_read_table(L, lua_absindex(L, -1), box, tls_options, "tls.");
    const struct tls_config *tls = &plan_at(L, box)->tls;
    if (tls->cert && !tls->key) luaL_error(L, "ws.connect: tls.cert needs tls.key");
    if (tls->key && !tls->cert) luaL_error(L, "ws.connect: tls.key needs tls.cert");
}

/* ---- compression ---- */

static struct deflate_offer *deflate_at(lua_State *L, int box) { return &plan_at(L, box)->offer.deflate; }

static void read_server_no_context(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->server_no_context_takeover = l_option_flag(L, name);
}
static void read_client_no_context(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->client_no_context_takeover = l_option_flag(L, name);
}
static void read_server_bits(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->server_max_window_bits =
        (uint8_t)l_option_whole_number(L, name, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
}
static void read_client_bits(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->client_max_window_bits =
        (uint8_t)l_option_whole_number(L, name, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
}
static void read_level(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->level = l_option_whole_number(L, name, 0, 9);
}
static void read_memory_level(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->memory_level = l_option_whole_number(L, name, 1, 9);
}
static void read_threshold(lua_State *L, int box, const char *name) {
    deflate_at(L, box)->threshold = (size_t)l_option_whole_number(L, name, 0, INT_MAX);
}

static const struct l_option compression_options[] = {
    {"compression.server_no_context_takeover", read_server_no_context},
    {"compression.client_no_context_takeover", read_client_no_context},
    {"compression.server_max_window_bits", read_server_bits},
    {"compression.client_max_window_bits", read_client_bits},
    {"compression.level", read_level},
    {"compression.memory_level", read_memory_level},
    {"compression.threshold", read_threshold},
    {NULL, NULL},
};

static void read_compression(lua_State *L, int box, const char *name) {
    if (lua_isboolean(L, -1)) {
        deflate_at(L, box)->on = lua_toboolean(L, -1);
        return;
    }
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "true, false or a table");
    l_option_read_table(L, lua_absindex(L, -1), box, compression_options, "compression.");
}

/* ---- addresses ---- */

static void read_family(lua_State *L, int box, const char *name) {
    int family = l_option_whole_number(L, name, 4, 6);
    if (family == 5) luaL_error(L, "ws.connect: family must be 4 or 6");
    plan_at(L, box)->family = family;
}

static void read_local_address(lua_State *L, int box, const char *name) {
    struct plan *p = plan_at(L, box);
    union address address;
    l_option_keep_string(L, &p->local, name);
    if (address_read(&address, p->local, 0) == ADDRESS_NONE)
        luaL_error(L, "ws.connect: local_address '%s' is not an IP address", p->local);
    if (p->family && (p->family == 4) != (address.any.sa_family == AF_INET))
        luaL_error(L, "ws.connect: local_address '%s' is no IPv%d address (family = %d)", p->local, p->family,
                   p->family);
}

/* Adds the address on the top to what a name stands for. */
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

static void read_resolve(lua_State *L, int box, const char *name) {
    const char *names[L_OPTION_NAMES], *why;
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "a table");
    int value = lua_absindex(L, -1);
    size_t count = l_option_names(L, value, "resolve", "resolve", names);
    struct buf *table = &plan_at(L, box)->resolve;
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

/* ---- reconnection ---- */

static struct retry_policy *retry_at(lua_State *L, int box) { return &plan_at(L, box)->settings.retry; }

static void read_retry_min(lua_State *L, int box, const char *name) {
    retry_at(L, box)->min = l_option_timeout(L, name);
}
static void read_retry_max(lua_State *L, int box, const char *name) {
    retry_at(L, box)->max = l_option_timeout(L, name);
}
static void read_retry_stable(lua_State *L, int box, const char *name) {
    double seconds = l_option_number(L, name);
    if (seconds < 0) luaL_error(L, "ws.connect: %s must be 0 or more seconds", name);
    retry_at(L, box)->stable = clock_from_seconds(seconds);
}
static void read_retry_factor(lua_State *L, int box, const char *name) {
    retry_at(L, box)->factor = l_option_number(L, name);
    if (retry_at(L, box)->factor < 1) luaL_error(L, "ws.connect: %s must be at least 1", name);
}
static void read_retry_attempts(lua_State *L, int box, const char *name) {
    retry_at(L, box)->attempts = (uint64_t)l_option_whole_number(L, name, 1, INT_MAX);
}
static void read_retry_fatal(lua_State *L, int box, const char *name) {
    struct retry_policy *p = retry_at(L, box);
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "a list of statuses and close codes");
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    if (n > RETRY_FATAL_MAX) luaL_error(L, "ws.connect: %s has more than %d entries", name, RETRY_FATAL_MAX);
    free(p->fatal);
    p->fatal_count = 0;
    p->fatal = calloc((size_t)n + 1, sizeof *p->fatal);
    if (!p->fatal) luaL_error(L, "not enough memory");
    for (lua_Integer i = 1; i <= n; i++, lua_pop(L, 1)) {
        lua_rawgeti(L, -1, i);
        p->fatal[p->fatal_count++] = (uint16_t)l_option_whole_number(L, name, 100, 4999);
    }
}

static const struct l_option reconnect_options[] = {
    {"reconnect.attempts", read_retry_attempts},
    {"reconnect.factor", read_retry_factor},
    {"reconnect.fatal", read_retry_fatal},
    {"reconnect.max", read_retry_max},
    {"reconnect.min", read_retry_min},
    {"reconnect.stable", read_retry_stable},
    {NULL, NULL},
};

static void read_reconnect(lua_State *L, int box, const char *name) {
    struct retry_policy *p = retry_at(L, box);
    p->on = true;
    if (lua_isboolean(L, -1)) {
        p->on = lua_toboolean(L, -1);
        return;
    }
    if (!lua_istable(L, -1)) l_option_wrong(L, name, "true, false or a table");
    int table = lua_absindex(L, -1);
    l_option_read_table(L, table, box, reconnect_options, "reconnect.");
    if (p->min <= p->max) return;
    if (lua_getfield(L, table, "max") != LUA_TNIL)
        luaL_error(L, "ws.connect: reconnect.min is more than reconnect.max");
    lua_pop(L, 1);
    p->max = p->min;
}

/* ---- what answers ask for ---- */

static void read_max_redirects(lua_State *L, int box, const char *name) {
    enum { MOST = 20 };
    plan_at(L, box)->settings.max_redirects = (unsigned)l_option_whole_number(L, name, 0, MOST);
}

static void read_redirect_headers(lua_State *L, int box, const char *name) {
    plan_at(L, box)->settings.redirect_headers = l_option_flag(L, name);
}

static void read_cookies(lua_State *L, int box, const char *name) {
    plan_at(L, box)->settings.cookies = l_option_flag(L, name);
}

static const struct l_option options[] = {
    {"url", read_url},
    {"headers", read_headers},
    {"ping_interval", read_ping_interval},
    {"binary_type", read_binary_type},
    {"name", read_name},
    {"protocols", read_protocols},
    {"origin", read_origin},
    {"compression", read_compression},
    {"connect_timeout", read_connect_timeout},
    {"handshake_timeout", read_handshake_timeout},
    {"close_timeout", read_close_timeout},
    {"pong_timeout", read_pong_timeout},
    {"max_message_size", read_max_message_size},
    {"max_send_buffer", read_max_send_buffer},
    {"max_receive_buffer", read_max_receive_buffer},
    {"queue", read_queue},
    {"fragment_size", read_fragment_size},
    {"reconnect", read_reconnect},
    {"tls", read_tls},
    {"proxy", read_proxy},
    {"family", read_family},
    {"local_address", read_local_address}, /* after family */
    {"resolve", read_resolve},
    {"max_redirects", read_max_redirects},
    {"redirect_headers", read_redirect_headers},
    {"cookies", read_cookies},
    {NULL, NULL},
};

_Static_assert(sizeof options / sizeof *options + CALLBACKS <= 64, "l_option_given has a bit for each");

/* ---- the whole ---- */

void l_options_read(lua_State *L, int box) {
    box = lua_absindex(L, box);
    if (lua_getfield(L, 1, "url") == LUA_TNIL) luaL_error(L, "ws.connect: url is missing");
    lua_pop(L, 1);
    unsigned heard;
    uint64_t given = l_option_given(L, 1, options, &heard, "");
    bool defaults = heard == (1u << CALLBACKS) - 1;                  /* then few are there */
    lua_createtable(L, 0, defaults ? 0 : __builtin_popcount(heard)); /* to grow would be dearer */
    lua_setiuservalue(L, box, BOX_FIELDS);
    l_option_read(L, 1, box, options, given, "");
    for (int i = 0; i < CALLBACKS; i++) {
        if (!(heard & 1u << i)) continue;
        bool given_one = lua_getfield(L, 1, callback_names[i]) != LUA_TNIL;
        if (given_one && !l_callable_is(L, -1)) l_option_wrong(L, callback_names[i], "a " L_CALLABLE);
        if (given_one)
            l_conn_set_callback(L, box, (enum callback)i);
        else
            lua_pop(L, 1);
    }
}

/* request: what the opening handshake asks for: url, headers, subprotocols and origin. */
#include "script/ws/parts.h"

#include "script/l_callable.h"
#include "script/modules.h"
#include "script/ws/option.h"
#include <string.h>

const char l_request_url_function = 0, l_request_headers_function = 0;

/* Where the value on the top is a function, keeps it in the user value, under `which`: true. */
static bool keep_function(lua_State *L, int box, const char *which) {
    if (!l_callable_is(L, -1)) return false;
    lua_getiuservalue(L, box, BOX_FIELDS);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, which);
    lua_pop(L, 1);
    return true;
}

void l_request_url(lua_State *L, int value, struct conn_box *b) {
    struct fault fault = {0};
    struct url url;
    size_t n;
    if (lua_type(L, value) != LUA_TSTRING)
        luaL_error(L, "ws.connect: url must be a string or a function that returns one, not %s",
                   luaL_typename(L, value));
    const char *text = lua_tolstring(L, value, &n);
    struct plan *plan = l_conn_plan(L, b->conn);
    if (url_parse(slice_of(text, n), &url, &fault) < 0)
        luaL_error(L, "ws.connect: url '%s': %s", l_option_shown(L, text, n),
                   fault_set(&fault) ? fault.text : "not enough memory");
    url_clear(&plan->url);
    plan->url = url;
}

void l_request_read_url(lua_State *L, int box) {
    struct conn_box *b = l_conn_look(L, box);
    b->url_function = keep_function(L, box, &l_request_url_function);
    if (!b->url_function) l_request_url(L, -1, b);
}

static void add_header(lua_State *L, struct conn *c, const char *name, int value) {
    size_t n = 0;
    const char *why, *type = luaL_typename(L, value);
    l_number_plain(L, value);
    const char *text = lua_tolstring(L, value, &n); /* a number has a text, too */
    if (!text)
        luaL_error(L, "ws.connect: header '%s' must be a string or a list of strings, not %s",
                   l_option_shown(L, name, strlen(name)), type);
    if (handshake_offer_header(&c->plan->offer, slice_str(name), slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: header '%s': %s", l_option_shown(L, name, strlen(name)), why);
}

void l_request_headers(lua_State *L, int value, struct conn *c) {
    const char *names[L_OPTION_NAMES];
    value = lua_absindex(L, value);
    if (!lua_istable(L, value))
        luaL_error(L, "ws.connect: headers must be a table or a function that returns one, not %s",
                   luaL_typename(L, value));
    handshake_offer_reset_headers(&l_conn_plan(L, c)->offer);
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

void l_request_read_headers(lua_State *L, int box) {
    struct conn_box *b = l_conn_look(L, box);
    b->headers_function = keep_function(L, box, &l_request_headers_function);
    if (!b->headers_function) l_request_headers(L, -1, b->conn);
}

static void add_protocol(lua_State *L, struct conn *c) {
    size_t n;
    const char *why;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, "protocols", "a list of strings");
    const char *text = lua_tolstring(L, -1, &n);
    if (handshake_offer_protocol(&c->plan->offer, slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: protocols: '%s': %s", l_option_shown(L, text, n), why);
}

void l_request_read_protocols(lua_State *L, struct conn *c) {
    if (lua_type(L, -1) == LUA_TSTRING) {
        add_protocol(L, c);
        return;
    }
    if (!lua_istable(L, -1)) l_option_wrong(L, "protocols", "a list of strings");
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++, lua_pop(L, 1)) {
        lua_rawgeti(L, -1, i);
        add_protocol(L, c);
    }
}

void l_request_read_origin(lua_State *L, struct conn *c) {
    size_t n;
    const char *why;
    if (lua_type(L, -1) != LUA_TSTRING) l_option_wrong(L, "origin", "a string");
    const char *text = lua_tolstring(L, -1, &n);
    if (handshake_offer_origin(&l_conn_plan(L, c)->offer, slice_of(text, n), &why) < 0)
        luaL_error(L, "ws.connect: origin: %s", why);
}

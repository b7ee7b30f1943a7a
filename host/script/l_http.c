/* l_http: the C part of the module wsbot.http. It gets options that lualib/wsbot/http.lua has checked, starts the
 * request and has the task wait for its end. The request is in a userdata that is closed with the stack frame it
 * belongs to, so that it ends with a task that is cancelled. */
#include "script/l_http.h"

#include "base/number.h"
#include "base/random.h"
#include "net/dial/plan.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/l_cookies.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "script/task.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

struct pending {
    struct box box;
    struct http_transfer *transfer; /* NULL: there is none (any more) */
    struct waiters waiter;
    struct engine *engine;
    size_t kept; /* bytes that are counted in the account */
};

/* The stack of l_perform: the options, the userdata. */
enum { OPTIONS = 1, PENDING };

static void count(struct pending *p) {
    size_t now = p->transfer ? http_size(p->transfer) : 0;
    account_add(p->engine->account, now - p->kept);
    p->kept = now;
}

static void on_done(void *arg) {
    struct pending *p = arg;
    count(p);
    task_wake_all(&p->waiter);
}

static void end(void *object) {
    struct pending *p = object;
    if (p->transfer) http_free(p->transfer);
    p->transfer = NULL;
    count(p);
    free(p);
}

static const struct box_type request_type = {
    .name = "wsbot.http.request", .size = sizeof(struct pending), .closes = true, .end = end};

void l_http_push_answer(lua_State *L, const struct http_transfer *t) {
    struct http_answer answer = http_answer(t);
    lua_createtable(L, 8, 8);
    lua_pushinteger(L, answer.status);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, answer.reason);
    lua_setfield(L, -2, "reason");
    lua_pushstring(L, answer.url);
    lua_setfield(L, -2, "url");
    lua_pushlstring(L, (const char *)answer.body.p, answer.body.n);
    lua_setfield(L, -2, "body");
    void *at = NULL;
    const char *name, *value;
    for (lua_Integer i = 1; http_header_next(t, &at, &name, &value); i += 2) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, i);
        lua_pushstring(L, value);
        lua_rawseti(L, -2, i + 1);
    }
}

int l_http_late(lua_State *L, const struct http_transfer *t, double seconds) {
    char far[128], text[160];
    http_describe(t, far, sizeof far);
    number_print(text, sizeof text, "%s within %g s", far, seconds);
    return l_push_failure(L, fault_words[FAULT_TIMEOUT], text);
}

static int l_performed(lua_State *L, int status, lua_KContext ctx) {
    const struct pending *p = l_box_get(L, PENDING, &request_type);
    (void)status;
    (void)ctx;
    if (!http_is_done(p->transfer)) {
        lua_getfield(L, OPTIONS, "timeout");
        return l_http_late(L, p->transfer, lua_tonumber(L, -1));
    }
    const struct fault *fault = http_fault(p->transfer);
    if (fault_set(fault)) return l_push_failure(L, fault_word(fault), fault->text);
    l_http_push_answer(L, p->transfer);
    return 1;
}

/* ---- the options ---- */

/* A string of the table at `table`. It is left on the stack, where it stays alive whatever becomes of the table. */
static const char *string(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    return luaL_optstring(L, -1, NULL);
}

static lua_Number number(lua_State *L, const char *name) {
    lua_getfield(L, OPTIONS, name);
    lua_Number value = luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return value;
}

static size_t size(lua_State *L, const char *name) {
    const lua_Number most = 1e15;
    lua_Number value = number(L, name);
    return value < most ? value > 0 ? (size_t)value : 0 : (size_t)most;
}

static bool flag(lua_State *L, int table, const char *name) {
    lua_getfield(L, table, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

/* The list of header lines, its end marked with NULL, in memory that is left on the stack, as the lines are. */
static const char *const *header_lines(lua_State *L) {
    if (lua_getfield(L, OPTIONS, "lines") != LUA_TTABLE) luaL_error(L, "lines must be a list");
    int list = lua_gettop(L), n = (int)lua_rawlen(L, list);
    luaL_checkstack(L, n + LUA_MINSTACK, "too many header lines");
    const char **lines = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *lines, 0);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, list, i + 1);
        lines[i] = luaL_checkstring(L, -1);
    }
    lines[n] = NULL;
    return lines;
}

struct http_request l_http_request(lua_State *L) {
    struct http_request r = {.now = (int64_t)clock_wall(&engine_of(L)->net->clock)};
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    r.url = string(L, OPTIONS, "url");
    r.method = string(L, OPTIONS, "method");
    if (!r.url || !r.method) luaL_error(L, "url and method are missing");
    r.user = string(L, OPTIONS, "user");
    r.password = string(L, OPTIONS, "password");
    r.proxy = string(L, OPTIONS, "proxy");
    r.local_address = string(L, OPTIONS, "local_address");
    r.connect_timeout = clock_from_seconds(number(L, "connect_timeout"));
    lua_getfield(L, OPTIONS, "left"); /* of the timeout, after other tries */
    r.timeout = clock_from_seconds(luaL_optnumber(L, -1, number(L, "timeout")));
    r.max_size = size(L, "max_size");
    r.max_redirects = (long)size(L, "max_redirects");
    r.redirect_headers = flag(L, OPTIONS, "redirect_headers");
    r.headers = header_lines(L);
    if (lua_getfield(L, OPTIONS, "body") == LUA_TSTRING) {
        size_t n;
        r.body.p = (const uint8_t *)lua_tolstring(L, -1, &n);
        r.body.n = n;
    }
    lua_getfield(L, OPTIONS, "cookies");
    r.cookies = l_cookies_of(L, -1);
    if (lua_getfield(L, OPTIONS, "tls") == LUA_TTABLE) {
        int tls = lua_gettop(L);
        r.tls.ca_file = string(L, tls, "ca_file");
        r.tls.ca_path = string(L, tls, "ca_path");
        r.tls.cert = string(L, tls, "cert");
        r.tls.key = string(L, tls, "key");
        r.tls.key_password = string(L, tls, "key_password");
        r.tls.no_verify = flag(L, tls, "no_verify");
        r.tls.only_1_3 = flag(L, tls, "only_1_3");
    }
    return r;
}

/* perform(options) -> a table for wsbot.response, or nil, word, message. */
static int l_perform(lua_State *L) {
    luaL_checktype(L, OPTIONS, LUA_TTABLE);
    lua_settop(L, OPTIONS);
    l_task_check(L, "http.request");
    struct pending *p = l_box_new(L, &request_type);
    p->engine = engine_of(L);
    lua_toclose(L, PENDING);
    struct http_request r = l_http_request(L);
    struct fault fault = {0};
    l_engine_need(L, p->engine, r.body.n);
    r.room = l_engine_room(L, r.body.n + r.max_size);
    p->transfer = http_start(engine_of(L)->net, &r, on_done, p, &fault);
    if (!p->transfer) return l_push_failure(L, fault_word(&fault), fault.text);
    count(p);
    lua_settop(L, PENDING);
    return l_task_wait(L, "http.request", &p->waiter, r.timeout, 0, l_performed);
}

/* check(what): raises an error that begins with `what` where the code that runs cannot wait. */
static int l_check(lua_State *L) {
    l_task_check(L, luaL_checkstring(L, 1));
    return 0;
}

/* delay(tries, retry_after) -> the seconds until the try after `tries` others: those that the Retry-After asks for,
 * else those that ws.connect would wait. */
static int l_delay(lua_State *L) {
    uint32_t tries = (uint32_t)luaL_checkinteger(L, 1);
    size_t n = 0;
    const char *text = luaL_optlstring(L, 2, "", &n);
    uint64_t delay;
    struct retry_policy usual = {0};
    options_usual(plan_reconnect, &usual);
    if (!retry_after_read(slice_of(text, n), (int64_t)clock_wall(&engine_of(L)->net->clock), &delay))
        delay = retry_delay(&usual, tries, random_mask());
    lua_pushnumber(L, clock_to_seconds(delay));
    return 1;
}

int luaopen_http_core(lua_State *L) {
    static const luaL_Reg functions[] = {{"perform", l_perform}, {"check", l_check}, {"delay", l_delay}, {NULL, NULL}};
    l_box_open(L, &request_type, NULL, NULL);
    luaL_newlib(L, functions);
    l_http_stream_open(L, lua_gettop(L));
    return 1;
}

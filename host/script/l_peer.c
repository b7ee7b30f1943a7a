/* l_peer: the part of testing.server that is C: a listener on loopback, and its connections, in the server's role, as
 * sessions. A session takes messages only when it is asked to; the script of a test is told nothing by itself. */
#include "net/listener.h"
#include "script/box.h"
#include "script/door.h"
#include "script/engine.h"
#include "script/modules.h"
#include "wire/backlog.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define PEER_TYPE    "wsbot.testing.server"
#define SESSION_TYPE "wsbot.testing.session"

/* User value 1: what its strings point into. User value 2: the sessions that nobody has accepted yet. */
struct peer {
    struct engine *engine;
    struct listener *listener; /* NULL: closed */
    struct conn_answer answer;
    const char **protocols;
    bool compression;
    struct waiters acceptors;
};

/* Anchored while its connection lives. User value 1: the head of the request. User value 2: its server. */
struct session {
    struct engine *engine;
    struct peer *peer;
    struct conn *conn; /* held */
    struct backlog messages;
    struct waiters receivers;
    bool told; /* it was given to the peer's queue */
    bool ended;
    uint16_t code;
    char reason[WS_REASON_MAX + 1];
    size_t reason_size;
    lua_Integer pings, pongs;
};

/* ---- sessions ---- */

static struct session *check_session(lua_State *L) { return luaL_checkudata(L, 1, SESSION_TYPE); }

/* Pushes the head of the request: lualib/wsbot/testing.lua makes a table of it. */
static int l_tell(lua_State *L) {
    struct session *s = lua_touserdata(L, 1);
    const struct conn_head *h = s->conn->head;
    if (!box_push(L, s) || !box_push(L, s->peer)) return 0; /* arg, session, peer */
    lua_pushlstring(L, (const char *)buf_slice(&h->text).p, h->text.len);
    lua_setiuservalue(L, 2, 1);
    lua_getiuservalue(L, 3, 2);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

/* The request came: who accepts has a session. */
static void tell(struct session *s) {
    if (s->told || !s->conn->head) return;
    s->told = true;
    door_call(s->engine, l_tell, s, NULL);
    task_wake_first(&s->peer->acceptors);
}

static void on_opened(void *arg, struct conn *c) {
    (void)c;
    tell(arg);
}

static void on_readable(void *arg, struct conn *c) {
    struct session *s = arg;
    struct ws_event ev;
    while (conn_next(c, &ev)) {
        if (ev.kind == WS_PING) s->pings++;
        if (ev.kind == WS_PONG) s->pongs++;
        if (ev.kind != WS_TEXT && ev.kind != WS_BINARY) continue;
        if (backlog_put(&s->messages, ev.kind, ev.data) < 0) abort();
        task_wake_first(&s->receivers);
    }
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    struct session *s = arg;
    (void)c;
    tell(s); /* of one that was refused */
    s->ended = true;
    s->code = end->code;
    s->reason_size = end->reason_size;
    memcpy(s->reason, end->reason, sizeof s->reason);
    task_wake_all(&s->receivers);
    box_unanchor(s->engine->L, s);
}

static const struct conn_sink sink = {.opened = on_opened, .readable = on_readable, .closed = on_closed};

struct arrival {
    struct peer *peer;
    struct conn *conn;
};

static int l_arrive(lua_State *L) {
    struct arrival *a = lua_touserdata(L, 1);
    if (!box_push(L, a->peer)) return luaL_error(L, "the server is closed");
    struct session *s = lua_newuserdatauv(L, sizeof *s, 2);
    *s = (struct session){.engine = a->peer->engine, .peer = a->peer, .conn = a->conn};
    backlog_init(&s->messages);
    conn_hold(s->conn);
    luaL_setmetatable(L, SESSION_TYPE);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 3, 2); /* it lives as long as this */
    box_anchor(L, 3, s);
    a->conn->sink_arg = s;
    a->conn->answer = &a->peer->answer;
    a->conn->offer.deflate.on = a->peer->compression;
    a->conn->settings.max_message_size = a->conn->settings.max_send_buffer = (size_t)64 << 20;
    return 0;
}

static void on_accepted(void *arg, struct conn *c) {
    struct peer *p = arg;
    struct arrival a = {p, c};
    if (door_call(p->engine, l_arrive, &a, NULL)) return;
    conn_detach(c);
    conn_destroy(c);
}

static int push_end(lua_State *L, const struct session *s) {
    luaL_pushfail(L);
    lua_pushliteral(L, "closed");
    lua_pushinteger(L, s->code);
    lua_pushlstring(L, s->reason, s->reason_size);
    return 4;
}

static uint64_t ends_at(lua_State *L, const struct engine *e, int index) {
    if (lua_isnoneornil(L, index)) return UINT64_MAX;
    lua_Number seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0, index, "seconds must not be negative");
    return clock_now(&e->net->clock) + clock_from_seconds(seconds);
}

static uint64_t left(const struct engine *e, uint64_t ends) {
    uint64_t now = clock_now(&e->net->clock);
    return ends == UINT64_MAX ? ends : ends > now ? ends - now : 0;
}

static int receive(lua_State *L, uint64_t ends);

static int l_received(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    struct session *s = check_session(L);
    if (l_task_timed_out(L) && backlog_is_empty(&s->messages)) {
        luaL_pushfail(L);
        lua_pushliteral(L, "timeout");
        return 2;
    }
    return receive(L, (uint64_t)lua_tointeger(L, 2));
}

/* Stack: session, when the wait ends. */
static int receive(lua_State *L, uint64_t ends) {
    struct session *s = check_session(L);
    struct ws_event ev;
    if (backlog_first(&s->messages, &ev)) {
        lua_pushlstring(L, (const char *)ev.data.p, ev.data.n);
        lua_pushstring(L, ev.kind == WS_TEXT ? "text" : "binary");
        backlog_drop(&s->messages);
        return 2;
    }
    if (s->ended) return push_end(L, s);
    return l_task_wait(L, "session:receive", &s->receivers, left(s->engine, ends), 0, l_received);
}

static int l_receive(lua_State *L) {
    uint64_t ends = ends_at(L, check_session(L)->engine, 2);
    lua_settop(L, 1);
    lua_pushinteger(L, (lua_Integer)ends);
    return receive(L, ends);
}

static int push_result(lua_State *L, int rc) {
    if (rc == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    luaL_pushfail(L);
    lua_pushstring(L, err_word(rc));
    return 2;
}

static int l_send(lua_State *L) {
    static const char *const kinds[] = {"text", "binary", NULL};
    struct session *s = check_session(L);
    size_t n;
    const char *data = luaL_checklstring(L, 2, &n);
    int kind = luaL_checkoption(L, 3, "text", kinds);
    return push_result(L, conn_send(s->conn, kind ? WS_BINARY : WS_TEXT, slice_of(data, n)));
}

static int l_send_raw(lua_State *L) {
    size_t n;
    const char *data = luaL_checklstring(L, 2, &n);
    return push_result(L, conn_send_raw(check_session(L)->conn, slice_of(data, n)));
}

static int l_ping(lua_State *L) {
    size_t n;
    const char *data = luaL_optlstring(L, 2, "", &n);
    return push_result(L, conn_ping(check_session(L)->conn, slice_of(data, n)));
}

static int l_close(lua_State *L) {
    size_t n;
    lua_Integer code = luaL_optinteger(L, 2, WS_CLOSE_NORMAL);
    const char *reason = luaL_optlstring(L, 3, "", &n);
    int rc = code > 0 && code <= UINT16_MAX ? conn_close(check_session(L)->conn, (uint16_t)code, slice_of(reason, n))
                                            : ERR_RANGE;
    luaL_argcheck(L, rc == 0, 2, "a code or reason that a Close frame cannot have (use send_raw)");
    return 0;
}

/* Silent: nothing is read, so nothing is answered. */
static int l_stall(lua_State *L) {
    conn_pause(check_session(L)->conn, CONN_PAUSED_BY_SCRIPT);
    return 0;
}

static int l_resume(lua_State *L) {
    conn_resume(check_session(L)->conn, CONN_PAUSED_BY_SCRIPT);
    return 0;
}

static int l_drop(lua_State *L) {
    conn_reset(check_session(L)->conn);
    return 0;
}

static int l_state(lua_State *L) {
    lua_pushstring(L, conn_state(check_session(L)->conn));
    return 1;
}

static int l_counts(lua_State *L) {
    const struct session *s = check_session(L);
    lua_pushinteger(L, s->pings);
    lua_pushinteger(L, s->pongs);
    return 2;
}

static int l_request(lua_State *L) {
    check_session(L);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int l_session_gc(lua_State *L) {
    struct session *s = check_session(L);
    if (!s->conn) return 0;
    if (s->conn->sink_arg == s) conn_detach(s->conn);
    s->conn->answer = NULL;
    conn_destroy(s->conn);
    conn_release(s->conn);
    s->conn = NULL;
    backlog_clear(&s->messages);
    return 0;
}

/* ---- the server ---- */

static struct peer *check_peer(lua_State *L) { return luaL_checkudata(L, 1, PEER_TYPE); }

static int take_session(lua_State *L, uint64_t ends);

static int l_accepted(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    struct peer *p = check_peer(L);
    lua_getiuservalue(L, 1, 2);
    bool none = lua_rawlen(L, -1) == 0;
    lua_pop(L, 1);
    if (none && (l_task_timed_out(L) || !p->listener)) {
        luaL_pushfail(L);
        lua_pushstring(L, p->listener ? "timeout" : "closed");
        return 2;
    }
    return take_session(L, (uint64_t)lua_tointeger(L, 2));
}

/* Stack: peer, when the wait ends. */
static int take_session(lua_State *L, uint64_t ends) {
    struct peer *p = check_peer(L);
    lua_getiuservalue(L, 1, 2);
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    if (n > 0) {
        lua_rawgeti(L, -1, 1); /* peer, ends, queue, session */
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, 3, i + 1);
            lua_rawseti(L, 3, i);
        }
        return 1;
    }
    lua_settop(L, 2);
    return l_task_wait(L, "peer:accept", &p->acceptors, left(p->engine, ends), 0, l_accepted);
}

static int l_accept(lua_State *L) {
    uint64_t ends = ends_at(L, check_peer(L)->engine, 2);
    lua_settop(L, 1);
    lua_pushinteger(L, (lua_Integer)ends);
    return take_session(L, ends);
}

static int l_address(lua_State *L) {
    struct peer *p = check_peer(L);
    char text[128] = "";
    if (p->listener) listener_address(p->listener, text, sizeof text);
    lua_pushstring(L, text);
    return 1;
}

static int l_peer_close(lua_State *L) {
    struct peer *p = check_peer(L);
    if (p->listener) listener_close(p->listener);
    p->listener = NULL;
    task_wake_all(&p->acceptors);
    box_unanchor(L, p);
    return 0;
}

static int l_peer_gc(lua_State *L) {
    struct peer *p = check_peer(L);
    if (p->listener) listener_close(p->listener);
    p->listener = NULL;
    free(p->protocols);
    p->protocols = NULL;
    return 0;
}

/* Keeps the string at `key` of the table at 1 alive, and gives it. */
static struct slice field(lua_State *L, const char *key) {
    size_t n = 0;
    lua_getfield(L, 1, key);
    const char *text = lua_tolstring(L, -1, &n);
    lua_pop(L, 1);
    return slice_of(text, n);
}

/* serve { protocols = list, headers = lines, refusal = answer, compression = boolean } */
static int l_serve(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct fault fault = {0};
    struct peer *p = lua_newuserdatauv(L, sizeof *p, 2);
    *p = (struct peer){.engine = engine_of(L)};
    luaL_setmetatable(L, PEER_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, 1);
    lua_newtable(L);
    lua_setiuservalue(L, 2, 2);
    p->answer = (struct conn_answer){.headers = field(L, "headers"), .refusal = field(L, "refusal")};
    lua_getfield(L, 1, "compression");
    p->compression = lua_toboolean(L, -1);
    if (lua_getfield(L, 1, "protocols") == LUA_TTABLE) {
        lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
        p->protocols = calloc((size_t)n + 1, sizeof *p->protocols);
        if (!p->protocols) return luaL_error(L, "not enough memory");
        for (lua_Integer i = 0; i < n; i++) {
            lua_rawgeti(L, -1, i + 1);
            p->protocols[i] = luaL_checkstring(L, -1);
            lua_pop(L, 1);
        }
        p->answer.protocols = p->protocols;
    }
    lua_settop(L, 2);
    struct listener_options o = {.host = "127.0.0.1", .sink = &sink, .accepted = on_accepted, .arg = p};
    if (listener_open(&p->listener, p->engine->net, &o, &fault) < 0)
        return luaL_error(L, "testing.server: %s", fault.text);
    listener_unref(p->listener);
    box_anchor(L, 2, p);
    return 1;
}

static void open_type(lua_State *L, const char *name, lua_CFunction gc, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void l_peer_open(lua_State *L, int table) {
    static const luaL_Reg session[] = {
        {"receive", l_receive}, {"send", l_send},     {"send_raw", l_send_raw}, {"ping", l_ping},
        {"close", l_close},     {"stall", l_stall},   {"resume", l_resume},     {"drop", l_drop},
        {"state", l_state},     {"counts", l_counts}, {"head", l_request},      {NULL, NULL},
    };
    static const luaL_Reg peer[] = {
        {"accept", l_accept}, {"address", l_address}, {"close", l_peer_close}, {NULL, NULL}};
    open_type(L, SESSION_TYPE, l_session_gc, session);
    open_type(L, PEER_TYPE, l_peer_gc, peer);
    table = lua_absindex(L, table);
    lua_pushcfunction(L, l_serve);
    lua_setfield(L, table, "serve");
}

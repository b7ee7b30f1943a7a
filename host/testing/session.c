/* session: one connection that testing.server has accepted. All that came on it is kept in order, in a list of events
 * (session:record), and the test takes messages from that when it asks for them. */
#include "base/container_of.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include "testing/loopback.h"
#include "testing/peer.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* User values. */
enum {
    SESSION_HEAD = 1,   /* of the request: a text */
    SESSION_PEER = 2,   /* its server */
    SESSION_RECORD = 3, /* the events, by number: { kind, data, time, code } */
    SESSION_VALUES = 3,
};

enum {
    UNREAD_MOST = 32 << 20,  /* bytes of messages that were not taken; past it the socket is not read */
    RECORD_MOST = 10 * 1000, /* events that were taken and are kept, */
    RECORD_SIZE = 64 << 20,  /* and bytes of all events, as long as some were taken */
    SLOW_ROUNDS = 20,        /* reads a second of a slow reader */
};

/* Anchored while its connection lives. */
struct session {
    struct box box;
    struct engine *engine;
    struct peer *peer;
    struct conn *conn; /* a reference is held */
    struct waiters receivers;
    lua_Integer first, last, taken; /* numbers of events; those up to `taken` were taken */
    size_t unread;                  /* bytes of messages behind `taken` */
    size_t kept;                    /* bytes of all events that are kept */
    uint64_t rate;                  /* bytes a second that it reads; 0: as they come */
    uint64_t seen;                  /* bytes that were read so far, for which it has waited */
    struct deadline slow;           /* when it reads on */
    bool told;                      /* it was put into the peer's queue */
    bool ended;
    struct conn_end end;
    lua_Integer pings, pongs;
};

static void end_session(void *object);
static const struct box_type session_type = {
    .name = "wsbot.testing.session core", .size = sizeof(struct session), .values = SESSION_VALUES, .end = end_session};

static struct session *check_session(lua_State *L) { return l_box_get(L, 1, &session_type); }

/* ---- what comes ---- */

/* Keeps the head of the request, of which lualib/wsbot/testing/server.lua makes a table, and puts the session into the
 * peer's queue. */
static int l_tell(lua_State *L) {
    struct session *s = l_door_given(L, l_tell);
    const struct conn_head *h = s->conn->head;
    if (!box_push(L, s) || !box_push(L, s->peer)) return 0; /* session, peer */
    lua_pushlstring(L, (const char *)buf_slice(&h->text).p, h->text.len);
    lua_setiuservalue(L, 1, SESSION_HEAD);
    lua_getiuservalue(L, 2, PEER_ARRIVED);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

/* To be called when the request has come: peer:accept gets the session. */
static void tell(struct session *s) {
    if (s->told || !s->conn->head || !s->conn->head->received) return; /* a client that left before has no session */
    s->told = true;
    door_call(s->engine, l_tell, s, NULL);
    task_wake_first(&s->peer->acceptors);
}

struct note {
    struct session *session;
    const char *kind;
    struct slice data;
    int code; /* of a Close, or 0 */
};

/* Drops the oldest event from the list, which is on the top. */
static void drop_first(lua_State *L, struct session *s) {
    lua_rawgeti(L, -1, s->first);
    lua_getfield(L, -1, "data");
    s->kept -= lua_rawlen(L, -1);
    lua_pop(L, 2);
    lua_pushnil(L);
    lua_rawseti(L, -2, s->first++);
}

static int l_note(lua_State *L) {
    const struct note *n = l_door_given(L, l_note);
    struct session *s = n->session;
    if (!box_push(L, s)) return 0;
    lua_getiuservalue(L, -1, SESSION_RECORD);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, n->kind);
    lua_setfield(L, -2, "kind");
    lua_pushlstring(L, (const char *)n->data.p, n->data.n);
    lua_setfield(L, -2, "data");
    lua_pushnumber(L, clock_to_seconds(clock_now(&s->engine->net->clock)));
    lua_setfield(L, -2, "time");
    if (n->code) {
        lua_pushinteger(L, n->code);
        lua_setfield(L, -2, "code");
    }
    lua_rawseti(L, -2, s->last + 1);
    s->last++;
    s->kept += n->data.n;
    while ((s->last - s->first >= RECORD_MOST || s->kept > RECORD_SIZE) && s->first <= s->taken) drop_first(L, s);
    return 0;
}

static void note(struct session *s, const char *kind, struct slice data, int code) {
    struct note n = {s, kind, data, code};
    door_call(s->engine, l_note, &n, NULL);
}

static void update_reading(struct session *s) {
    if (s->unread > UNREAD_MOST || clock_is_set(&s->slow))
        conn_pause(s->conn, CONN_PAUSED_BY_SINK);
    else
        conn_resume(s->conn, CONN_PAUSED_BY_SINK);
}

static void on_slow(struct deadline *d) { update_reading(container_of(d, struct session, slow)); }

/* Has a slow reader pause for as long as it should have taken to read what it has read. */
static void keep_rate(struct session *s) {
    uint64_t n = s->conn->bytes_in - s->seen;
    s->seen += n;
    if (!s->rate || n == 0) return;
    uint64_t now = clock_now(&s->engine->net->clock), from = clock_is_set(&s->slow) ? s->slow.due : now;
    clock_set(&s->engine->net->clock, &s->slow, from + n * CLOCK_SECOND / s->rate, on_slow);
}

/* Calls the server's function `choose`, which says how this request is answered. It may not wait. */
static int l_choose(lua_State *L) {
    struct session *s = l_door_given(L, l_choose);
    const struct buf *head = &s->conn->head->text;
    if (!box_push(L, s->peer)) return 0; /* peer */
    lua_getiuservalue(L, 1, PEER_STRINGS);
    if (lua_getfield(L, -1, "choose") != LUA_TFUNCTION) return 0;
    lua_pushlstring(L, (const char *)buf_slice(head).p, head->len);
    lua_call(L, 1, 0);
    return 0;
}

static void on_requested(void *arg, struct conn *c) {
    struct session *s = arg;
    char *message;
    if (door_call(s->engine, l_choose, s, &message)) {
        conn_plan(c)->offer.deflate.on = s->peer->compression;
        return;
    }
    engine_report(s->engine, message);
    free(message);
}

static void on_opened(void *arg, struct conn *c) {
    (void)c;
    tell(arg);
}

static void on_readable(void *arg, struct conn *c) {
    struct session *s = arg;
    struct ws_event ev;
    while (conn_next(c, &ev)) {
        bool message = ev.kind == WS_TEXT || ev.kind == WS_BINARY;
        if (ev.kind == WS_PING) s->pings++;
        if (ev.kind == WS_PONG) s->pongs++;
        note(s,
             ev.kind == WS_TEXT     ? "text"
             : ev.kind == WS_BINARY ? "binary"
             : ev.kind == WS_PING   ? "ping"
                                    : "pong",
             ev.data, 0);
        if (!message) continue;
        s->unread += ev.data.n;
        task_wake_first(&s->receivers);
    }
    keep_rate(s);
    update_reading(s);
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    struct session *s = arg;
    (void)c;
    tell(s); /* for a request that was refused */
    s->ended = true;
    s->end = *end;
    clock_cancel(&s->engine->net->clock, &s->slow);
    if (end->code != WS_CLOSE_ABNORMAL)
        note(s, "close", slice_of(end->reason, end->reason_size), end->code);
    else
        note(s, "end", slice_str(end->fault.kind ? end->fault.text : ""), 0);
    task_wake_all(&s->receivers);
    box_unanchor(s->engine->L, s);
}

const struct conn_sink session_sink = {
    .requested = on_requested, .opened = on_opened, .readable = on_readable, .closed = on_closed};

struct arrival {
    struct peer *peer;
    struct conn *conn;
};

/* Sets long deadlines and large limits: a test is about those of its bot. */
static void be_patient(struct conn_settings *s) {
    s->connect_timeout = s->handshake_timeout = UINT64_C(24) * 3600 * CLOCK_SECOND;
    s->max_message_size = s->max_send_buffer = (size_t)64 << 20;
}

static int l_arrive(lua_State *L) {
    struct arrival *a = l_door_given(L, l_arrive);
    if (!box_push(L, a->peer)) return luaL_error(L, "the server is closed");
    struct session *s = l_box_new(L, &session_type);
    s->engine = a->peer->engine;
    s->peer = a->peer;
    s->conn = a->conn;
    s->first = 1;
    conn_hold(s->conn);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, 2, SESSION_PEER); /* the peer lives as long as the session */
    lua_newtable(L);
    lua_setiuservalue(L, 2, SESSION_RECORD);
    box_anchor(L, 2, s);
    conn_set_account(s->conn, s->engine->account);
    a->conn->sink_arg = s;
    a->conn->answer = &a->peer->answer;
    return 0;
}

void session_accepted(void *arg, struct conn *c) {
    struct peer *p = arg;
    struct arrival a = {p, c};
    be_patient(&conn_plan(c)->settings);
    loopback_pair(c);
    if (door_call(p->engine, l_arrive, &a, NULL)) return;
    conn_detach(c);
    conn_destroy(c);
}

void session_end_all(const struct peer *p) {
    for (struct conn *c = LIST_FIRST(&p->engine->net->all), *next; c; c = next) {
        next = LIST_NEXT(c, link);
        const struct session *s = c->sink == &session_sink ? c->sink_arg : NULL;
        if (s && s->peer == p) conn_destroy(c);
    }
}

/* ---- waiting for it ---- */

/* Takes the next message: pushes its data and kind, and returns true. False: there is none. */
static bool take_message(lua_State *L, struct session *s) {
    lua_getiuservalue(L, 1, SESSION_RECORD);
    int record = lua_gettop(L);
    while (s->taken < s->last) {
        lua_rawgeti(L, record, ++s->taken);
        lua_getfield(L, -1, "data");
        lua_getfield(L, -2, "kind");
        const char *kind = lua_tostring(L, -1);
        if (strcmp(kind, "text") == 0 || strcmp(kind, "binary") == 0) {
            s->unread -= lua_rawlen(L, -2);
            if (!s->ended) update_reading(s);
            return true;
        }
        lua_settop(L, record);
    }
    lua_settop(L, record - 1);
    return false;
}

static int push_end(lua_State *L, const struct session *s) {
    int n = l_push_failure(L, "closed", NULL);
    lua_pushinteger(L, s->end.code);
    lua_pushlstring(L, s->end.reason, s->end.reason_size);
    return n + 2;
}

/* Stack: session, when the wait ends. */
static int l_received(lua_State *L, int status, lua_KContext waited) {
    struct session *s = check_session(L);
    (void)status;
    if (take_message(L, s)) return 2;
    if (waited && l_task_timed_out(L)) return l_push_failure(L, "timeout", NULL);
    if (s->ended) return push_end(L, s);
    uint64_t left = l_seconds_left(L, &s->engine->net->clock);
    return l_task_wait(L, "session:receive", &s->receivers, left, 1, l_received);
}

static int l_receive(lua_State *L) {
    l_seconds_keep(L, &check_session(L)->engine->net->clock);
    return l_received(L, LUA_OK, 0);
}

/* ---- what a test has it do ---- */

static int l_send(lua_State *L) {
    static const char *const kinds[] = {"text", "binary", NULL};
    struct session *s = check_session(L);
    size_t n;
    l_number_plain(L, 2);
    const char *data = luaL_checklstring(L, 2, &n);
    int kind = luaL_checkoption(L, 3, "text", kinds);
    l_engine_need(L, s->engine, n);
    return l_push_done(L, conn_send(s->conn, kind ? WS_BINARY : WS_TEXT, slice_of(data, n)));
}

static int l_send_raw(lua_State *L) {
    size_t n;
    struct session *s = check_session(L);
    l_number_plain(L, 2);
    const char *data = luaL_checklstring(L, 2, &n);
    l_engine_need(L, s->engine, n);
    return l_push_done(L, conn_send_raw(s->conn, slice_of(data, n)));
}

static int l_ping(lua_State *L) {
    size_t n;
    const char *data = luaL_optlstring(L, 2, "", &n);
    return l_push_done(L, conn_ping(check_session(L)->conn, slice_of(data, n)));
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

/* stall(): reads nothing, so that nothing is answered. */
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

static int l_half_close(lua_State *L) {
    conn_half_close(check_session(L)->conn);
    return 0;
}

/* read_slowly(bytes_per_second); without a number it reads as fast as it can again. */
static int l_read_slowly(lua_State *L) {
    struct session *s = check_session(L);
    lua_Number rate = luaL_optnumber(L, 2, 0);
    luaL_argcheck(L, rate == 0 || (rate >= 1 && rate <= 1e15), 2, "bytes a second: 1 or more");
    s->rate = (uint64_t)rate;
    s->seen = s->conn->bytes_in;
    if (s->ended) return 0;
    if (!s->rate) clock_cancel(&s->engine->net->clock, &s->slow);
    if (s->conn->stream) {
        uint64_t part = s->rate / SLOW_ROUNDS ? s->rate / SLOW_ROUNDS : 1;
        stream_read_at_most(s->conn->stream, s->rate && part < NET_READ_SIZE ? (uint32_t)part : NET_READ_SIZE);
    }
    update_reading(s);
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

static int l_protocol(lua_State *L) {
    lua_pushstring(L, check_session(L)->conn->protocol);
    return 1;
}

static int l_request(lua_State *L) {
    check_session(L);
    lua_getiuservalue(L, 1, SESSION_HEAD);
    return 1;
}

/* record(): a copy of the list of events, which the test may change. */
static int l_record(lua_State *L) {
    static const char *const keys[] = {"kind", "data", "time", "code"};
    const struct session *s = check_session(L);
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, SESSION_RECORD);
    lua_createtable(L, (int)(s->last - s->first + 1), 0);
    for (lua_Integer i = s->first; i <= s->last; i++) {
        lua_rawgeti(L, 2, i);
        lua_createtable(L, 0, 4);
        for (int k = 0; k < 4; k++) {
            lua_getfield(L, 4, keys[k]);
            lua_setfield(L, 5, keys[k]);
        }
        lua_rawseti(L, 3, i - s->first + 1);
        lua_settop(L, 3);
    }
    return 1;
}

static void end_session(void *object) {
    struct session *s = object;
    clock_cancel(&s->engine->net->clock, &s->slow);
    if (s->conn->sink_arg == s) conn_detach(s->conn);
    s->conn->answer = NULL;
    conn_destroy(s->conn);
    conn_release(s->conn);
    free(s);
}

void l_session_open(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"receive", l_receive},       {"send", l_send},
        {"send_raw", l_send_raw},     {"ping", l_ping},
        {"close", l_close},           {"stall", l_stall},
        {"resume", l_resume},         {"drop", l_drop},
        {"half_close", l_half_close}, {"read_slowly", l_read_slowly},
        {"state", l_state},           {"protocol", l_protocol},
        {"counts", l_counts},         {"head", l_request},
        {"record", l_record},         {NULL, NULL},
    };
    l_box_open(L, &session_type, NULL, methods);
    lua_pop(L, 1);
}

/* l_events: what a connection tells its script. Each event is one trip through the door; the messages of one read share
 * a trip, and when a callback fails its error is reported and the next trip goes on behind it. */
#include "base/log.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_conn.h"
#include <lauxlib.h>
#include <stdlib.h>

/* What an event brings through the door. */
struct delivery {
    struct conn_box *box;
    const char *callback;
    const struct fault *fault;
    const char *message;
    const struct conn_end *end;
    bool called; /* the script has such a callback */
};

/* Pushes the callback and the connection to call it with; or nothing: false. */
static bool push_callback(lua_State *L, struct conn_box *b, const char *name) {
    luaL_checkstack(L, 8, NULL);
    if (!box_push(L, b)) return false;
    lua_getiuservalue(L, -1, BOX_FIELDS);
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION) { /* conn, fields, ? */
        lua_pop(L, 3);
        return false;
    }
    lua_replace(L, -2); /* conn, fn */
    lua_insert(L, -2);  /* fn, conn */
    return true;
}

/* ---- errors of callbacks ---- */

static int l_tell_error(lua_State *L) {
    struct delivery *d = lua_touserdata(L, 1);
    if (!push_callback(L, d->box, "on_error")) return 0;
    d->called = true;
    lua_pushliteral(L, "callback");
    lua_pushstring(L, d->message);
    lua_call(L, 3, 0);
    return 0;
}

/* An error in a callback goes to on_error; where there is none, or where that fails too, to stderr. Takes the message.
 */
static void report(struct conn_box *b, char *message) {
    struct delivery d = {.box = b, .message = message};
    struct engine *e = b->engine;
    char *again = NULL;
    bool told = door_call(e, l_tell_error, &d, &again) && d.called;
    if (!told || e->strict) engine_report(e, message);
    if (again) engine_report(e, again);
    free(again);
    free(message);
}

static bool call(struct conn_box *b, lua_CFunction fn, void *arg) {
    char *message;
    if (door_call(b->engine, fn, arg, &message)) return true;
    report(b, message);
    return false;
}

static int l_simple(lua_State *L) {
    struct delivery *d = lua_touserdata(L, 1);
    if (push_callback(L, d->box, d->callback)) lua_call(L, 1, 0);
    return 0;
}

static void tell(struct conn_box *b, const char *callback) {
    struct delivery d = {.box = b, .callback = callback};
    call(b, l_simple, &d);
}

static void on_connected(void *arg, struct conn *c) {
    (void)c;
    tell(arg, "on_connect");
}

static void on_buffer_full(void *arg, struct conn *c) {
    (void)c;
    tell(arg, "on_buffer_full");
}

static void on_drained(void *arg, struct conn *c) {
    (void)c;
    tell(arg, "on_drain");
}

/* ---- an attempt begins ---- */

/* Calls a hidden function, when there is one, and pushes its result. */
static bool push_hidden_result(lua_State *L, const char *name) {
    lua_getiuservalue(L, 2, BOX_HIDDEN);
    if (lua_getfield(L, -1, name) != LUA_TFUNCTION) {
        lua_pop(L, 2);
        return false;
    }
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1); /* hidden, result */
    return true;
}

static int l_start(lua_State *L) {
    struct conn_box *b = lua_touserdata(L, 1);
    if (!box_push(L, b)) return 0; /* arg, conn */
    backlog_clear(&b->inbox);
    if (push_hidden_result(L, "url_function")) {
        l_options_url(L, -1, b->conn);
        lua_setfield(L, -2, "url");
        lua_pop(L, 1);
    }
    if (push_hidden_result(L, "headers_function")) l_options_headers(L, -1, b->conn);
    return 0;
}

static bool on_starts(void *arg, struct conn *c, struct fault *fault) {
    struct conn_box *b = arg;
    char *message;
    (void)c;
    conn_resume(b->conn, CONN_PAUSED_BY_SINK);
    if (door_call(b->engine, l_start, b, &message)) return true;
    fault_put(fault, "callback", "%s", message);
    free(message);
    return false;
}

/* ---- the handshake ---- */

static void set_slice(lua_State *L, const char *name, struct slice s) {
    lua_pushlstring(L, (const char *)s.p, s.n);
    lua_setfield(L, -2, name);
}

/* Pushes the answer to the opening handshake as scripts see it (lualib/wsbot/response.lua). */
static void push_response(lua_State *L, const struct conn_head *h) {
    l_engine_require(L, "wsbot.response");
    lua_createtable(L, (int)h->parts.field_count * 2, 4);
    lua_pushinteger(L, h->parts.status);
    lua_setfield(L, -2, "status");
    set_slice(L, "reason", h->parts.reason);
    set_slice(L, "text", buf_slice(&h->text));
    set_slice(L, "body", buf_slice(&h->body));
    for (size_t i = 0; i < h->parts.field_count; i++) {
        const struct http1_field *f = &h->parts.fields[i];
        lua_pushlstring(L, (const char *)f->name.p, f->name.n);
        lua_rawseti(L, -2, (lua_Integer)i * 2 + 1);
        lua_pushlstring(L, (const char *)f->value.p, f->value.n);
        lua_rawseti(L, -2, (lua_Integer)i * 2 + 2);
    }
    lua_call(L, 1, 1);
}

static int l_opened(lua_State *L) {
    struct conn_box *b = lua_touserdata(L, 1);
    if (!push_callback(L, b, "on_websocket_connect")) return 0;
    push_response(L, b->conn->head);
    lua_call(L, 2, 0);
    return 0;
}

static void on_opened(void *arg, struct conn *c) {
    (void)c;
    call(arg, l_opened, arg);
}

/* ---- messages ---- */

/* Calls the callback on the top of the stack for one event. Stack: arg, conn, fields, fn */
static void deliver(lua_State *L, struct conn_box *b, const struct ws_event *ev) {
    int n = 2;
    lua_pushvalue(L, 2);
    lua_pushlstring(L, (const char *)ev->data.p, ev->data.n);
    if (ev->kind == WS_TEXT || ev->kind == WS_BINARY) {
        lua_pushstring(L, ev->kind == WS_TEXT ? "text" : "binary");
        n = 3;
    } else if (ev->kind == WS_PONG && b->conn->pong_seconds >= 0) {
        lua_pushnumber(L, b->conn->pong_seconds);
        n = 3;
    }
    lua_call(L, n, 0);
}

static bool script_listens(const struct conn_box *b) { return !(b->conn->paused & CONN_PAUSED_BY_SCRIPT); }

/* Takes what the inbox held, then what the connection has. A message without an on_message waits in the inbox, and the
 * socket is not read while that is full. */
static int l_take(lua_State *L) {
    struct conn_box *b = lua_touserdata(L, 1);
    struct conn *c = b->conn;
    struct ws_event ev;
    if (!box_push(L, b)) return 0;       /* arg, conn */
    lua_getiuservalue(L, 2, BOX_FIELDS); /* arg, conn, fields */
    for (;; lua_settop(L, 3)) {
        bool wanted = lua_getfield(L, 3, "on_message") == LUA_TFUNCTION; /* arg, conn, fields, fn */
        if (wanted && script_listens(b) && conn_is_open(c) && backlog_first(&b->inbox, &ev)) {
            lua_pushlstring(L, (const char *)ev.data.p, ev.data.n); /* the copy, before the original goes */
            enum ws_kind kind = ev.kind;
            backlog_drop(&b->inbox);
            if (backlog_is_empty(&b->inbox)) conn_resume(c, CONN_PAUSED_BY_SINK);
            lua_pushvalue(L, 2);
            lua_insert(L, -2);
            lua_pushstring(L, kind == WS_TEXT ? "text" : "binary");
            lua_call(L, 3, 0);
            continue;
        }
        if (!conn_next(c, &ev)) return 0;
        if (ev.kind == WS_PING || ev.kind == WS_PONG) {
            lua_pop(L, 1);
            if (lua_getfield(L, 3, ev.kind == WS_PING ? "on_ping" : "on_pong") == LUA_TFUNCTION) deliver(L, b, &ev);
        } else if (wanted && backlog_is_empty(&b->inbox)) {
            deliver(L, b, &ev);
        } else {
            if (backlog_put(&b->inbox, ev.kind, ev.data) < 0) luaL_error(L, "not enough memory to hold a message");
            if (b->inbox.bytes.len >= c->settings.max_receive_buffer) conn_pause(c, CONN_PAUSED_BY_SINK);
        }
    }
}

static void on_readable(void *arg, struct conn *c) {
    for (;;) {
        size_t before = c->in.n;
        struct conn_box *b = arg;
        size_t held = b->inbox.bytes.len;
        if (call(b, l_take, b)) return;
        if (c->in.n == before && b->inbox.bytes.len == held) return; /* it failed before it took anything */
    }
}

/* ---- the end ---- */

static int l_failed(lua_State *L) {
    struct delivery *d = lua_touserdata(L, 1);
    if (!push_callback(L, d->box, "on_error")) return 0;
    d->called = true;
    lua_pushstring(L, d->fault->kind);
    lua_pushstring(L, d->fault->text);
    lua_call(L, 3, 0);
    return 0;
}

static void on_failed(void *arg, struct conn *c, const struct fault *fault) {
    struct conn_box *b = arg;
    struct delivery d = {.box = b, .fault = fault};
    char *message;
    if (!door_call(b->engine, l_failed, &d, &message)) {
        engine_report(b->engine, message); /* on_error itself failed: not told to it again */
        free(message);
    } else if (!d.called) { /* nobody hears it: do not let it go unseen */
        log_line(LOG_WARN, "%s: %s: %s (set on_error to handle this)", c->url.host ? c->url.host : "connection",
                 fault->kind, fault->text);
    }
}

static void push_record(lua_State *L, const struct conn *c, const struct conn_end *end) {
    lua_createtable(L, 0, 8);
    lua_pushstring(L, end->phase);
    lua_setfield(L, -2, "phase");
    if (fault_set(&end->fault)) {
        lua_pushstring(L, end->fault.kind);
        lua_setfield(L, -2, "error");
        lua_pushstring(L, end->fault.text);
        lua_setfield(L, -2, "message");
    }
    if (end->sent) {
        lua_pushinteger(L, end->sent);
        lua_setfield(L, -2, "sent");
    }
    lua_pushnumber(L, c->opened_at ? clock_to_seconds(clock_now(&c->net->clock) - c->opened_at) : 0);
    lua_setfield(L, -2, "uptime");
    lua_pushinteger(L, (lua_Integer)c->attempt);
    lua_setfield(L, -2, "attempt");
    if (c->head && c->head->received) {
        push_response(L, c->head);
        lua_setfield(L, -2, "response");
    }
}

static int l_closed(lua_State *L) {
    struct delivery *d = lua_touserdata(L, 1);
    if (!push_callback(L, d->box, "on_close")) return 0;
    lua_pushinteger(L, d->end->code);
    lua_pushlstring(L, d->end->reason, d->end->reason_size);
    push_record(L, d->box->conn, d->end);
    lua_call(L, 4, 0);
    return 0;
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    struct conn_box *b = arg;
    struct delivery d = {.box = b, .end = end};
    call(b, l_closed, &d);
    if (c->phase == CONN_CLOSED && !c->again) box_unanchor(b->engine->L, b);
}

const struct conn_sink l_events_sink = {
    .starts = on_starts,
    .connected = on_connected,
    .opened = on_opened,
    .readable = on_readable,
    .buffer_full = on_buffer_full,
    .drained = on_drained,
    .failed = on_failed,
    .closed = on_closed,
};

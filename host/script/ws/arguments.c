/* arguments: pushes a callback and its arguments. */
#include "base/log.h"
#include "script/l_push.h"
#include "script/ws/parts.h"
#include <lauxlib.h>
#include <stdio.h>

const char *const callback_names[CALLBACKS] = {
    [ON_CONNECT] = "on_connect",
    [ON_WEBSOCKET_CONNECT] = "on_websocket_connect",
    [ON_MESSAGE] = "on_message",
    [ON_PING] = "on_ping",
    [ON_PONG] = "on_pong",
    [ON_ERROR] = "on_error",
    [ON_BUFFER_FULL] = "on_buffer_full",
    [ON_DRAIN] = "on_drain",
    [ON_ADOPT] = "on_adopt",
    [ON_GIVE_UP] = "on_give_up",
    [ON_OVERLAP] = "on_overlap",
    [ON_GAP] = "on_gap",
    [ON_CLOSE] = "on_close",
};

/* Pushes the callback and its first argument, the connection; or nothing: false. */
static bool push_callback(lua_State *L, const struct conn_box *b, enum callback which) {
    if (!conn_box_hears(b, which)) return false;
    lua_getfield(L, FIELDS, callback_names[which]);
    lua_pushvalue(L, CONN);
    return true;
}

/* Does the callback, `below` values under the top, take so many arguments? Where it does not, a table for it need not
 * be made. */
static bool asks_for(lua_State *L, int below, int arguments) {
    lua_Debug ar;
    if (!lua_isfunction(L, -1 - below)) return true;
    lua_pushvalue(L, -1 - below);
    lua_getinfo(L, ">u", &ar);
    return ar.isvararg || ar.nparams >= arguments;
}

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

static void set_integer(lua_State *L, const char *name, uint64_t value) {
    if (value == 0) return;
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

static void set_seconds(lua_State *L, const char *name, double value) {
    if (value < 0) return;
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* Pushes the table that describes how a connection ended (lualib/meta/ws.lua: ws.Record). */
err_lists_all(struct conn_end, 824);
static void push_record(lua_State *L, const struct conn_end *end, const struct conn_head *head) {
    lua_createtable(L, 0, 12);
    l_set_string(L, "phase", end->phase);
    l_set_string(L, "error", fault_word(&end->fault));
    l_set_string(L, "message", fault_set(&end->fault) ? end->fault.text : NULL);
    l_set_string(L, "system", end->fault.system);
    set_integer(L, "alert", (uint64_t)end->fault.alert);
    set_integer(L, "sent", end->sent);
    lua_pushinteger(L, (lua_Integer)end->unsent_messages);
    lua_setfield(L, -2, "unsent_messages");
    lua_pushinteger(L, (lua_Integer)end->unsent_bytes);
    lua_setfield(L, -2, "unsent_bytes");
    set_integer(L, "attempt", end->attempt);
    set_seconds(L, "uptime", end->uptime);
    set_seconds(L, "since_in", end->since_in);
    set_seconds(L, "since_out", end->since_out);
    set_seconds(L, "since_ping", end->since_ping);
    set_seconds(L, "lag", end->lag);
    set_seconds(L, "retry_in", end->retry_in);
    l_set_string(L, "gave_up", end->gave_up[0] ? end->gave_up : NULL);
    if (!head) return;
    push_response(L, head);
    lua_setfield(L, -2, "response");
}

/* Of the attempt that was told last. */
static const struct inbox_event *last_end(const struct conn_box *b) {
    bool is_told_now = b->delivery.event && b->delivery.event->kind == INBOX_CLOSED;
    return is_told_now ? b->delivery.event : b->last;
}

const struct conn_end *arguments_last_end(const struct conn_box *b) { return last_end(b) ? last_end(b)->end : NULL; }

void l_arguments_push_closed(lua_State *L, const struct conn_box *b) {
    const struct inbox_event *ev = last_end(b);
    if (!ev) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, ev->end->code);
    lua_setfield(L, -2, "code");
    lua_pushlstring(L, ev->end->reason, ev->end->reason_size);
    lua_setfield(L, -2, "reason");
    push_record(L, ev->end, ev->head);
    lua_setfield(L, -2, "record");
}

/* Logs a failure for which the script has no on_error. */
static void log_failure(const struct conn_box *b, const struct fault *fault) {
    const char *host = b->conn->plan->url.host;
    const char *hint =
        fault->kind == FAULT_CALLBACK ? "" : " (set on_error to handle this)"; /* no end of a traceback */
    log_report(engine_err(b->engine), LOG_WARN, "%s: %s: %s%s", host ? host : "connection", fault_word(fault),
               fault->text, hint);
}

int l_arguments_event(lua_State *L, struct conn_box *b, const struct inbox_event *ev) {
    static const enum callback plain[] = {
        [INBOX_CONNECTED] = ON_CONNECT, [INBOX_BUFFER_FULL] = ON_BUFFER_FULL, [INBOX_DRAINED] = ON_DRAIN};
    bool is_error = ev->kind == INBOX_FAILED || ev->kind == INBOX_CALLBACK;
    if (b->role == ROTATION_GONE && !is_error) return 0; /* of a next transport that has failed, on_error alone tells */
    switch (ev->kind) {
    case INBOX_CONNECTED:
    case INBOX_BUFFER_FULL:
    case INBOX_DRAINED: return push_callback(L, b, plain[ev->kind]);
    case INBOX_OPENED:
        if (!push_callback(L, b, ON_WEBSOCKET_CONNECT)) return 0;
        if (!asks_for(L, 1, 2)) return 1;
        push_response(L, ev->head);
        return 2;
    case INBOX_PING:
    case INBOX_PONG:
        if (!push_callback(L, b, ev->kind == INBOX_PING ? ON_PING : ON_PONG)) return 0;
        lua_pushlstring(L, ev->data, ev->size);
        if (ev->kind == INBOX_PING || ev->seconds < 0) return 2;
        lua_pushnumber(L, ev->seconds);
        return 3;
    case INBOX_FAILED:
        if (!push_callback(L, b, ON_ERROR)) {
            if (!b->heard) log_failure(b, &ev->end->fault);
            return 0;
        }
        lua_pushstring(L, fault_word(&ev->end->fault));
        lua_pushstring(L, ev->end->fault.text);
        return 3;
    case INBOX_OVERLAP:
        if (!push_callback(L, b, ON_OVERLAP)) return 0;
        l_overlap_push(L, rotation_old(b), (uint32_t)ev->attempt, b->binary);
        return 2;
    case INBOX_GAP:
        if (!push_callback(L, b, ON_GAP)) return 0;
        lua_pushnumber(L, ev->seconds);
        return 2;
    case INBOX_CLOSED: /* messages that a pause has kept from on_message are dropped: nothing delivers them any more */
        if (b->front) return 0;
        if (conn_box_hears(b, ON_MESSAGE)) inbox_drop_messages(&b->inbox);
        if (!push_callback(L, b, ON_CLOSE)) return 0;
        lua_pushinteger(L, ev->end->code);
        lua_pushlstring(L, ev->end->reason, ev->end->reason_size);
        if (!asks_for(L, 3, 4)) return 3;
        push_record(L, ev->end, ev->head);
        return 4;
    case INBOX_GAVE_UP: /* unless on_close has asked for another attempt */
        if (b->conn->phase != CONN_CLOSED || !push_callback(L, b, ON_GIVE_UP)) return 0;
        lua_pushstring(L, ev->end->gave_up);
        return 2;
    case INBOX_CALLBACK:
        if (!push_callback(L, b, ON_ERROR)) {
            if (!b->engine->strict) engine_report(b->engine, ev->data);
            return 0;
        }
        lua_pushstring(L, fault_words[FAULT_CALLBACK]);
        lua_pushlstring(L, ev->data, ev->size - 1);
        return 3;
    case INBOX_ADOPTED: return push_callback(L, b, ON_ADOPT);
    case INBOX_STARTS: break;
    }
    return 0;
}

void l_arguments_data(lua_State *L, struct conn_box *b, const struct ws_event *ev) {
    if (ev->memory) {
        engine_offer(b->engine, ev->memory);
        conn_count(b->conn); /* the memory is no longer the connection's, but about to be Lua's */
    }
    lua_pushlstring(L, (const char *)ev->data.p, ev->data.n); /* memory that was offered is not copied */
}

int l_arguments_message(lua_State *L, struct conn_box *b, const struct ws_event *ev) {
    b->delivery.progress++;
    b->delivery.tells = TELLS_MESSAGE;
    if (!b->delivery.has_listener) {
        lua_getfield(L, FIELDS, callback_names[ON_MESSAGE]);
        lua_replace(L, LISTENER);
        b->delivery.has_listener = true;
    }
    lua_pushvalue(L, LISTENER);
    lua_pushvalue(L, CONN);
    l_arguments_data(L, b, ev);
    lua_pushvalue(L, ev->kind == WS_TEXT ? TEXT : BINARY);
    return 3;
}

int l_arguments_control(lua_State *L, struct conn_box *b, enum callback which, const struct ws_event *ev) {
    b->delivery.progress++;
    b->delivery.tells = TELLS_MESSAGE;
    push_callback(L, b, which);
    lua_pushlstring(L, (const char *)ev->data.p, ev->data.n);
    double seconds = conn_pong_seconds(delivery_source(b));
    if (which == ON_PING || seconds < 0) return 2;
    lua_pushnumber(L, seconds);
    return 3;
}

const char *l_arguments_name(lua_State *L, int n) {
    for (int i = 0; i < CALLBACKS; i++) {
        lua_getfield(L, FIELDS, callback_names[i]);
        bool same = lua_rawequal(L, -1, -n - 2);
        lua_pop(L, 1);
        if (same) return callback_names[i];
    }
    return NULL;
}

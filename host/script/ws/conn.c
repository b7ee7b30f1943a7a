/* conn: the module `ws`: ws.connect, and a connection's methods. Its fields, and how methods are found, are in
 * fields.c; what it tells the script is in events.c. */
#include "script/ws/conn.h"

#include "base/reserve.h"
#include "base/text.h"
#include "script/l_pending.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* What is to be done when the generation has taken over; made where it is missing. */
static struct conn_staged *stage(struct conn_box *b) {
    if (!b->staged) b->staged = reserve_take(sizeof *b->staged);
    return b->staged;
}

static void unstage(struct conn_box *b) {
    if (b->staged) free(b->staged->reason);
    free(b->staged);
    b->staged = NULL;
}

/* ---- methods ---- */

static int send_as(lua_State *L, struct conn_box *b, bool binary) {
    size_t n;
    b = conn_box_here(b);
    l_number_plain(L, 2);
    const char *data = luaL_checklstring(L, 2, &n);
    if (b->staged && b->staged->ends) return l_push_done(L, ERR_CLOSED);
    if (delivery_outlived(b)) return l_push_done(L, ERR_CLOSED);
    l_engine_need(L, b->engine, n);
    enum ws_kind kind = binary ? WS_BINARY : WS_TEXT;
    bool first = b->conn->login && delivery_logs_in(b);
    return l_push_done(L, (first ? conn_send_login : conn_send)(b->conn, kind, slice_of(data, n)));
}

static int l_send(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    return send_as(L, b, lua_isnoneornil(L, 3) ? b->binary : l_options_binary(L, 3, "send: kind"));
}

static int l_send_text(lua_State *L) { return send_as(L, l_conn_check(L), false); }
static int l_send_binary(lua_State *L) { return send_as(L, l_conn_check(L), true); }

static int l_ping(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    size_t n;
    l_number_plain(L, 2);
    const char *data = luaL_optlstring(L, 2, "", &n);
    luaL_argcheck(L, n <= FRAME_CONTROL_MAX, 2, "a ping has at most 125 bytes");
    b = conn_box_here(b);
    if (delivery_outlived(b)) return l_push_done(L, ERR_CLOSED);
    l_engine_need(L, b->engine, n);
    return l_push_done(L, conn_ping(b->conn, slice_of(data, n)));
}

struct farewell l_conn_farewell(lua_State *L, int code_at) {
    size_t n;
    lua_Integer code = luaL_optinteger(L, code_at, WS_CLOSE_NORMAL);
    const char *reason = luaL_optlstring(L, code_at + 1, "", &n);
    luaL_argcheck(L, code > 0 && code <= UINT16_MAX && ws_close_code_valid((uint16_t)code), code_at,
                  "a close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999 (RFC 6455 7.4)");
    luaL_argcheck(L, n <= WS_REASON_MAX, code_at + 1, "a close reason has at most 123 bytes");
    luaL_argcheck(L, utf8_valid(slice_of(reason, n)), code_at + 1, "a close reason must be UTF-8");
    return (struct farewell){(uint16_t)code, slice_of(reason, n)};
}

static struct conn_staged *stage_farewell(lua_State *L, struct conn_box *b, struct farewell f) {
    char *copy = text_of(f.reason);
    if (!copy) luaL_error(L, "not enough memory");
    struct conn_staged *s = stage(b);
    free(s->reason);
    s->code = f.code;
    s->reason = copy;
    s->reason_size = (uint8_t)f.reason.n;
    return s;
}

static int l_close(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    struct farewell f = l_conn_farewell(L, 2);
    if (b->engine->staged) {
        stage_farewell(L, b, f)->ends = true;
    } else {
        rotation_close(b, f.code, f.reason);
        conn_close(b->conn, f.code, f.reason);
        delivery_settle(b);
    }
    lua_pushboolean(L, 1);
    return 1;
}

int l_conn_stage_rotation(lua_State *L, struct conn_box *b) {
    stage(b)->rotates = true;
    return l_push_true(L);
}

/* __close: the <close> variable goes out of scope. */
static int l_leave(lua_State *L) {
    lua_settop(L, 1);
    return l_close(L);
}

static int l_destroy(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    if (b->engine->staged) {
        stage(b)->ends = stage(b)->destroys = true;
    } else {
        rotation_destroy(b);
        conn_destroy(b->conn);
        inbox_drop_messages(&b->inbox);
        delivery_settle(b);
    }
    return 0;
}

static int l_reconnect(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    uint64_t delay = lua_isnoneornil(L, 2) ? 0 : l_seconds_check(L, 2);
    struct farewell f = l_conn_farewell(L, 3);
    if (b->engine->ended || engine_stops(b->engine)) return 0;
    if (b->engine->staged) {
        struct conn_staged *s = stage(b);
        if (!s->ends) s = stage_farewell(L, b, f);
        s->reopens = true;
        s->delay = delay;
        return 0;
    }
    box_anchor(L, 1, b);
    rotation_close(b, f.code, f.reason);
    if (b->conn->phase == CONN_OPEN) conn_close(b->conn, f.code, f.reason);
    conn_open(b->conn, delay);
    delivery_settle(b); /* while the program stops, conn_open does nothing */
    return 0;
}

static int l_cancel_reconnect(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    if (b->engine->staged) {
        stage(b)->reopens = false;
        stage(b)->cancels = true;
    } else {
        conn_cancel_open(b->conn);
    }
    delivery_settle(b);
    return 0;
}

void l_conn_wake(lua_State *L, int box, struct conn_box *b) {
    box_anchor(L, box, b);
    conn_wake(b->conn);
}

/* Both transports, where there are two that the script hears. */
static void pause_all(struct conn_box *b, bool on) {
    struct conn *old = rotation_old(b);
    (on ? conn_pause : conn_resume)(b->conn, CONN_PAUSED_BY_SCRIPT);
    if (old) (on ? conn_pause : conn_resume)(old, CONN_PAUSED_BY_SCRIPT);
}

static void set_paused(lua_State *L, struct conn_box *b, bool on) {
    if (b->engine->staged)
        stage(b)->pause = on ? PAUSE_ON : PAUSE_OFF;
    else
        pause_all(b, on);
    if (!on && inbox_has_message(&b->inbox)) l_conn_wake(L, 1, b);
}

static int l_pause(lua_State *L) {
    set_paused(L, l_conn_check(L), true);
    return 0;
}

static int l_resume(lua_State *L) {
    set_paused(L, l_conn_check(L), false);
    return 0;
}

/* ---- reloads ---- */

/* Does what the script asked for before its generation had taken over. */
err_lists_all(struct conn_staged, 32);
static void catch_up(struct conn_box *b) {
    struct conn *c = b->conn;
    const struct conn_staged *s = b->staged;
    if (!s) return;
    if (s->pause == PAUSE_ON) conn_pause(c, CONN_PAUSED_BY_SCRIPT);
    if (s->pause == PAUSE_OFF) conn_resume(c, CONN_PAUSED_BY_SCRIPT);
    if (s->cancels) conn_cancel_open(c);
    if (s->destroys)
        conn_destroy(c);
    else if (s->ends)
        conn_close(c, s->code, slice_of(s->reason, s->reason_size));
    if (s->reopens && c->phase == CONN_OPEN) conn_close(c, s->code, slice_of(s->reason, s->reason_size));
    if (s->reopens) conn_open(c, s->delay);
    if (s->rotates) rotation_begin(b);
    unstage(b);
}

void l_conn_abandon(lua_State *L, struct conn_box *b) {
    conn_detach(b->conn);
    conn_destroy(b->conn);
    rotation_destroy(b);
    inbox_clear(&b->inbox);
    delivery_wake_all(b);
    if (!b->delivery.draining) box_unanchor(L, b); /* else delivery_end_draining does it */
}

void l_conn_begin(struct conn_box *b) {
    catch_up(b);
    conn_wake(b->conn);
}

void l_conn_adopt(struct conn_box *to, struct conn_box *from) {
    struct conn *c = from->conn, *like = to->conn;
    bool asks = from->delivery.task && from->delivery.tells == INBOX_STARTS;
    bool starts = c->phase == CONN_STARTING && c->held_back && (asks || rotation_pends(from));
    conn_adopt(c, like, !to->url_function);
    conn_detach(like);
    conn_withdraw(like);
    conn_set_account(c, to->engine->account);
    to->conn = c;
    to->last = from->last;
    from->last = NULL;
    from->conn = like; /* `from` now refers to another conn, which is closed */
    c->sink_arg = to;
    rotation_adopt(to, from);
    inbox_move(&to->inbox, &from->inbox);
    delivery_cut(from, c);
    if (inbox_size(&to->inbox) < c->plan->settings.max_receive_buffer) conn_resume(c, CONN_PAUSED_BY_SINK);
    if (starts) inbox_tell_number(&to->inbox, INBOX_STARTS, c->attempt);
    inbox_tell_first(&to->inbox, INBOX_ADOPTED, slice_of(NULL, 0), 0);
    delivery_wake_all(to);
    l_conn_begin(to);
}

static int l_tostring(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    lua_pushfstring(L, "ws.connection %I (%s): %s", (LUAI_UACINT)rotation_id(b),
                    b->name                   ? b->name
                    : b->conn->plan->url.host ? b->conn->plan->url.host
                                              : "?",
                    conn_state(b->conn));
    return 1;
}

/* ---- the module ---- */

/* Each name is that of one connection at a time. The registry maps names to connections in a weak table, so that the
 * collector removes those that are gone: no code has to, where it may have no memory. */
static const char names_key;

/* Gives the box at the index `box` its name. */
static void take_name(lua_State *L, int box, const struct conn_box *b) {
    if (!b->name) return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
    lua_getfield(L, -1, b->name);
    const struct conn_box *other = l_conn_look(L, -1);
    if (other && (other->conn->phase != CONN_CLOSED || other->conn->again))
        luaL_error(L, "ws.connect: there is a connection of the name '%s' already", b->name);
    lua_pushvalue(L, box);
    lua_setfield(L, -3, b->name);
    lua_pop(L, 2);
}

/* Puts the box behind the others of its engine. */
static void enlist(struct conn_box *b) {
    struct engine *e = b->engine;
    b->born = ++e->births;
    b->at = e->boxes ? e->boxes_end : &e->boxes;
    *b->at = b;
    e->boxes_end = &b->next;
}

static void delist(struct conn_box *b) {
    if (!b->at) return;
    *b->at = b->next;
    if (b->next)
        b->next->at = b->at;
    else
        b->engine->boxes_end = b->at;
}

static void end_box(void *object) {
    struct conn_box *b = object;
    rotation_free(b);
    if (b->conn && b->conn->sink_arg == b) {
        conn_detach(b->conn);
        if (!b->engine->ended) conn_destroy(b->conn); /* a finalizer had opened it again, but no script has it */
    }
    delist(b);
    if (b->matched_by) b->matched_by->match = NULL;
    if (b->match) b->match->matched_by = NULL;
    if (b->name) engine_give_back(b->engine, strlen(b->name) + 1);
    free(b->name);
    unstage(b);
    inbox_clear(&b->inbox);
    if (b->last) inbox_event_free(b->last);
    if (b->conn) conn_release(b->conn);
    free(b);
}

const struct box_type l_conn_type = {
    .name = CONN_TYPE, .size = sizeof(struct conn_box), .values = BOX_VALUES, .end = end_box};

struct plan *l_conn_plan(lua_State *L, struct conn *c) {
    struct plan *p = conn_plan(c);
    if (!p) luaL_error(L, "not enough memory");
    return p;
}

void l_conn_share_plan(lua_State *L, struct conn_box *b) {
    conn_share_plan(b->conn);
    conn_count(b->conn);
    l_engine_need(L, b->engine, 0);
}

/* Pushes a new userdata, which has no connection yet. */
static struct conn_box *l_new(lua_State *L) {
    struct engine *e = engine_of(L);
    struct conn_box *b = l_box_new(L, &l_conn_type);
    b->engine = e;
    b->delivery.tells = TELLS_MESSAGE;
    b->number = b->inbox.rotation = 1;
    b->inbox.account = e->account;
    return b;
}

void l_conn_push_accepted(lua_State *L, struct conn *c) {
    struct conn_box *b = l_new(L);
    conn_hold(c);
    b->conn = c;
    conn_set_account(c, b->engine->account);
    lua_newtable(L);
    lua_setiuservalue(L, -2, BOX_FIELDS);
    enlist(b);
    box_anchor(L, -1, b);
    c->sink = &events_sink;
    c->sink_arg = b;
}

static int l_connect(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE)
        return luaL_error(L, "ws.connect: expected a table { url = ..., ... }, not %s", luaL_typename(L, 1));
    l_engine_check(L, "ws.connect");
    lua_settop(L, 1);
    struct engine *e = engine_of(L);
    struct conn_box *b = l_new(L);
    if (!(b->conn = conn_new(e->net, &events_sink, b))) return luaL_error(L, "not enough memory");
    conn_set_account(b->conn, e->account);
    l_options_read(L, 2);
    l_conn_share_plan(L, b);
    take_name(L, 2, b);
    enlist(b);
    box_anchor(L, 2, b);
    l_pending_note(L, 2);
    if (!engine_stops(e)) conn_open(b->conn, 0);
    delivery_settle(b);
    return 1;
}

int luaopen_ws(lua_State *L) {
    static const luaL_Reg methods[] = {
        {"send", l_send},
        {"send_text", l_send_text},
        {"send_binary", l_send_binary},
        {"ping", l_ping},
        {"close", l_close},
        {"destroy", l_destroy},
        {"reconnect", l_reconnect},
        {"cancel_reconnect", l_cancel_reconnect},
        {"pause", l_pause},
        {"resume", l_resume},
        {"receive", l_conn_receive},
        {"messages", l_conn_messages},
        {"drain", l_conn_drain},
        {"opened", l_conn_opened},
        {"rotate", l_rotation_rotate},
        {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {"__close", l_leave}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"connect", l_connect}, {NULL, NULL}};
    l_register_weak(L, &names_key);
    l_overlap_open(L);
    l_box_open(L, &l_conn_type, meta, NULL);
    l_fields_open(L, methods);
    lua_pushliteral(L, "text"); /* both strings stay: delivering a message then needs no memory for them */
    lua_setfield(L, -2, "text");
    lua_pushliteral(L, "binary");
    lua_setfield(L, -2, "binary");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    lua_pushliteral(L, "blob");
    lua_setfield(L, -2, "BLOB");
    lua_pushliteral(L, "arraybuffer");
    lua_setfield(L, -2, "ARRAYBUFFER");
    return 1;
}

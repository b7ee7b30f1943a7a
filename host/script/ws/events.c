/* events: what a connection tells its script. Callbacks run in a task, one at a time and in order: it takes event
 * after event, message after message, until there is none. Where a callback waits, so does the task, and what comes
 * meanwhile goes into the inbox, for the same task to go on with. Where one fails, the task has ended: its error goes
 * before everything else, and a new task goes on behind it. */
#include "base/log.h"
#include "script/box.h"
#include "script/door.h"
#include "script/interrupt.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

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
    [ON_CLOSE] = "on_close",
};

/* The stack of the task; on top of it stands what a callback is called with. */
enum { CONN = 1, FIELDS, TEXT, BINARY, LISTENER, TOP = LISTENER };

static bool hears(const struct conn_box *b, enum callback which) { return b->hears & 1u << which; }

/* ---- the inbox ---- */

static bool listens(const struct conn_box *b) {
    return hears(b, ON_MESSAGE) && !(b->conn->paused & CONN_PAUSED_BY_SCRIPT);
}

/* What is held takes no more than half of what may be kept (--max-memory): the rest is for messages that are not whole
 * yet, and for what the script does. */
static bool has_room(const struct conn_box *b) {
    const struct account *a = b->engine->account;
    return account_has_room(a, a->most / 2);
}

/* Keeps what cannot be told yet; `wake` has who reads go on. The socket is not read while the inbox is full, nor while
 * much is kept and the script has not taken all of this. */
static void hold(struct conn_box *b, const struct ws_event *ev, void (*wake)(struct waiters *)) {
    if (ev->kind == WS_PING) {
        if (hears(b, ON_PING)) inbox_tell(&b->inbox, INBOX_PING, ev->data, NULL, NULL, 0);
    } else if (ev->kind == WS_PONG) {
        if (hears(b, ON_PONG)) inbox_tell(&b->inbox, INBOX_PONG, ev->data, NULL, NULL, conn_pong_seconds(b->conn));
    } else if (inbox_put(&b->inbox, ev->kind, ev->data) < 0) {
        engine_report(b->engine, "no memory to hold a message: its connection is ended");
        conn_destroy(b->conn);
    } else if (!b->engine->holds) {
        wake(&b->receivers);
    }
    bool full = inbox_size(&b->inbox) >= b->conn->plan->settings.max_receive_buffer;
    if (inbox_is_empty(&b->inbox)) return; /* nothing would be taken out, and have it read on */
    if (full || !has_room(b)) conn_pause(b->conn, CONN_PAUSED_BY_SINK);
}

/* Is it tasks that are to have what comes: one that waits for it, or one that is about to? */
static bool is_read(const struct conn_box *b) { return b->receivers.first && !hears(b, ON_MESSAGE); }
static bool may_be_read(const struct conn_box *b) {
    return !hears(b, ON_MESSAGE) && (b->receivers.first || b->engine->tasks.ready.first);
}

/* From the loop. The next message, ping or pong, when who is to read it waits for it. */
static bool next_for_readers(struct conn_box *b, struct ws_event *ev) {
    if (may_be_read(b) && !is_read(b)) task_run_ready(b->engine);
    return conn_next(b->conn, ev);
}

/* From the loop. Who reads in a straight line has each message as a callback would: what comes behind it is looked at
 * when that task waits again, so that its answer still goes out before what ends the connection. */
static void hold_rest(struct conn_box *b) {
    struct ws_event ev;
    bool waited = b->task;
    b->due = false;
    while ((b->task || !waited) && next_for_readers(b, &ev)) hold(b, &ev, task_run_first);
    if (waited && !b->task) b->due = true; /* the callback that was the reader is done: others go on */
}

void l_events_make_room(struct conn_box *b) {
    bool room = inbox_size(&b->inbox) <= b->conn->plan->settings.max_receive_buffer / 2 && has_room(b);
    if (room || inbox_is_empty(&b->inbox)) conn_resume(b->conn, CONN_PAUSED_BY_SINK);
}

/* ---- what a callback is called with ---- */

/* Pushes the callback, and the connection to call it with; or nothing: false. */
static bool push_callback(lua_State *L, const struct conn_box *b, enum callback which) {
    if (!hears(b, which)) return false;
    lua_getfield(L, FIELDS, callback_names[which]);
    lua_pushvalue(L, CONN);
    return true;
}

/* Does the callback, `below` the top, take so many arguments? Who does not look at a table need not be made one. */
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

static void set_string(lua_State *L, const char *name, const char *value) {
    if (!value) return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
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

/* Pushes the record of a close (lualib/meta/ws.lua: ws.Record). */
static void push_record(lua_State *L, const struct conn_end *end, const struct conn_head *head) {
    lua_createtable(L, 0, 12);
    set_string(L, "phase", end->phase);
    set_string(L, "error", end->fault.kind);
    set_string(L, "message", fault_set(&end->fault) ? end->fault.text : NULL);
    set_string(L, "system", end->fault.system);
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
    set_string(L, "gave_up", end->gave_up[0] ? end->gave_up : NULL);
    if (!head) return;
    push_response(L, head);
    lua_setfield(L, -2, "response");
}

static const struct inbox_event *last_end(const struct conn_box *b) {
    bool is_told_now = b->event && b->event->kind == INBOX_CLOSED;
    return is_told_now ? b->event : b->last;
}

const struct conn_end *l_events_last_end(const struct conn_box *b) { return last_end(b) ? last_end(b)->end : NULL; }

void l_events_push_closed(lua_State *L, const struct conn_box *b) {
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

/* A failure that nobody hears does not go unseen. */
static void log_failure(const struct conn_box *b, const struct fault *fault) {
    char text[sizeof fault->text + 320];
    const char *host = b->conn->plan->url.host;
    snprintf(text, sizeof text, "%s: %s: %s (set on_error to handle this)", host ? host : "connection", fault->kind,
             fault->text);
    log_write(b->engine->err, LOG_WARN, slice_str(text));
}

/* Pushes the callback of an event with its arguments, and returns how many those are; 0: nobody hears it. */
static int push_event(lua_State *L, struct conn_box *b, const struct inbox_event *ev) {
    static const enum callback plain[] = {
        [INBOX_CONNECTED] = ON_CONNECT, [INBOX_BUFFER_FULL] = ON_BUFFER_FULL, [INBOX_DRAINED] = ON_DRAIN};
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
        lua_pushstring(L, ev->end->fault.kind);
        lua_pushstring(L, ev->end->fault.text);
        return 3;
    case INBOX_CLOSED: /* nothing comes after it: a pause kept these from an on_message for good */
        if (hears(b, ON_MESSAGE)) inbox_drop_messages(&b->inbox);
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
        lua_pushliteral(L, "callback");
        lua_pushlstring(L, ev->data, ev->size - 1);
        return 3;
    case INBOX_ADOPTED: return push_callback(L, b, ON_ADOPT);
    case INBOX_STARTS: break;
    }
    return 0;
}

/* Pushes on_message, which is kept at hand as long as it stays the same, and its arguments. */
static int push_message(lua_State *L, struct conn_box *b, const struct ws_event *ev) {
    b->progress++;
    b->delivers = DELIVERS_MESSAGE;
    if (!b->has_listener) {
        lua_getfield(L, FIELDS, callback_names[ON_MESSAGE]);
        lua_replace(L, LISTENER);
        b->has_listener = true;
    }
    lua_pushvalue(L, LISTENER);
    lua_pushvalue(L, CONN);
    if (ev->memory) {
        engine_offer(b->engine, ev->memory);
        conn_count(b->conn); /* it is no longer the connection's, and about to be Lua's */
    }
    lua_pushlstring(L, (const char *)ev->data.p, ev->data.n); /* what lies in its place already is not copied */
    lua_pushvalue(L, ev->kind == WS_TEXT ? TEXT : BINARY);
    return 3;
}

/* The same for a ping or pong. */
static int push_control(lua_State *L, struct conn_box *b, enum callback which, const struct ws_event *ev) {
    b->progress++;
    b->delivers = DELIVERS_MESSAGE;
    push_callback(L, b, which);
    lua_pushlstring(L, (const char *)ev->data.p, ev->data.n);
    if (which == ON_PING || conn_pong_seconds(b->conn) < 0) return 2;
    lua_pushnumber(L, conn_pong_seconds(b->conn));
    return 3;
}

/* ---- an attempt begins: its url and headers may be functions, which may wait ---- */

/* Is it its attempt that waits for url and headers? */
static bool is_current(const struct conn_box *b, const struct inbox_event *starts) {
    const struct conn *c = b->conn;
    return c->phase == CONN_STARTING && c->held_back && c->attempt == starts->attempt;
}

static void refuse_start(struct conn_box *b, const char *why) {
    struct fault fault = {0};
    fault_put(&fault, "callback", "%s", why);
    conn_start(b->conn, &fault);
}

/* Pushes the next function to call, and the connection; false: all are done. */
static bool push_start(lua_State *L, struct conn_box *b) {
    static const char *const keys[] = {
        [START_URL] = &l_options_url_function, [START_HEADERS] = &l_options_headers_function};
    if (!is_current(b, b->event)) return false;
    for (; b->start < START_DONE; b->start++) {
        if (lua_rawgetp(L, FIELDS, keys[b->start]) != LUA_TNIL) {
            lua_pushvalue(L, CONN);
            return true;
        }
        lua_settop(L, TOP);
    }
    conn_start(b->conn, NULL);
    return false;
}

/* Takes what it returned. */
static void take_start(lua_State *L, struct conn_box *b) {
    if (!is_current(b, b->event)) return; /* its attempt has ended meanwhile */
    if (b->start++ == START_HEADERS) {
        l_options_headers(L, -1, b->conn);
    } else {
        l_options_url(L, -1, b);
    }
    l_conn_share_plan(L, b);
}

/* ---- the task ---- */

/* A connection that failed, and nobody is there to hear of it or to begin anew. */
static void note_unheard(const struct conn_box *b, const struct conn_end *end) {
    struct engine *e = b->engine;
    bool goes_on = b->conn->phase != CONN_CLOSED || b->conn->again || end->retry_in >= 0;
    if (e->strict && fault_set(&end->fault) && !hears(b, ON_ERROR) && !b->heard && !goes_on) e->host->mark(e->app, 1);
}

/* It is told. What came behind a login goes out, but for one that is of the past. */
static void finish_event(struct conn_box *b, struct inbox_event *ev) {
    bool is_past = inbox_count(&b->inbox, INBOX_CLOSED) || inbox_count(&b->inbox, INBOX_OPENED);
    if (ev->kind == INBOX_OPENED && !is_past) conn_end_login(b->conn);
    if (ev->kind == INBOX_CLOSED) {
        note_unheard(b, ev->end);
        if (b->last) inbox_event_free(b->last);
        b->last = ev;
    } else {
        inbox_event_free(ev);
    }
}

static void forget_event(struct conn_box *b) {
    if (b->event) finish_event(b, b->event);
    b->event = NULL;
    b->delivers = DELIVERS_MESSAGE;
}

bool l_events_outlived(const struct conn_box *b) {
    bool is_its_own = b->task && b->task == b->engine->tasks.current;
    bool is_of_end = b->delivers == INBOX_CLOSED || b->delivers == INBOX_GAVE_UP;
    return is_its_own && !is_of_end && inbox_count(&b->inbox, INBOX_CLOSED) > 0;
}

bool l_events_logs_in(const struct conn_box *b) {
    return b->task && b->task == b->engine->tasks.current && b->delivers == INBOX_OPENED;
}

void l_events_cut(struct conn_box *b, struct conn *c) {
    if (b->event && b->event->kind == INBOX_OPENED) conn_end_login(c);
}

/* The next message, ping or pong. */
static bool take_next(struct conn_box *b, struct ws_event *ev) {
    const struct ws_event *first = b->first;
    b->first = NULL;
    if (!first || !conn_is_open(b->conn)) return conn_next(b->conn, ev); /* a finalizer may have ended it */
    *ev = *first;
    return true;
}

/* Pushes the next callback with its arguments, and returns how many those are; 0: there is nothing more to tell. */
static int push_next(lua_State *L, struct conn_box *b) {
    struct conn *c = b->conn;
    struct ws_event ev;
    for (int n = 0; !b->engine->holds; lua_settop(L, TOP)) {
        bool wanted = listens(b);
        if ((b->event = inbox_event(&b->inbox, wanted))) {
            b->progress++;
            b->delivers = (int8_t)b->event->kind;
            l_events_make_room(b);
            if (b->event->kind == INBOX_STARTS && is_current(b, b->event)) {
                b->start = START_URL;
                conn_limit_start(c);
                return 1; /* which is pushed by push_start */
            }
            if ((n = push_event(L, b, b->event)) > 0) return n;
            forget_event(b);
        } else if (wanted && inbox_message(&b->inbox, &ev)) {
            if (!conn_has_turn(c)) return 0;
            b->takes = true;
            n = push_message(L, b, &ev);
            b->takes = false;
            inbox_drop_message(&b->inbox);
            l_events_make_room(b);
            return n;
        } else if (may_be_read(b) && !b->first && inbox_is_empty(&b->inbox)) {
            b->due = true; /* tasks that read go on outside of this one */
            return 0;
        } else if (!take_next(b, &ev)) {
            return 0;
        } else if (ev.kind == WS_PING || ev.kind == WS_PONG) {
            enum callback which = ev.kind == WS_PING ? ON_PING : ON_PONG;
            if (hears(b, which)) return push_control(L, b, which, &ev);
        } else if (wanted && !inbox_has_message(&b->inbox)) {
            return push_message(L, b, &ev);
        } else {
            hold(b, &ev, task_wake_first);
        }
    }
    return 0;
}

static int l_go_on(lua_State *L, int status, lua_KContext ctx) {
    struct conn_box *b = (struct conn_box *)ctx;
    (void)status;
    if (b->delivers == INBOX_STARTS) take_start(L, b);
    for (;;) {
        lua_settop(L, TOP);
        if (b->delivers == INBOX_STARTS) {
            if (push_start(L, b)) {
                lua_callk(L, 1, 1, ctx, l_go_on);
                take_start(L, b);
                continue;
            }
            b->delivers = DELIVERS_MESSAGE;
        }
        forget_event(b);
        int n = push_next(L, b);
        if (n == 0) return 0;
        if (b->delivers == INBOX_ADOPTED) interrupt_bound(b->engine, "on_adopt");
        if (b->delivers != INBOX_STARTS) lua_callk(L, n, 0, ctx, l_go_on);
        interrupt_unbound(b->engine);
    }
}

static int l_deliver(lua_State *L) {
    struct conn_box *b = l_door_given(L, l_deliver);
    b->task = b->engine->tasks.current;
    b->delivers = DELIVERS_MESSAGE;
    lua_settop(L, 0);
    if (!box_push(L, b)) return 0;
    lua_getiuservalue(L, CONN, BOX_FIELDS);
    lua_pushliteral(L, "text");
    lua_pushliteral(L, "binary");
    lua_pushnil(L);
    b->has_listener = false;
    return l_go_on(L, LUA_OK, (lua_KContext)b);
}

/* An error in a callback goes to on_error; where there is none, or where that fails too, to stderr. */
static void on_failed_callback(struct conn_box *b, const struct inbox_event *event, const char *message) {
    if (b->delivers == INBOX_STARTS) {
        if (is_current(b, event)) refuse_start(b, message);
        return;
    }
    bool in_on_error = b->delivers == INBOX_FAILED || b->delivers == INBOX_CALLBACK;
    if (b->delivers == INBOX_CALLBACK && !b->engine->strict) engine_report(b->engine, event->data);
    if (in_on_error || b->engine->strict) engine_report(b->engine, message);
    if (!in_on_error) inbox_tell_first(&b->inbox, INBOX_CALLBACK, slice_of(message, strlen(message) + 1));
}

static void on_task_end(struct task *t, void *arg, enum task_end how) {
    struct conn_box *b = arg;
    b->task = NULL;
    b->failed = how == TASK_FAILED;
    struct inbox_event *event = b->event;
    b->event = NULL;                             /* for the next task, which may run before this is done */
    if (b->takes) inbox_drop_message(&b->inbox); /* there was no memory to give it to the script */
    b->takes = false;
    if (b->failed) {
        memory_offer(&b->engine->blocks, NULL, 0); /* a message that there was no memory for goes now */
        char *message = task_describe(t, NULL);
        on_failed_callback(b, event, message);
        free(message);
    }
    if (event) finish_event(b, event);
    if (!b->task) b->delivers = DELIVERS_MESSAGE;
    if (!b->draining) conn_wake(b->conn); /* for what is left, and to settle */
}

/* Tells events and messages as long as there are some, and no callback waits. */
static void tell_all(struct conn_box *b) {
    while (b->due && !b->task && !b->engine->holds) {
        uint32_t before = b->progress;
        struct ws_event first;
        b->due = b->failed = false;
        if (inbox_is_empty(&b->inbox)) { /* part of a message is not worth a task */
            if (!next_for_readers(b, &first)) break;
            if (is_read(b)) {
                hold(b, &first, task_run_first);
                b->due = true;
                continue;
            }
            b->first = &first;
        }
        bool ran = task_run(b->engine, l_deliver, b, on_task_end, b), began = b->progress != before;
        if (b->first && conn_is_open(b->conn)) hold(b, b->first, task_wake_first); /* else a finalizer has ended it */
        b->first = NULL;
        if (!ran || (b->failed && !began)) {
            conn_destroy(b->conn); /* no memory to tell the script anything */
            break;
        }
        if (b->failed) b->due = true; /* what comes behind the one that failed */
    }
}

/* What runs meanwhile may do away with the connection (l_conn_abandon): its box stays until here. */
static void end_draining(struct conn_box *b) {
    b->draining = false;
    if (b->conn->sink)
        l_events_settle(b);
    else
        box_unanchor(b->engine->L, b);
}

/* Tells the script what there is to tell, as far as that does not wait; the rest is held. From the loop only. */
static void drain(struct conn_box *b) {
    if (b->engine->tasks.exits) return; /* nothing is told any more */
    b->due = true;
    if (b->draining) return;
    b->draining = true;
    do {
        tell_all(b);
        hold_rest(b);
    } while (b->due && !b->task);
    end_draining(b);
}

bool l_events_over(const struct conn_box *b) {
    if (b->task && b->task == b->engine->tasks.current) return b->conn->phase <= CONN_STARTING;
    return b->conn->phase == CONN_CLOSED && !b->conn->again && !inbox_has_event(&b->inbox) && !b->task;
}

void l_events_settle(struct conn_box *b) {
    if (!l_events_over(b) || b->task || b->draining) return;
    if (b->conn->wake_due) return; /* a script wants what is held (l_conn_wake): it is told next */
    l_events_wake_all(b);
    box_unanchor(b->engine->L, b);
}

void l_events_wake_all(struct conn_box *b) {
    task_wake_all(&b->receivers);
    task_wake_all(&b->drainers);
    task_wake_all(&b->openers);
}

void l_events_hold(struct engine *e, bool holds) {
    bool held = e->holds;
    e->holds = holds;
    for (struct conn_box *b = e->boxes; held && !holds && b; b = b->next) {
        task_wake_all(&b->receivers);
        if (b->conn->sink) conn_wake(b->conn);
    }
}

/* ---- the sink ---- */

/* Would an event reach the script at once, and find nobody who hears it? Then it need not be told. */
static bool is_unheard(const struct conn_box *b, enum callback which) {
    return !hears(b, which) && !b->task && inbox_is_empty(&b->inbox);
}

static void tell(struct conn_box *b, enum inbox_kind kind, const struct conn_end *end, struct conn_head *head) {
    inbox_tell(&b->inbox, kind, slice_of(NULL, 0), end, head, 0);
    drain(b);
}

static bool on_starts(void *arg, struct conn *c) {
    struct conn_box *b = arg;
    if (!b->url_function && !b->headers_function && !b->task && !inbox_has_event(&b->inbox)) return true;
    inbox_tell_start(&b->inbox, c->attempt);
    drain(b);
    return false;
}

static void on_connected(void *arg, struct conn *c) {
    (void)c;
    if (!is_unheard(arg, ON_CONNECT)) tell(arg, INBOX_CONNECTED, NULL, NULL);
}

/* They go on before anything is read, as a callback would: what comes with the answer finds them reading. */
static void run_openers(struct conn_box *b, struct conn *c) {
    if (!c->sink) return; /* it was abandoned by what it was told */
    b->draining = true;
    while (b->openers.first && c->phase == CONN_OPEN && !b->engine->tasks.exits) task_run_first(&b->openers);
    end_draining(b);
}

static void on_opened(void *arg, struct conn *c) {
    struct conn_box *b = arg;
    b->heard = false;
    conn_begin_login(c);
    if (!hears(b, ON_WEBSOCKET_CONNECT)) conn_end_login(c);
    tell(b, INBOX_OPENED, NULL, conn_take_head(c));
    run_openers(b, c);
}

static void on_readable(void *arg, struct conn *c) {
    (void)c;
    drain(arg);
}

/* Of those that a waiting callback keeps from being told one is enough. */
static void tell_once(struct conn_box *b, enum inbox_kind kind) {
    if (inbox_count(&b->inbox, kind) == 0) tell(b, kind, NULL, NULL);
}

static void on_buffer_full(void *arg, struct conn *c) {
    (void)c;
    tell_once(arg, INBOX_BUFFER_FULL);
}

static void on_drained(void *arg, struct conn *c, bool was_behind) {
    struct conn_box *b = arg;
    if (conn_buffered(c) == 0) b->drains++;
    task_wake_all(&b->drainers);
    if (was_behind) tell_once(b, INBOX_DRAINED);
}

/* An attempt that ended needs no url any more. False: with that the connection was abandoned. */
static bool end_start(struct conn_box *b, const struct conn *c) {
    if (b->draining || !b->task || b->delivers != INBOX_STARTS) return true;
    b->draining = true;
    task_cancel(b->task);
    b->draining = false;
    if (!c->sink) box_unanchor(b->engine->L, b);
    return c->sink;
}

/* Messages and connections that are garbage may have what is wanted. */
static void on_starved(void *arg, struct conn *c) {
    (void)c;
    engine_collect(((struct conn_box *)arg)->engine);
}

static void on_failed(void *arg, struct conn *c, const struct fault *fault) {
    struct conn_end end = {.fault = *fault};
    struct conn_box *b = arg;
    b->heard = b->openers.first != NULL;
    if (end_start(b, c)) tell(b, INBOX_FAILED, &end, NULL);
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    struct conn_box *b = arg;
    if (!end_start(b, c)) return;
    struct conn_head *head = c->head && c->head->received ? conn_take_head(c) : NULL;
    inbox_tell(&b->inbox, INBOX_CLOSED, slice_of(NULL, 0), end, head, 0);
    if (end->gave_up[0]) inbox_tell(&b->inbox, INBOX_GAVE_UP, slice_of(NULL, 0), end, NULL, 0);
    drain(b);
    task_wake_all(&b->drainers);
    if (b->task) l_events_wake_all(b); /* the callback that waits may be one of them */
}

const struct conn_sink l_events_sink = {
    .starts = on_starts,
    .connected = on_connected,
    .opened = on_opened,
    .readable = on_readable,
    .buffer_full = on_buffer_full,
    .drained = on_drained,
    .starved = on_starved,
    .failed = on_failed,
    .closed = on_closed,
};

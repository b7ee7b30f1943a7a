/* delivery: callbacks run in a task, one at a time and in order: the task takes event after event and message after
 * message until there is none. Where a callback waits, the task waits, and what comes meanwhile goes into the inbox;
 * the same task then goes on with it. Where a callback raises, the task has ended: its error is delivered before
 * everything else, and a new task delivers the rest. */
#include "net/guard.h"
#include "script/box.h"
#include "script/door.h"
#include "script/interrupt.h"
#include "script/task_trace.h"
#include "script/ws/parts.h"
#include <stdlib.h>
#include <string.h>

/* ---- the inbox ---- */

/* Stops or starts reading for what the inbox has. */
static void set_paused(const struct conn_box *b, bool on) {
    struct conn *old = rotation_old(b);
    (on ? conn_pause : conn_resume)(b->conn, CONN_PAUSED_BY_SINK);
    if (old) (on ? conn_pause : conn_resume)(old, CONN_PAUSED_BY_SINK);
}

/* Has its transport been exchanged with that of the connection that the script has? Then that delivers the rest. */
static bool is_out(const struct conn_box *b) { return b->role == ROTATION_OLD; }

static bool listens(const struct conn_box *b) {
    bool may = !b->front; /* messages of a next transport are for its login, and else wait until it has the place */
    return may && conn_box_hears(b, ON_MESSAGE) && !(b->conn->paused & CONN_PAUSED_BY_SCRIPT);
}

static bool is_message(const struct ws_event *ev) { return ev->kind == WS_TEXT || ev->kind == WS_BINARY; }

/* What the inboxes keep takes no more than half of the memory limit (--max-memory): the rest is for messages that have
 * not come whole yet, and for the script. */
static bool has_room(const struct conn_box *b) {
    const struct account *a = b->engine->account;
    return account_has_room(a, a->most / 2);
}

/* Puts what cannot be delivered yet into the inbox; `wake` wakes tasks that wait for messages. The socket is not read
 * while the inbox is full; nor, while the limit is near, until the script has taken all of it. */
static void hold(struct conn_box *b, const struct ws_event *ev, void (*wake)(struct waiters *)) {
    if (ev->kind == WS_PING) {
        if (conn_box_hears(b, ON_PING)) inbox_tell(&b->inbox, INBOX_PING, ev->data, NULL, NULL, 0);
    } else if (ev->kind == WS_PONG) {
        if (conn_box_hears(b, ON_PONG))
            inbox_tell(&b->inbox, INBOX_PONG, ev->data, NULL, NULL, conn_pong_seconds(delivery_source(b)));
    } else if (inbox_put(&b->inbox, ev->kind, ev->data) < 0) {
        engine_report(b->engine, "no memory to hold a message: its connection is ended");
        conn_destroy(delivery_source(b));
    } else if (!b->engine->holds) {
        wake(&b->receivers);
    }
    bool full = inbox_size(&b->inbox) >= b->conn->plan->settings.max_receive_buffer;
    if (inbox_is_empty(&b->inbox)) return; /* with an empty inbox nothing would have the socket read again */
    if (full || !has_room(b)) set_paused(b, true);
}

/* Do tasks take the messages: does one wait for them (is_read), or may one that is ready do so (may_be_read)? */
static bool is_read(const struct conn_box *b) { return b->receivers.first && !conn_box_hears(b, ON_MESSAGE); }
static bool may_be_read(const struct conn_box *b) {
    return !conn_box_hears(b, ON_MESSAGE) && (b->receivers.first || b->engine->tasks.ready.first);
}

/* Takes the next message, ping or pong, after ready tasks that may want it have run. From the loop only. */
static bool next_for_readers(struct conn_box *b, struct ws_event *ev) {
    if (may_be_read(b) && !is_read(b)) task_run_ready(b->engine);
    return !is_out(b) && conn_next(delivery_source(b), ev);
}

/* Resumes the first task in conn:receive, which takes this message as a callback would get it: it never sees the
 * inbox. Where that task does not take it, or must not, the inbox holds it for the next. From the loop only. */
static void hand(struct conn_box *b, struct ws_event *ev) {
    if (is_message(ev) && is_read(b) && !b->engine->holds && !inbox_has_message(&b->inbox)) {
        b->delivery.first = ev;
        b->delivery.reader = b->receivers.first;
        task_run_first(&b->receivers);
        b->delivery.reader = NULL;
        if (!b->delivery.first) return;
        b->delivery.first = NULL;
        if (!conn_is_open(delivery_source(b))) return;
    }
    hold(b, ev, task_run_first);
    if (!is_message(ev)) b->delivery.due = true; /* on_ping or on_pong is next */
}

/* Hands all that has come to tasks that receive in a straight line, or puts it into the inbox. Each message resumes its
 * reader at once, as it would run a callback, and what follows is looked at when that task waits again: so what the
 * task sends goes out before anything ends the connection. From the loop only. */
static void hand_rest(struct conn_box *b) {
    struct ws_event ev;
    bool waited = b->delivery.task;
    b->delivery.due = false;
    service_take(b);
    lua_State *running = engine_enter(b->engine, b->engine->L); /* once for all, as for a task that delivers */
    while ((b->delivery.task || !(waited || b->delivery.due)) && next_for_readers(b, &ev)) {
        hand(b, &ev);
        service_take(b);
    }
    engine_leave(b->engine, running);
    if (waited && !b->delivery.task)
        b->delivery.due = true; /* the callback that received here has ended: the others are due */
}

/* To be called after something was taken out of the inbox: has the socket read again where there is room. */
static void make_room(struct conn_box *b) {
    bool room = inbox_size(&b->inbox) <= b->conn->plan->settings.max_receive_buffer / 2 && has_room(b);
    if (room || inbox_is_empty(&b->inbox)) set_paused(b, false);
}

/* Takes the next message, ping or pong. */
static bool take_next(struct conn_box *b, struct ws_event *ev) {
    const struct ws_event *first = b->delivery.first;
    b->delivery.first = NULL;
    struct conn *c = delivery_source(b);
    if (!first || !conn_is_open(c)) return conn_next(c, ev); /* a finalizer may have ended the connection */
    *ev = *first;
    return true;
}

bool delivery_has_message(const struct conn_box *b) {
    return !b->engine->holds && (b->delivery.first || inbox_has_message(&b->inbox));
}

/* The message that the running task gets without a look at the inbox: that with which it was resumed, or what has come
 * behind it, as long as no other task has waited for that. To wait once for many messages is what makes a straight line
 * as fast as a callback. */
static bool at_hand(struct conn_box *b, struct ws_event *ev) {
    if (b->delivery.first) return take_next(b, ev);
    bool follows = b->delivery.reader && b->delivery.reader == b->engine->tasks.current && !b->receivers.first;
    if (!follows || !inbox_is_empty(&b->inbox) || !conn_next(delivery_source(b), ev)) return false;
    if (is_message(ev)) return true;
    hold(b, ev, task_wake_first);
    b->delivery.due = true; /* on_ping or on_pong runs when the reader waits */
    return false;
}

bool l_delivery_push_message(lua_State *L, struct conn_box *b) {
    struct ws_event ev;
    if (b->engine->holds) return false;
    bool is_old = inbox_message(&b->inbox, &ev);
    if (!is_old && !at_hand(b, &ev)) return false;
    b->taken = is_old ? ev.tag : b->inbox.rotation;
    l_arguments_data(L, b, &ev);
    lua_pushstring(L, ev.kind == WS_TEXT ? "text" : "binary");
    if (is_old) inbox_drop_message(&b->inbox);
    if (is_old) make_room(b);
    return true;
}

/* ---- the task ---- */

/* With --strict, sets exit status 1 for a connection that failed and does not try again, where no code of the script
 * hears of it. */
static void note_unheard(const struct conn_box *b, const struct conn_end *end) {
    struct engine *e = b->engine;
    bool goes_on = b->conn->phase != CONN_CLOSED || b->conn->again || end->retry_in >= 0;
    if (b->front) return;
    if (e->strict && fault_set(&end->fault) && !conn_box_hears(b, ON_ERROR) && !b->heard && !goes_on)
        e->host->mark(e->app, 1);
}

/* Ends an event that was delivered. After the event of a login, what waited for it is sent, unless that attempt is
 * over. */
static void finish_event(struct conn_box *b, struct inbox_event *ev) {
    bool is_past = inbox_count(&b->inbox, INBOX_CLOSED) || inbox_count(&b->inbox, INBOX_OPENED);
    if (ev->kind == INBOX_OPENED && !is_past) {
        conn_end_login(b->conn);
        rotation_logged_in(b);
    }
    if (ev->kind == INBOX_CLOSED) {
        note_unheard(b, ev->end);
        if (b->last) inbox_event_free(b->last);
        b->last = ev;
    } else {
        inbox_event_free(ev);
    }
}

static void forget_event(struct conn_box *b) {
    if (b->delivery.event) finish_event(b, b->delivery.event);
    b->delivery.event = NULL;
    b->delivery.tells = TELLS_MESSAGE;
}

bool delivery_outlived(const struct conn_box *b) {
    bool is_its_own = b->delivery.task && b->delivery.task == b->engine->tasks.current;
    bool is_of_end = b->delivery.tells == INBOX_CLOSED || b->delivery.tells == INBOX_GAVE_UP;
    return is_its_own && !is_of_end && inbox_count(&b->inbox, INBOX_CLOSED) > 0;
}

bool delivery_logs_in(const struct conn_box *b) {
    return b->delivery.task && b->delivery.task == b->engine->tasks.current && b->delivery.tells == INBOX_OPENED;
}

void delivery_cut(struct conn_box *b, struct conn *c) {
    if (b->delivery.event && b->delivery.event->kind == INBOX_OPENED) conn_end_login(c);
}

/* Pushes the callback of the event that was taken, with its arguments, and returns how many these are; 0: it has none.
 */
static int push_event(lua_State *L, struct conn_box *b) {
    struct inbox_event *event = b->delivery.event;
    b->delivery.progress++;
    b->delivery.tells = (int8_t)event->kind;
    b->delivery.rotation = event->rotation;
    make_room(b);
    if (event->kind != INBOX_STARTS || !start_is_current(b, event)) return l_arguments_event(L, b, event);
    b->start = START_URL;
    conn_limit_start(b->conn);
    return 1; /* l_start_push pushes what is called */
}

/* The same for the first message of the inbox. */
static int push_held(lua_State *L, struct conn_box *b, const struct ws_event *ev) {
    b->delivery.takes = true;
    b->delivery.rotation = ev->tag;
    int n = l_arguments_message(L, b, ev);
    b->delivery.takes = false;
    inbox_drop_message(&b->inbox);
    make_room(b);
    return n;
}

/* The same for whatever is next; 0: there is nothing more to deliver. */
static int push_next(lua_State *L, struct conn_box *b) {
    struct ws_event ev;
    for (int n = 0; !b->engine->holds && !is_out(b); lua_settop(L, TOP)) {
        bool wanted = listens(b);
        if ((b->delivery.event = inbox_event(&b->inbox, wanted))) {
            if ((n = push_event(L, b)) > 0) return n;
            forget_event(b);
            continue;
        }
        if (wanted && inbox_message(&b->inbox, &ev)) return conn_has_turn(b->conn) ? push_held(L, b, &ev) : 0;
        if (may_be_read(b) && !b->delivery.first && inbox_is_empty(&b->inbox)) {
            b->delivery.due = true; /* tasks that receive go on outside of this one */
            return 0;
        }
        if (!take_next(b, &ev)) return 0;
        b->delivery.rotation = b->inbox.rotation;
        enum callback control = ev.kind == WS_PING ? ON_PING : ON_PONG;
        if (!is_message(&ev)) {
            b->delivery.tells = ev.kind == WS_PING ? INBOX_PING : INBOX_PONG;
            if (conn_box_hears(b, control)) return l_arguments_control(L, b, control, &ev);
            b->delivery.tells = TELLS_MESSAGE;
        } else if (wanted && !inbox_has_message(&b->inbox)) {
            return l_arguments_message(L, b, &ev);
        } else {
            hold(b, &ev, task_wake_first);
        }
    }
    return 0;
}

static int l_go_on(lua_State *L, int status, lua_KContext ctx) {
    struct conn_box *b = (struct conn_box *)ctx;
    (void)status;
    if (b->delivery.tells == INBOX_STARTS) l_start_take(L, b);
    for (;;) {
        lua_settop(L, TOP);
        if (b->delivery.tells == INBOX_STARTS) {
            if (l_start_push(L, b)) {
                lua_callk(L, 1, 1, ctx, l_go_on);
                l_start_take(L, b);
                continue;
            }
            b->delivery.tells = TELLS_MESSAGE;
        }
        forget_event(b);
        int n = push_next(L, b);
        if (n == 0) return 0;
        if (b->delivery.tells == INBOX_ADOPTED) interrupt_bound(b->engine, "on_adopt");
        if (task_is_traced(b->engine->tasks.current))
            task_trace_call(L, b->engine->tasks.current, l_arguments_name(L, n), n);
        if (b->delivery.tells != INBOX_STARTS) lua_callk(L, n, 0, ctx, l_go_on);
        interrupt_unbound(b->engine);
    }
}

static int l_deliver(lua_State *L) {
    struct conn_box *b = l_door_given(L, l_deliver);
    b->delivery.task = b->engine->tasks.current;
    b->delivery.tells = TELLS_MESSAGE;
    lua_settop(L, 0);
    if (!box_push(L, conn_box_front(b))) return 0;
    lua_getiuservalue(L, CONN, BOX_FIELDS);
    lua_pushliteral(L, "text");
    lua_pushliteral(L, "binary");
    lua_pushnil(L);
    b->delivery.has_listener = false;
    return l_go_on(L, LUA_OK, (lua_KContext)b);
}

/* An error in a callback goes to on_error; where there is none, or where that fails too, to stderr. */
static void on_failed_callback(struct conn_box *b, const struct inbox_event *event, const char *message) {
    if (b->delivery.tells == INBOX_STARTS) {
        if (start_is_current(b, event)) start_refuse(b, message);
        return;
    }
    bool in_on_error = b->delivery.tells == INBOX_FAILED || b->delivery.tells == INBOX_CALLBACK;
    if (b->delivery.tells == INBOX_CALLBACK && !b->engine->strict) engine_report(b->engine, event->data);
    if (in_on_error || b->engine->strict) engine_report(b->engine, message);
    if (!in_on_error) inbox_tell_first(&b->inbox, INBOX_CALLBACK, slice_of(message, strlen(message) + 1), 0);
}

static void on_task_end(struct task *t, void *arg, enum task_end how) {
    struct conn_box *b = arg;
    b->delivery.task = NULL;
    b->delivery.failed = how == TASK_FAILED;
    struct inbox_event *event = b->delivery.event;
    b->delivery.event = NULL;                             /* the next task may begin before this returns */
    if (b->delivery.takes) inbox_drop_message(&b->inbox); /* without memory it could not be given to the script */
    b->delivery.takes = false;
    if (b->delivery.failed) {
        memory_offer(&b->engine->blocks, NULL, 0); /* frees a message that Lua had no memory for */
        char *message = task_describe(t, NULL);
        on_failed_callback(b, event, message);
        free(message);
    }
    if (event) finish_event(b, event);
    if (!b->delivery.task) b->delivery.tells = TELLS_MESSAGE;
    if (!b->delivery.draining) conn_wake(b->conn); /* to deliver what is left, and to settle */
}

const struct conn_box *delivery_of(const struct task *t, const char **callback) {
    static const enum callback told[INBOX_KINDS] = {
        [INBOX_CONNECTED] = ON_CONNECT, [INBOX_OPENED] = ON_WEBSOCKET_CONNECT,
        [INBOX_PING] = ON_PING,         [INBOX_PONG] = ON_PONG,
        [INBOX_DRAINED] = ON_DRAIN,     [INBOX_BUFFER_FULL] = ON_BUFFER_FULL,
        [INBOX_FAILED] = ON_ERROR,      [INBOX_CALLBACK] = ON_ERROR,
        [INBOX_CLOSED] = ON_CLOSE,      [INBOX_GAVE_UP] = ON_GIVE_UP,
        [INBOX_ADOPTED] = ON_ADOPT,     [INBOX_OVERLAP] = ON_OVERLAP,
        [INBOX_GAP] = ON_GAP,
    };
    if (t->ended != on_task_end) return NULL;
    struct conn_box *b = t->arg;
    int tells = b->delivery.tells;
    *callback = callback_names[tells == TELLS_MESSAGE ? ON_MESSAGE : told[tells]];
    if (tells == INBOX_STARTS) *callback = b->start == START_URL ? "url" : "headers";
    return conn_box_front(b);
}

/* Delivers events and messages until there are none, or a callback waits. */
static void tell_all(struct conn_box *b) {
    while (b->delivery.due && !b->delivery.task && !b->engine->holds && !is_out(b)) {
        uint32_t before = b->delivery.progress;
        struct ws_event first;
        b->delivery.due = b->delivery.failed = false;
        if (inbox_is_empty(&b->inbox)) { /* no task is started before a message is whole */
            if (!next_for_readers(b, &first)) break;
            if (is_read(b)) {
                hand(b, &first);
                b->delivery.due = true;
                continue;
            }
            b->delivery.first = &first;
        }
        bool ran = task_run(b->engine, "callback", l_deliver, b, on_task_end, b),
             began = b->delivery.progress != before;
        if (b->delivery.first && conn_is_open(delivery_source(b)))
            hold(b, b->delivery.first, task_wake_first); /* else a finalizer has ended the connection */
        b->delivery.first = NULL;
        if (!ran || (b->delivery.failed && !began)) {
            conn_destroy(delivery_source(b)); /* no memory to deliver anything to the script */
            break;
        }
        if (b->delivery.failed) b->delivery.due = true; /* what comes behind the callback that failed */
    }
}

void delivery_end_draining(struct conn_box *b) {
    b->delivery.draining = false;
    if (b->conn->sink || b->front)
        delivery_settle(b);
    else
        box_unanchor(b->engine->L, b);
}

void delivery_drain(struct conn_box *b) {
    guard_run(&b->engine->net->clock);
    if (b->engine->tasks.exits) return; /* nothing is delivered any more */
    if (!box_is_anchored(b->engine->L, conn_box_front(b)))
        return; /* nor to a connection that is over: it may be collected meanwhile */
    b->delivery.due = true;
    if (b->delivery.draining) return;
    uint64_t before = b->engine->lua_time;
    b->delivery.draining = true;
    do {
        tell_all(b);
        hand_rest(b);
    } while (b->delivery.due && !b->delivery.task && !is_out(b));
    b->lua_time += b->engine->lua_time - before;
    delivery_end_draining(b);
}

bool delivery_over(const struct conn_box *b) {
    if (b->delivery.task && b->delivery.task == b->engine->tasks.current) return b->conn->phase <= CONN_STARTING;
    if (rotation_pends(b)) return false;
    return b->conn->phase == CONN_CLOSED && !b->conn->again && !inbox_has_event(&b->inbox) && !b->delivery.task;
}

void delivery_settle(struct conn_box *b) {
    if (!delivery_over(b) || b->delivery.task || b->delivery.draining) return;
    if (b->front) {
        rotation_settle(b);
        return;
    }
    if (b->conn->wake_due) return; /* a script wants what is in the inbox (l_conn_wake): that is delivered next */
    delivery_wake_all(b);
    box_unanchor(b->engine->L, b);
}

void delivery_wake_all(struct conn_box *b) {
    task_wake_all(&b->receivers);
    task_wake_all(&b->drainers);
    task_wake_all(&b->openers);
}

void delivery_hold(struct engine *e, bool holds) {
    bool held = e->holds;
    e->holds = holds;
    for (struct conn_box *b = e->boxes; held && !holds && b; b = b->next) {
        task_wake_all(&b->receivers);
        if (b->conn->sink) conn_wake(b->conn);
        if (rotation_other(b)) conn_wake(rotation_other(b));
    }
}

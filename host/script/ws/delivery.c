/* delivery: callbacks run in a task, one at a time and in order: the task takes event after event and message after
 * message until there is none. Where a callback waits, the task waits, and what comes meanwhile goes into the inbox;
 * the same task then goes on with it. Where a callback raises, the task has ended: its error is delivered before
 * everything else, and a new task delivers the rest. */
#include "script/box.h"
#include "script/door.h"
#include "script/interrupt.h"
#include "script/task_trace.h"
#include "script/ws/parts.h"
#include <stdlib.h>
#include <string.h>

/* ---- the inbox ---- */

static bool listens(const struct conn_box *b) {
    return conn_box_hears(b, ON_MESSAGE) && !(b->conn->paused & CONN_PAUSED_BY_SCRIPT);
}

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
            inbox_tell(&b->inbox, INBOX_PONG, ev->data, NULL, NULL, conn_pong_seconds(b->conn));
    } else if (inbox_put(&b->inbox, ev->kind, ev->data) < 0) {
        engine_report(b->engine, "no memory to hold a message: its connection is ended");
        conn_destroy(b->conn);
    } else if (!b->engine->holds) {
        wake(&b->receivers);
    }
    bool full = inbox_size(&b->inbox) >= b->conn->plan->settings.max_receive_buffer;
    if (inbox_is_empty(&b->inbox)) return; /* with an empty inbox nothing would have the socket read again */
    if (full || !has_room(b)) conn_pause(b->conn, CONN_PAUSED_BY_SINK);
}

/* Do tasks take the messages: does one wait for them (is_read), or may one that is ready do so (may_be_read)? */
static bool is_read(const struct conn_box *b) { return b->receivers.first && !conn_box_hears(b, ON_MESSAGE); }
static bool may_be_read(const struct conn_box *b) {
    return !conn_box_hears(b, ON_MESSAGE) && (b->receivers.first || b->engine->tasks.ready.first);
}

/* Takes the next message, ping or pong, after ready tasks that may want it have run. From the loop only. */
static bool next_for_readers(struct conn_box *b, struct ws_event *ev) {
    if (may_be_read(b) && !is_read(b)) task_run_ready(b->engine);
    return conn_next(b->conn, ev);
}

/* Puts all that has come into the inbox, for tasks that receive in a straight line. Each message wakes its reader at
 * once, as it would run a callback, and what follows is looked at when that task waits again: so what the task sends
 * goes out before anything ends the connection. From the loop only. */
static void hold_rest(struct conn_box *b) {
    struct ws_event ev;
    bool waited = b->delivery.task;
    b->delivery.due = false;
    service_take(b);
    while ((b->delivery.task || !waited) && next_for_readers(b, &ev)) {
        hold(b, &ev, task_run_first);
        service_take(b);
    }
    if (waited && !b->delivery.task)
        b->delivery.due = true; /* the callback that received here has ended: the others are due */
}

void delivery_make_room(struct conn_box *b) {
    bool room = inbox_size(&b->inbox) <= b->conn->plan->settings.max_receive_buffer / 2 && has_room(b);
    if (room || inbox_is_empty(&b->inbox)) conn_resume(b->conn, CONN_PAUSED_BY_SINK);
}

/* ---- the task ---- */

/* With --strict, sets exit status 1 for a connection that failed and does not try again, where no code of the script
 * hears of it. */
static void note_unheard(const struct conn_box *b, const struct conn_end *end) {
    struct engine *e = b->engine;
    bool goes_on = b->conn->phase != CONN_CLOSED || b->conn->again || end->retry_in >= 0;
    if (e->strict && fault_set(&end->fault) && !conn_box_hears(b, ON_ERROR) && !b->heard && !goes_on)
        e->host->mark(e->app, 1);
}

/* Ends an event that was delivered. After the event of a login, what waited for it is sent, unless that attempt is
 * over. */
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

/* Takes the next message, ping or pong. */
static bool take_next(struct conn_box *b, struct ws_event *ev) {
    const struct ws_event *first = b->delivery.first;
    b->delivery.first = NULL;
    if (!first || !conn_is_open(b->conn)) return conn_next(b->conn, ev); /* a finalizer may have ended the connection */
    *ev = *first;
    return true;
}

/* Pushes the next callback with its arguments, and returns how many these are; 0: there is nothing more to deliver. */
static int push_next(lua_State *L, struct conn_box *b) {
    struct conn *c = b->conn;
    struct ws_event ev;
    for (int n = 0; !b->engine->holds; lua_settop(L, TOP)) {
        bool wanted = listens(b);
        if ((b->delivery.event = inbox_event(&b->inbox, wanted))) {
            b->delivery.progress++;
            b->delivery.tells = (int8_t)b->delivery.event->kind;
            delivery_make_room(b);
            if (b->delivery.event->kind == INBOX_STARTS && start_is_current(b, b->delivery.event)) {
                b->start = START_URL;
                conn_limit_start(c);
                return 1; /* l_start_push pushes what is called */
            }
            if ((n = l_arguments_event(L, b, b->delivery.event)) > 0) return n;
            forget_event(b);
        } else if (wanted && inbox_message(&b->inbox, &ev)) {
            if (!conn_has_turn(c)) return 0;
            b->delivery.takes = true;
            n = l_arguments_message(L, b, &ev);
            b->delivery.takes = false;
            inbox_drop_message(&b->inbox);
            delivery_make_room(b);
            return n;
        } else if (may_be_read(b) && !b->delivery.first && inbox_is_empty(&b->inbox)) {
            b->delivery.due = true; /* tasks that receive go on outside of this one */
            return 0;
        } else if (!take_next(b, &ev)) {
            return 0;
        } else if (ev.kind == WS_PING || ev.kind == WS_PONG) {
            enum callback which = ev.kind == WS_PING ? ON_PING : ON_PONG;
            if (conn_box_hears(b, which)) return l_arguments_control(L, b, which, &ev);
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
        if (trace_wants(TRACE_TASK)) task_trace_call(L, b->engine->tasks.current, l_arguments_name(L, n), n);
        if (b->delivery.tells != INBOX_STARTS) lua_callk(L, n, 0, ctx, l_go_on);
        interrupt_unbound(b->engine);
    }
}

static int l_deliver(lua_State *L) {
    struct conn_box *b = l_door_given(L, l_deliver);
    b->delivery.task = b->engine->tasks.current;
    b->delivery.tells = TELLS_MESSAGE;
    lua_settop(L, 0);
    if (!box_push(L, b)) return 0;
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
    if (!in_on_error) inbox_tell_first(&b->inbox, INBOX_CALLBACK, slice_of(message, strlen(message) + 1));
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

/* Delivers events and messages until there are none, or a callback waits. */
static void tell_all(struct conn_box *b) {
    while (b->delivery.due && !b->delivery.task && !b->engine->holds) {
        uint32_t before = b->delivery.progress;
        struct ws_event first;
        b->delivery.due = b->delivery.failed = false;
        if (inbox_is_empty(&b->inbox)) { /* no task is started before a message is whole */
            if (!next_for_readers(b, &first)) break;
            if (is_read(b)) {
                hold(b, &first, task_run_first);
                b->delivery.due = true;
                continue;
            }
            b->delivery.first = &first;
        }
        bool ran = task_run(b->engine, "callback", l_deliver, b, on_task_end, b),
             began = b->delivery.progress != before;
        if (b->delivery.first && conn_is_open(b->conn))
            hold(b, b->delivery.first, task_wake_first); /* else a finalizer has ended the connection */
        b->delivery.first = NULL;
        if (!ran || (b->delivery.failed && !began)) {
            conn_destroy(b->conn); /* no memory to deliver anything to the script */
            break;
        }
        if (b->delivery.failed) b->delivery.due = true; /* what comes behind the callback that failed */
    }
}

void delivery_end_draining(struct conn_box *b) {
    b->delivery.draining = false;
    if (b->conn->sink)
        delivery_settle(b);
    else
        box_unanchor(b->engine->L, b);
}

void delivery_drain(struct conn_box *b) {
    if (b->engine->tasks.exits) return;            /* nothing is delivered any more */
    if (!box_is_anchored(b->engine->L, b)) return; /* nor to a connection that is over: it may be collected meanwhile */
    b->delivery.due = true;
    if (b->delivery.draining) return;
    b->delivery.draining = true;
    do {
        tell_all(b);
        hold_rest(b);
    } while (b->delivery.due && !b->delivery.task);
    delivery_end_draining(b);
}

bool delivery_over(const struct conn_box *b) {
    if (b->delivery.task && b->delivery.task == b->engine->tasks.current) return b->conn->phase <= CONN_STARTING;
    return b->conn->phase == CONN_CLOSED && !b->conn->again && !inbox_has_event(&b->inbox) && !b->delivery.task;
}

void delivery_settle(struct conn_box *b) {
    if (!delivery_over(b) || b->delivery.task || b->delivery.draining) return;
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
    }
}

/* rotation: a connection gets another transport without a gap. The next one is a second box, which the script never
 * sees: it connects and logs in beside the one in place, with an inbox and a task of its own, as both are heard at the
 * same time. When on_websocket_connect has returned, the two boxes exchange their transports. From then on the second
 * box has the old one, whose messages go into the inbox of the connection, until its time is over. */
#include "base/container_of.h"
#include "base/random.h"
#include "base/reserve.h"
#include "script/box.h"
#include "script/l_push.h"
#include "script/ws/rotation_parts.h"
#include <stdlib.h>
#include <string.h>

#define LATE_MOST  (60 * CLOCK_SECOND)
#define LOOK_AGAIN (CLOCK_SECOND / 10)

/* Is the next transport open, and its login under way? */
static bool logs_in(const struct conn_box *b) {
    return rotation_has(b, ROTATION_NEXT) && rotation_other(b)->phase == CONN_OPEN;
}

static struct clock *clock_of(const struct conn_box *b) { return &b->engine->net->clock; }

static struct rotation *need(struct conn_box *b) {
    if (b->rotation) return b->rotation;
    struct rotation *r = reserve_take(sizeof *r);
    r->box = b;
    r->late.account = b->engine->account;
    return b->rotation = r;
}

/* ---- the second box ---- */

static void free_other(struct rotation *r) {
    struct conn_box *other = r->other;
    r->other = NULL;
    if (!other) return;
    if (other->conn->sink_arg == other) conn_detach(other->conn);
    inbox_clear(&other->inbox);
    if (other->last) inbox_event_free(other->last);
    conn_release(other->conn);
    account_take(other->engine->account, sizeof *other);
    free(other);
}

static void on_until(struct deadline *d);

/* The overlap is over. Where the script does not take what came on the old transport, that is closed a little later. */
static void end_overlap(struct rotation *r) {
    struct clock *clock = clock_of(r->box);
    uint64_t now = clock_now(clock);
    if (!r->late_at) r->late_at = now + LATE_MOST;
    if (r->other->conn->paused && now < r->late_at)
        clock_set(clock, &r->until, now + LOOK_AGAIN, on_until);
    else
        conn_close(r->other->conn, WS_CLOSE_NORMAL, slice_of(NULL, 0));
}

static void on_until(struct deadline *d) {
    struct rotation *r = container_of(d, struct rotation, until);
    struct conn_box *other = r->other;
    if (other && other->role == ROTATION_OLD)
        end_overlap(r);
    else if (other && other->role == ROTATION_GONE && !other->delivery.task && !other->delivery.draining)
        free_other(r);
    if (r->other || !r->again) return;
    r->again = false;
    rotation_begin(r->box);
}

/* Frees it in the next turn of the loop: code that now runs may still use it. */
static void let_go(struct conn_box *other) {
    other->role = ROTATION_GONE;
    clock_set(clock_of(other), &other->front->rotation->until, clock_now(clock_of(other)), on_until);
}

void rotation_settle(struct conn_box *other) {
    if (other->role == ROTATION_GONE) let_go(other);
}

/* What the script has is what the second box has, too. */
static void copy_script(struct conn_box *to, const struct conn_box *from) {
    to->engine = from->engine;
    to->hears = from->hears;
    to->served = from->served;
    to->url_function = from->url_function;
    to->headers_function = from->headers_function;
    to->inbox.account = from->engine->account;
}

static struct conn_box *new_other(struct conn_box *b) {
    struct conn_box *other = calloc(1, sizeof *other);
    if (!other) return NULL;
    other->conn = conn_new_beside(b->conn, &events_sink, other);
    if (!other->conn) {
        free(other);
        return NULL;
    }
    copy_script(other, b);
    account_add(b->engine->account, sizeof *other);
    other->front = b;
    other->role = ROTATION_NEXT;
    other->number = other->inbox.rotation = b->number + 1;
    other->delivery.tells = TELLS_MESSAGE;
    other->conn->once = true;
    return other;
}

static void move_counters(struct conn *to, struct conn *from) {
    to->bytes_in += from->bytes_in;
    to->bytes_out += from->bytes_out;
    to->messages_in += from->messages_in;
    to->messages_out += from->messages_out;
    from->bytes_in = from->bytes_out = from->messages_in = from->messages_out = 0;
}

/* Ends the overlap: nothing more is heard of the old transport, whose Close goes out all the same. */
static void leave_old(struct conn_box *b) {
    struct conn *old = rotation_old(b);
    if (!old) return;
    conn_detach(old);
    conn_close(old, WS_CLOSE_NORMAL, slice_of(NULL, 0));
    move_counters(b->conn, old);
    let_go(rotation_other_box(b));
}

/* ---- its times ---- */

static void on_due(struct deadline *d) { rotation_begin(container_of(d, struct rotation, due)->box); }

static void set_due(struct rotation *r, uint64_t delay) {
    struct clock *clock = clock_of(r->box);
    clock_set(clock, &r->due, clock_now(clock) + delay, on_due);
}

/* The transport in place is open: the next rotation is due by its plan. */
static void plan_next(struct conn_box *b) {
    uint64_t every = b->conn->plan->settings.rotate.every, now = clock_now(clock_of(b));
    if (!every) {
        if (b->rotation) clock_cancel(clock_of(b), &b->rotation->due);
        return;
    }
    uint64_t at = b->conn->opened_at + every;
    set_due(need(b), at > now ? at - now : 0);
}

/* ---- it begins ---- */

static bool may_begin(const struct conn_box *b) {
    return b->conn->phase == CONN_OPEN && !b->conn->login && !b->engine->ended && !engine_stops(b->engine);
}

/* A second transport that is still there makes room. */
static bool make_room(struct rotation *r) {
    if (!r->other) return true;
    if (r->other->role == ROTATION_NEXT) return false; /* a rotation is under way */
    r->again = true;
    if (rotation_old(r->box)) clock_set(clock_of(r->box), &r->until, clock_now(clock_of(r->box)), on_until);
    return false;
}

void rotation_begin(struct conn_box *b) {
    if (!may_begin(b)) return;
    struct rotation *r = need(b);
    if (!make_room(r)) return;
    clock_cancel(clock_of(b), &r->due);
    r->other = new_other(b);
    if (!r->other) {
        engine_report(b->engine, "no memory to rotate a connection: it keeps its transport");
        set_due(r, b->conn->plan->settings.retry.max);
        return;
    }
    TRACE(TRACE_CONN, &b->conn->subject, "rotation %u begins", r->other->number);
    conn_open(r->other->conn, 0);
}

int l_rotation_rotate(lua_State *L) {
    struct conn_box *b = l_conn_check(L);
    if (b->engine->staged) return l_conn_stage_rotation(L, b);
    if (b->conn->phase == CONN_CLOSED || b->conn->phase == CONN_ENDED)
        return l_push_failure(L, err_word(ERR_CLOSED), NULL);
    if (!may_begin(b)) return l_push_failure(L, err_word(ERR_NOT_OPEN), NULL);
    rotation_begin(b);
    return l_push_true(L);
}

/* ---- it takes the place ---- */

/* The boxes exchange their transports. */
static void exchange(struct conn_box *b, struct conn_box *other) {
    struct conn *next = other->conn, *old = b->conn;
    uint32_t number = other->number;
    other->conn = old;
    old->sink_arg = other;
    b->conn = next;
    next->sink_arg = b;
    other->number = b->number;
    b->number = b->inbox.rotation = number;
    next->once = false;
    old->once = true;
    move_counters(next, old);
}

/* The script goes on with the next transport as it was with the old one. */
static void carry_on(struct conn_box *b, struct conn *old) {
    b->rotation->owes_drain = old->full || old->behind;
    if (old->queue && b->conn->phase == CONN_OPEN) conn_move_queue(b->conn, old);
    if (old->paused & CONN_PAUSED_BY_SCRIPT) conn_pause(b->conn, CONN_PAUSED_BY_SCRIPT);
    if (inbox_size(&b->inbox) < b->conn->plan->settings.max_receive_buffer)
        conn_resume(b->conn, CONN_PAUSED_BY_SINK);
    else
        conn_pause(b->conn, CONN_PAUSED_BY_SINK);
    task_wake_all(&b->drainers); /* which look at the other transport from now on */
    if (inbox_has_message(&b->inbox)) task_wake_all(&b->receivers);
    conn_wake(b->conn);
}

void rotation_other_drained(struct conn_box *other, bool was_behind) {
    struct conn_box *b = other->front;
    struct rotation *r = b->rotation;
    if (rotation_buffered(b) == 0) b->drains++;
    task_wake_all(&b->drainers);
    if (!was_behind || !r->owes_drain) return;
    r->owes_drain = false;
    if (inbox_count(&b->inbox, INBOX_DRAINED)) return;
    inbox_tell(&b->inbox, INBOX_DRAINED, slice_of(NULL, 0), NULL, NULL, 0);
    conn_wake(b->conn);
}

static void take_place(struct conn_box *other) {
    struct conn_box *b = other->front;
    struct rotation *r = b->rotation;
    struct conn *old = b->conn;
    bool overlaps = old->phase == CONN_OPEN;
    TRACE(TRACE_CONN, &other->conn->subject, "rotation %u takes the place of %u", other->number, b->number);
    if (!r->id) r->id = old->id;
    exchange(b, other);
    inbox_clear(&r->late);
    b->gap_from = 0;
    b->spent = false;
    r->tries = 0;
    other->role = overlaps ? ROTATION_OLD : ROTATION_GONE;
    r->late_at = 0;
    if (overlaps) inbox_tell_number(&b->inbox, INBOX_OVERLAP, other->number);
    if (inbox_join(&b->inbox, &other->inbox) < 0) {
        engine_report(b->engine, "no memory to hold a message: its connection is ended");
        conn_destroy(b->conn);
    }
    carry_on(b, old);
    if (overlaps) {
        clock_set(clock_of(b), &r->until, clock_now(clock_of(b)) + b->conn->plan->settings.rotate.overlap, on_until);
    } else {
        conn_destroy(old);
        let_go(other);
    }
    plan_next(b);
}

/* After an end that was not planned, the script learns how long the connection was gone. */
static void tell_gap(struct conn_box *b) {
    uint64_t from = b->gap_from;
    b->gap_from = 0;
    if (!from || !conn_box_hears(b, ON_GAP)) return;
    inbox_tell_first(&b->inbox, INBOX_GAP, slice_of(NULL, 0), clock_to_seconds(clock_now(clock_of(b)) - from));
}

void rotation_logged_in(struct conn_box *b) {
    if (b->conn->phase != CONN_OPEN || b->engine->ended) return;
    if (b->role == ROTATION_NEXT) {
        take_place(b);
    } else if (!b->front) {
        tell_gap(b);
        plan_next(b);
    }
}

/* ---- it fails, or the transport in place ends ---- */

/* An attempt begins: behind one that was open it has another transport. */
static void count_transport(struct conn_box *b) {
    if (b->spent) b->inbox.rotation = ++b->number;
    b->spent = false;
}

/* Where the end of the transport in place is kept back. */
static struct inbox *late_of(struct conn_box *b) {
    b->rotation->late.rotation = b->number;
    return &b->rotation->late;
}

/* Tells that end; an attempt that was held back for it begins behind that. */
static void tell_late(struct conn_box *b) {
    struct conn *c = b->conn;
    if (!rotation_pends(b)) return;
    inbox_join(&b->inbox, &b->rotation->late);
    if (c->phase == CONN_STARTING && c->held_back) {
        count_transport(b);
        inbox_tell_number(&b->inbox, INBOX_STARTS, c->attempt);
    }
    conn_wake(c);
}

/* A next transport is not wanted any more. */
static void drop_next(struct conn_box *b) {
    if (!rotation_has(b, ROTATION_NEXT)) return;
    struct conn_box *other = rotation_other_box(b);
    other->role = ROTATION_GONE;
    conn_swap_cookies(b->conn, other->conn);
    conn_destroy(other->conn);
}

/* The script is to hear nothing more of a next transport: the connection's own end is told. */
static void silence(struct conn_box *b) {
    drop_next(b);
    if (rotation_has(b, ROTATION_GONE)) inbox_clear(&rotation_other_box(b)->inbox);
}

/* Another try comes after the delays of automatic reconnection, and not before what a refusal asks for. */
static void try_later(struct rotation *r, const struct conn *c) {
    uint64_t delay = retry_delay(&c->plan->settings.retry, r->tries++, random_mask()), after = 0;
    if (c->head && c->head->received && c->head->parts.status != 101)
        retry_after_read(http1_field_get(&c->head->parts, "Retry-After"), (int64_t)clock_wall(&c->net->clock), &after);
    set_due(r, delay > after ? delay : after);
}

/* A server that closes it before the login is done refuses it. */
static void tell_refusal(struct conn_box *other, const struct conn_end *end) {
    struct conn_end told = *end;
    if (fault_set(&end->fault)) return; /* it was told */
    fault_put(&told.fault, FAULT_HANDSHAKE, "the next transport was closed before it had logged in: %u %.*s", end->code,
              (int)end->reason_size, end->reason);
    inbox_tell(&other->inbox, INBOX_FAILED, slice_of(NULL, 0), &told, NULL, 0);
}

void rotation_other_ended(struct conn_box *other, const struct conn *c, const struct conn_end *end) {
    struct conn_box *b = other->front;
    if (other->role == ROTATION_OLD) {
        b->rotation->unsent_messages += end->unsent_messages;
        b->rotation->unsent_bytes += end->unsent_bytes;
        move_counters(b->conn, other->conn);
        rotation_other_drained(other, true);
    }
    if (other->role == ROTATION_NEXT) {
        tell_refusal(other, end);
        conn_swap_cookies(b->conn, other->conn);
        if (rotation_pends(b))
            tell_late(b);
        else
            try_later(b->rotation, c);
    }
    let_go(other);
}

bool rotation_holds_back(struct conn_box *b) {
    if (b->front) return false;
    if (logs_in(b)) return true;
    count_transport(b);
    return false;
}

bool rotation_keeps_failed(struct conn_box *b, const struct fault *fault) {
    struct conn_end end = {.fault = *fault};
    if (b->front) return b->role != ROTATION_NEXT;
    if (!logs_in(b)) return false;
    inbox_tell(late_of(b), INBOX_FAILED, slice_of(NULL, 0), &end, NULL, 0);
    return true;
}

/* What an old transport has not sent is told with the next end. */
static void add_unsent(struct rotation *r, struct conn_end *end) {
    if (!r || !end) return;
    end->unsent_messages += r->unsent_messages;
    end->unsent_bytes += r->unsent_bytes;
    r->unsent_messages = r->unsent_bytes = 0;
}

bool rotation_keeps_closed(struct conn_box *b, struct conn *c, const struct conn_end *end) {
    if (b->front) return false;
    add_unsent(b->rotation, c->end);
    b->ends++;
    b->spent = c->opened_at != 0;
    if (c->opened_at && !b->gap_from) b->gap_from = clock_now(clock_of(b));
    if (c->ended_by_owner) b->gap_from = 0;
    if (b->rotation) clock_cancel(clock_of(b), &b->rotation->due);
    if (!logs_in(b)) {
        silence(b);
        leave_old(b); /* on_close is last */
        return false;
    }
    struct inbox *late = late_of(b);
    inbox_tell(late, INBOX_CLOSED, slice_of(NULL, 0), end, NULL, 0);
    if (end->gave_up[0]) inbox_tell(late, INBOX_GAVE_UP, slice_of(NULL, 0), end, NULL, 0);
    return true;
}

void rotation_close(struct conn_box *b, uint16_t code, struct slice reason) {
    struct conn *old = rotation_old(b);
    b->gap_from = 0;
    silence(b);
    tell_late(b);
    if (old) conn_close(old, code, reason);
}

void rotation_destroy(struct conn_box *b) {
    silence(b);
    tell_late(b);
    leave_old(b);
}

/* ---- reloads, and the end ---- */

void rotation_adopt(struct conn_box *to, struct conn_box *from) {
    to->number = to->inbox.rotation = from->number;
    to->gap_from = from->gap_from;
    to->spent = from->spent;
    if (from->rotation) need(to)->id = from->rotation->id;
    if (rotation_has(from, ROTATION_NEXT)) {
        struct conn_box *other = rotation_other_box(from);
        conn_swap_cookies(to->conn, other->conn);
        conn_detach(other->conn);
        conn_destroy(other->conn);
        other->role = ROTATION_GONE;
        if (rotation_pends(from)) inbox_join(&from->inbox, &from->rotation->late);
    } else if (rotation_has(from, ROTATION_OLD)) {
        struct conn_box *other = to->rotation->other = from->rotation->other;
        from->rotation->other = NULL;
        to->rotation->owes_drain = from->rotation->owes_drain;
        to->rotation->unsent_messages = from->rotation->unsent_messages;
        to->rotation->unsent_bytes = from->rotation->unsent_bytes;
        copy_script(other, to);
        account_take(from->engine->account, sizeof *other);
        account_add(to->engine->account, sizeof *other);
        other->front = to;
        conn_set_account(other->conn, to->engine->account);
        clock_set(clock_of(to), &to->rotation->until, from->rotation->until.due, on_until);
    }
    if (to->conn->phase == CONN_OPEN && !to->conn->login) plan_next(to);
}

void rotation_free(struct conn_box *b) {
    struct rotation *r = b->rotation;
    if (!r) return;
    clock_cancel(clock_of(b), &r->due);
    clock_cancel(clock_of(b), &r->until);
    if (rotation_other(b)) conn_close(rotation_other(b), WS_CLOSE_NORMAL, slice_of(NULL, 0));
    free_other(r);
    inbox_clear(&r->late);
    free(r);
    b->rotation = NULL;
}

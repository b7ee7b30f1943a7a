/* adopt: a connection is taken over by another owner, which has declared it again: which options prevent that, and what
 * of the new declaration takes effect. */
#include "net/conn/parts.h"

#include "base/log.h"
#include "base/reserve.h"
#include <stdlib.h>
#include <string.h>

const char *conn_differs(const struct conn *c, const struct conn *like, bool with_url) {
    if (c->plan == like->plan) return NULL;
    return options_differ(plan_options, c->plan, like->plan, OPTION_REOPENS | (with_url ? OPTION_MOVES : 0));
}

const char *conn_differs_later(const struct conn *c, const struct conn *like) {
    return options_differ(plan_options, c->plan, like->plan, OPTION_NEXT_HANDSHAKE);
}

static void swap_offers(struct handshake_offer *a, struct handshake_offer *b) {
    struct handshake_offer offer = *a;
    *a = *b;
    *b = offer;
}

void conn_drop_offer_next(struct conn *c) {
    if (!c->more || !c->more->offer_next) return;
    handshake_offer_clear(c->more->offer_next);
    free(c->more->offer_next);
    c->more->offer_next = NULL;
}

void conn_take_offer_next(struct conn *c) {
    if (!c->more || !c->more->offer_next) return;
    struct plan *plan = conn_plan(c);
    if (!plan) return; /* without memory: the next attempt may take it */
    swap_offers(&plan->offer, c->more->offer_next);
    conn_drop_offer_next(c);
    conn_share_plan(c);
}

/* The answer is judged by what was asked for, so this attempt keeps its offer. */
static void adopt_offer_later(struct conn *c, struct handshake_offer *offer) {
    struct handshake_offer *next = reserve_take(sizeof *next);
    handshake_offer_init(next);
    swap_offers(next, offer);
    conn_need_more(c)->offer_next = next;
}

/* Messages that conn_send has taken are sent, even where two queues together are longer than one may be. */
static void adopt_queue(struct conn *c, struct backlog *queue) {
    for (struct ws_event ev; queue && backlog_first(queue, &ev); backlog_drop(queue))
        if (conn_queue(c, ev.kind, ev.data) == 0) c->messages_out++;
    if (c->phase == CONN_OPEN && !c->login) conn_send_queue(c);
    conn_mark_busy(c);
}

void conn_move_queue(struct conn *to, struct conn *from) {
    conn_send_queue(to);
    to->queue = from->queue; /* without a copy, which could find no memory */
    from->queue = NULL;
    conn_send_queue(to);
    conn_mark_busy(to);
}

/* Has `c` do what `like` was told to do, and the other way round. */
static void swap_plans(struct conn *c, struct conn *like, bool with_url) {
    uint64_t pings = c->plan->settings.ping_interval;
    struct plan *last = conn_plan(c), *next = conn_plan(like); /* both may become copies */
    if (!last || !next) {
        log_line(LOG_ERROR, "a connection was adopted and keeps its old options: not enough memory for the new ones");
        return;
    }
    conn_drop_offer_next(c); /* set by an earlier reload */
    if (c->phase > CONN_STARTING && c->phase < CONN_OPEN) {
        adopt_offer_later(c, &next->offer);
        swap_offers(&next->offer, &last->offer);
    }
    if (!with_url) {
        struct url url = next->url;
        next->url = last->url;
        last->url = url;
    }
    c->plan = next;
    like->plan = last;
    conn_share_plan(c);
    conn_renew_step(c);
    if (c->phase == CONN_OPEN) {
        conn_apply_limits(c);
        if (pings != c->plan->settings.ping_interval)
            conn_ping_changed(c);
        else
            conn_arm_ping(c);
    }
}

void conn_adopt(struct conn *c, struct conn *like, bool with_url) {
    swap_plans(c, like, with_url);
    adopt_queue(c, like->queue);
    c->full = c->full || like->full; /* so `drained` is called for it */
    c->behind = c->behind || like->behind;
}

/* plan: copies a shared plan that is to be changed, and finds an equal one among those shared last. */
#include "net/dial/plan.h"

#include "base/text.h"
#include "net/dial/resolve.h"
#include <stdlib.h>

enum { LOOK_AT = 8 }; /* plans that a new one is compared with */

static struct plan *new_plan(void) {
    struct plan *p = calloc(1, sizeof *p);
    if (p) p->users = 1;
    return p;
}

struct plan *plan_new(void) {
    struct plan *p = new_plan();
    if (!p) return NULL;
    handshake_offer_init(&p->offer);
    buf_init(&p->resolve, RESOLVE_SIZE);
    options_usual(plan_options, p);
    return p;
}

/* ---- lists and users ---- */

static void unlink_plan(struct net *net, struct plan *p) {
    if (!p->shared) return;
    *(p->previous ? &p->previous->next : &net->plans) = p->next;
    if (p->next) p->next->previous = p->previous;
    p->shared = false;
}

static void link_plan(struct net *net, struct plan *p) {
    p->previous = NULL;
    p->next = net->plans;
    if (p->next) p->next->previous = p;
    net->plans = p;
    p->shared = true;
}

struct plan *plan_hold(struct plan *p) {
    err_must(p->users > 0);
    p->users++;
    return p;
}

void plan_release(struct net *net, struct plan *p) {
    err_must(p->users > 0);
    if (--p->users) return;
    unlink_plan(net, p);
    options_clear(plan_options, p);
    free(p);
}

struct dial_options plan_dial(const struct plan *p) {
    return (struct dial_options){.local = p->local, .family = p->family, .resolve = buf_slice(&p->resolve)};
}

struct plan *plan_own(struct net *net, struct plan **at) {
    struct plan *p = *at;
    if (p->users == 1) {
        unlink_plan(net, p); /* it may be changed, and no longer equal others */
        return p;
    }
    struct plan *mine = new_plan();
    if (!mine) return NULL;
    *mine = *p;
    mine->users = 1;
    mine->shared = false;
    if (!options_copy(plan_options, mine)) {
        plan_release(net, mine);
        return NULL;
    }
    *at = mine;
    plan_release(net, p);
    return mine;
}

static bool same(const struct plan *a, const struct plan *b) {
    return text_is_same(a->url.text, b->url.text) && !options_differ(plan_options, a, b, OPTIONS_ALL);
}

void plan_share(struct net *net, struct plan **at) {
    struct plan *p = *at, *other = net->plans;
    for (int i = 0; other && i < LOOK_AT && !same(other, p); i++) other = other->next;
    if (other == p) return;
    if (!other || !same(other, p)) {
        p->size = sizeof *p + options_size(plan_options, p);
        if (!p->shared) link_plan(net, p);
        return;
    }
    other->users++;
    plan_release(net, p);
    *at = other;
}

#include "app/pool/quota.h"

#include "base/container_of.h"
#include "base/err.h"
#include <stdlib.h>
#include <string.h>

TAILQ_HEAD(quota_queue, quota_claim);
struct quota {
    LIST_ENTRY(quota) link;
    struct quotas *quotas;
    struct limit limit;
    struct quota_queue waiting;
    struct deadline next; /* there is room for the first of them */
    size_t size;          /* of the name */
    char name[];
};

void quotas_init(struct quotas *q, struct clock *clock) {
    *q = (struct quotas){.clock = clock};
    LIST_INIT(&q->all);
}

/* ---- one name ---- */

static void end(struct quota *one) {
    clock_cancel(one->quotas->clock, &one->next);
    LIST_REMOVE(one, link);
    one->quotas->count--;
    one->quotas->times -= one->limit.n;
    free(one->limit.times);
    free(one);
}

static void on_room(struct deadline *d);

/* Meets claims, in their order, as long as there is room. */
static void meet(struct quota *one) {
    struct clock *clock = one->quotas->clock;
    struct quota_claim *c;
    clock_cancel(clock, &one->next);
    while ((c = TAILQ_FIRST(&one->waiting))) {
        uint64_t now = clock_now(clock), at = limit_ready_at(&one->limit, c->count);
        if (at > now) {
            clock_set(clock, &one->next, at, on_room);
            return;
        }
        limit_take(&one->limit, c->count, now);
        quotas_drop(c);
        c->met(c);
    }
}

static void on_room(struct deadline *d) { meet(container_of(d, struct quota, next)); }

/* Is it of no use to anybody: would a new one let through as much? */
static bool is_idle(const struct quota *one) {
    const struct limit *l = &one->limit;
    uint64_t last = l->taken ? l->times[(l->taken - 1) % l->n] + l->span : 0;
    return TAILQ_EMPTY(&one->waiting) && last <= clock_now(one->quotas->clock);
}

/* Drops all that are idle. */
static void tidy(struct quotas *q) {
    for (struct quota *one = LIST_FIRST(&q->all), *next; one; one = next) {
        next = LIST_NEXT(one, link);
        if (is_idle(one)) end(one);
    }
}

static bool has_room(struct quotas *q, uint64_t n) {
    bool full = q->count == QUOTAS_MOST || q->times + n > QUOTAS_TIMES_MOST;
    if (full) tidy(q);
    return q->count < QUOTAS_MOST && q->times + n <= QUOTAS_TIMES_MOST;
}

static struct quota *find(const struct quotas *q, struct slice name) {
    struct quota *one;
    LIST_FOREACH(one, &q->all, link) {
        if (slice_eq(slice_of(one->name, one->size), name)) return one;
    }
    return NULL;
}

static int make(struct quotas *q, const struct quota_want *want, struct quota **out) {
    if (!has_room(q, want->n)) return ERR_FULL;
    struct quota *one = calloc(1, sizeof *one + want->name.n);
    uint64_t *times = one ? calloc(want->n, sizeof *times) : NULL;
    if (!times) {
        free(one);
        return ERR_NOMEM;
    }
    one->quotas = q;
    one->limit = (struct limit){.n = want->n, .span = want->span, .times = times};
    one->size = want->name.n;
    memcpy(one->name, want->name.p, want->name.n);
    TAILQ_INIT(&one->waiting);
    LIST_INSERT_HEAD(&q->all, one, link);
    q->count++;
    q->times += want->n;
    *out = one;
    return 0;
}

/* Has it let through n, as is wanted now; what was taken last counts on. */
static int resize(struct quota *one, uint64_t n) {
    struct limit *l = &one->limit, old = *l;
    if (n == old.n) return 0;
    if (n > old.n && !has_room(one->quotas, n - old.n)) return ERR_FULL;
    uint64_t *times = calloc(n, sizeof *times), kept = old.taken < old.n ? old.taken : old.n;
    if (!times) return ERR_NOMEM;
    if (kept > n) kept = n;
    *l = (struct limit){.n = n, .span = old.span, .times = times};
    for (uint64_t i = old.taken - kept; i < old.taken; i++) limit_take(l, 1, old.times[i % old.n]);
    one->quotas->times += n - old.n; /* modulo 2^64 */
    free(old.times);
    return 0;
}

/* ---- claims ---- */

static bool is_want(const struct quota_want *w) {
    return w->name.n >= 1 && w->name.n <= QUOTA_NAME_MOST && w->n >= 1 && w->n <= QUOTA_TIMES_MOST && w->span >= 1 &&
           w->count >= 1 && w->count <= w->n;
}

int quotas_claim(struct quotas *q, const struct quota_want *want, struct quota_claim *claim) {
    if (!is_want(want)) return ERR_RANGE;
    struct quota *one = find(q, want->name);
    int rc = one ? resize(one, want->n) : make(q, want, &one);
    if (rc < 0) return rc;
    struct quota_claim *c;
    TAILQ_FOREACH(c, &one->waiting, link) {
        if (c->count > want->n) c->count = want->n; /* else it would wait for ever */
    }
    one->limit.span = want->span;
    claim->of = one;
    claim->count = want->count;
    TAILQ_INSERT_TAIL(&one->waiting, claim, link);
    meet(one);
    return 0;
}

void quotas_drop(struct quota_claim *claim) {
    struct quota *one = claim->of;
    if (!one) return;
    bool was_first = TAILQ_FIRST(&one->waiting) == claim;
    TAILQ_REMOVE(&one->waiting, claim, link);
    claim->of = NULL;
    if (was_first && clock_is_set(&one->next)) meet(one); /* who came behind may want less */
}

void quotas_clear(struct quotas *q) {
    for (struct quota *one; (one = LIST_FIRST(&q->all));) {
        err_must(TAILQ_EMPTY(&one->waiting));
        end(one);
    }
}

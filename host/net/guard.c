/* guard: a list, which rarely has more than one. */
#include "net/guard.h"

#include "base/container_of.h"

static void call(struct clock *c, struct guard *g) {
    guard_cancel(c, g);
    g->fn(g);
}

static void on_wake(struct deadline *d) { (void)d; } /* the clock runs what is due before it gets here */

void guard_cancel(struct clock *c, struct guard *g) {
    clock_cancel(c, &g->wake);
    if (!g->at) return;
    *g->at = g->next;
    if (g->next) g->next->at = g->at;
    g->at = NULL;
}

void guard_set(struct clock *c, struct guard *g, uint64_t due, void (*fn)(struct guard *g)) {
    uint64_t elapsed = clock_elapsed(c), now = clock_now(c);
    guard_cancel(c, g);
    g->due = due;
    g->fn = fn;
    g->next = c->guards;
    g->at = &c->guards;
    if (g->next) g->next->at = &g->next;
    c->guards = g;
    clock_set(c, &g->wake, due > elapsed ? now + (due - elapsed) : now, on_wake);
}

/* The first whose time has come, or NULL. */
static struct guard *first_due(const struct clock *c) {
    uint64_t now = clock_elapsed(c);
    struct guard *first = NULL;
    for (struct guard *g = c->guards; g; g = g->next)
        if (g->due <= now && (!first || g->due < first->due)) first = g;
    return first;
}

bool guard_hurry(struct clock *c) {
    struct guard *g = first_due(c);
    if (g) clock_set(c, &g->wake, 0, on_wake); /* it may be late by the clock that deadlines go by */
    return g != NULL;
}

void guard_run_due(struct clock *c) {
    unsigned most = 0; /* one that is set again meanwhile, for a time in the past, waits for the next turn */
    for (const struct guard *g = c->guards; g; g = g->next) most++;
    for (struct guard *g; most > 0 && (g = first_due(c)); most--) call(c, g);
}

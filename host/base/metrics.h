/* metrics: what a script counts, by name: the registry of a program. Each generation of the script has one of its own,
 * in which it declares what it counts; when it takes over, that goes on from where the last one's was
 * (metrics_take_over). So a reload that fails leaves nothing behind, and what only earlier generations have declared
 * stays. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/err.h"
#include "base/metric.h"

enum { METRICS_MOST = 1000 };

struct metrics {
    unsigned references;
    struct account *account;     /* where its bytes are counted; a reference is held */
    const struct metrics *below; /* that of the running generation, while this one's is staged; borrowed */
    unsigned count;
    struct metric *list[METRICS_MOST]; /* in the order in which they were declared; each is its own */
};

/* A new registry, whose one reference is the caller's; NULL: there is no memory for it. `below`, or NULL: what was
 * declared there already has to be declared in the same way here. It must live until metrics_take_over, or until this
 * one is released. */
struct metrics *metrics_new(struct account *account, const struct metrics *below);
struct metrics *metrics_hold(struct metrics *m); /* adds a reference; NULL gives NULL */
void metrics_release(struct metrics *m);         /* drops one; freed at zero; NULL is fine */

/* Declares a metric, or finds the one that was declared in the same way; its place in m->list is `*place`. Sorts the
 * labels of `want`, and takes the _total of a counter away. False with `*why`: a name is wrong, it was declared in
 * another way, there is no room or no memory. */
bool metrics_declare(struct metrics *m, struct metric_want *want, unsigned *place, struct fault *why);

/* Has `m`, which was staged, take over from `last`, which is empty afterwards. Cannot fail; what there is no room for
 * is dropped. */
void metrics_take_over(struct metrics *m, struct metrics *last);

#endif

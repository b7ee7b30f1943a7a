/* quota: limits by name, and claims on them, which are met in their order. A pool keeps them for its workers, a program
 * without a pool for itself, over reloads. Not what scripts see: that is claims.h. */
#ifndef APP_POOL_QUOTA_H
#define APP_POOL_QUOTA_H

#include "base/limit.h"
#include "base/slice.h"
#include "net/clock.h"
#include <sys/queue.h>

enum {
    QUOTA_NAME_MOST = 255,       /* bytes of a name */
    QUOTA_TIMES_MOST = 65536,    /* n of one */
    QUOTAS_MOST = 1024,          /* names */
    QUOTAS_TIMES_MOST = 1 << 20, /* n of all together: 8 bytes are kept for each */
};

LIST_HEAD(quota_list, quota);
struct quotas {
    struct clock *clock;
    struct quota_list all;
    unsigned count;
    uint64_t times; /* n of all */
};

/* `count` of what a name allows: n in any `span` nanoseconds. Where others have said otherwise, the last one is right.
 */
struct quota_want {
    struct slice name;
    uint64_t n, span, count;
};

/* One who waits. Its memory is the caller's; all zero: it does not. */
struct quota_claim {
    TAILQ_ENTRY(quota_claim) link;
    struct quota *of;
    uint64_t count;
    void (*met)(struct quota_claim *c); /* its turn has come, and it does not wait any more */
};

void quotas_init(struct quotas *q, struct clock *clock);

/* Claims: `met` is called when its turn has come, which may be now. 0; ERR_RANGE: the want is none; ERR_FULL: there are
 * too many names; ERR_NOMEM. */
int quotas_claim(struct quotas *q, const struct quota_want *want, struct quota_claim *claim);

/* It does not want it any more. Does nothing where it does not wait. */
void quotas_drop(struct quota_claim *claim);

/* Nobody may wait any more. */
void quotas_clear(struct quotas *q);

#endif

/* claimant: one program's claims on quotas, each known by a number that the program gives it: of a pool, each worker is
 * one. */
#ifndef APP_POOL_CLAIMANT_H
#define APP_POOL_CLAIMANT_H

#include "app/pool/quota.h"
#include <stdbool.h>

enum { CLAIMS_MOST = 4096 }; /* that wait, of one: they are looked for one by one */

LIST_HEAD(claim_list, claim);
struct claimant {
    struct quotas *quotas;
    struct claim_list waiting;
    unsigned count;
    /* Told of each claim once, unless that was dropped: `met`, its turn has come; else there was no room for it. */
    void (*answer)(void *arg, uint64_t id, bool met);
    void *arg;
};

/* Claims. The answer may come before this returns. */
void claimant_claim(struct claimant *c, uint64_t id, const struct quota_want *want);

/* Drops one, or all that wait. */
void claimant_drop(struct claimant *c, uint64_t id);
void claimant_clear(struct claimant *c);

#endif

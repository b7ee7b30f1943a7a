#include "app/pool/claimant.h"

#include "base/container_of.h"
#include <stdlib.h>

struct claim {
    LIST_ENTRY(claim) link;
    struct claimant *claimant;
    uint64_t id;
    struct quota_claim claim;
};

static void end(struct claim *one) {
    quotas_drop(&one->claim);
    LIST_REMOVE(one, link);
    one->claimant->count--;
    free(one);
}

static void answer(struct claim *one, bool met) {
    struct claimant *c = one->claimant;
    uint64_t id = one->id;
    end(one);
    c->answer(c->arg, id, met);
}

static void on_met(struct quota_claim *claim) { answer(container_of(claim, struct claim, claim), true); }

void claimant_claim(struct claimant *c, uint64_t id, const struct quota_want *want) {
    struct claim *one = c->count < CLAIMS_MOST ? calloc(1, sizeof *one) : NULL;
    if (!one) {
        c->answer(c->arg, id, false);
        return;
    }
    one->claimant = c;
    one->id = id;
    one->claim.met = on_met;
    LIST_INSERT_HEAD(&c->waiting, one, link);
    c->count++;
    if (quotas_claim(c->quotas, want, &one->claim) < 0) answer(one, false);
}

void claimant_drop(struct claimant *c, uint64_t id) {
    struct claim *one;
    LIST_FOREACH(one, &c->waiting, link) {
        if (one->id == id) break;
    }
    if (one) end(one);
}

void claimant_clear(struct claimant *c) {
    while (!LIST_EMPTY(&c->waiting)) end(LIST_FIRST(&c->waiting));
}

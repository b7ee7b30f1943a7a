/* dead: a short list, looked through: it is empty where all is well. */
#include "net/dial/dead.h"

#include "net/clock.h"

static struct dead_address *find(const struct dead *d, const union address *a) {
    for (size_t i = 0; d && i < d->count; i++)
        if (address_is_same(&d->list[i].address, a)) return (struct dead_address *)&d->list[i];
    return NULL;
}

static struct dead_address *make_place(struct dead *d) {
    if (d->count < DEAD_MOST) return &d->list[d->count++];
    struct dead_address *oldest = d->list;
    for (size_t i = 1; i < DEAD_MOST; i++)
        if (d->list[i].until < oldest->until) oldest = &d->list[i];
    return oldest;
}

void dead_put(struct dead *d, const union address *a, uint64_t now) {
    struct dead_address *entry = find(d, a);
    if (!entry) entry = make_place(d);
    *entry = (struct dead_address){.address = *a, .until = now + DEAD_FOR_S * CLOCK_SECOND};
}

void dead_forget(struct dead *d, const union address *a) {
    struct dead_address *entry = find(d, a);
    if (entry) *entry = d->list[--d->count];
}

bool dead_has(const struct dead *d, const union address *a, uint64_t now) {
    const struct dead_address *entry = find(d, a);
    return entry && now < entry->until;
}

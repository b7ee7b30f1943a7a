/* dead: addresses that did not answer. For a while they are tried last, so that an attempt does not wait again for what
 * the one before it waited for in vain. */
#ifndef NET_DIAL_DEAD_H
#define NET_DIAL_DEAD_H

#include "net/address.h"

enum {
    DEAD_MOST = 256, /* addresses; a new one replaces the oldest */
    DEAD_FOR_S = 60, /* seconds */
};

/* All zero: none. */
struct dead {
    struct dead_address {
        union address address;
        uint64_t until;
    } list[DEAD_MOST]; /* in no order */
    size_t count;
};

/* Notes an address and port, for DEAD_FOR_S from now on; `now` is the clock's, as below. */
void dead_put(struct dead *d, const union address *a, uint64_t now);

/* It answered: removes it. `d` may be NULL, here and below: then the list is empty. */
void dead_forget(struct dead *d, const union address *a);

bool dead_has(const struct dead *d, const union address *a, uint64_t now);

#endif

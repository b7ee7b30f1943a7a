/* account: how many bytes are kept for one owner (a script, say), and the most that may be. Code that keeps bytes for
 * the owner counts them here, in one thread only. The account enforces nothing: code that wants more bytes asks
 * account_has_room, and decides what to do where there is none. */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_NO_LIMIT (SIZE_MAX / 2)

struct account {
    unsigned references;
    size_t bytes; /* kept now */
    size_t most;  /* the most that may be kept; ACCOUNT_NO_LIMIT: no limit */
};

/* A new account, empty and without a limit; its one reference is the caller's. NULL: there is no memory for it. */
struct account *account_new(void);
struct account *account_hold(struct account *a); /* adds a reference; returns `a` */
void account_release(struct account *a);         /* drops one; freed at zero; NULL is fine */

static inline void account_add(struct account *a, size_t n) { a->bytes += n; }
static inline void account_take(struct account *a, size_t n) { a->bytes -= n; }

/* May `n` bytes more be kept? */
static inline bool account_has_room(const struct account *a, size_t n) {
    return a->bytes <= a->most && n <= a->most - a->bytes;
}

#endif

/* account: how many bytes are kept for somebody, and how many may be. Whoever keeps them counts them, in this thread
 * alone; to find that they are too many, and what to do then, is for those who ask for more. */
#ifndef BASE_ACCOUNT_H
#define BASE_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCOUNT_NO_LIMIT (SIZE_MAX / 2)

struct account {
    unsigned references;
    size_t bytes; /* that are kept now */
    size_t most;  /* that may be; ACCOUNT_NO_LIMIT: as many as there are */
};

/* Empty, without a limit. The caller has the one reference. NULL without memory. */
struct account *account_new(void);
struct account *account_hold(struct account *a); /* once more; returns it */
void account_release(struct account *a);         /* freed at zero; NULL is fine */

static inline void account_add(struct account *a, size_t n) { a->bytes += n; }
static inline void account_take(struct account *a, size_t n) { a->bytes -= n; }

/* May `n` bytes more be kept? */
static inline bool account_has_room(const struct account *a, size_t n) {
    return a->bytes <= a->most && n <= a->most - a->bytes;
}

#endif

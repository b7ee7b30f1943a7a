/* reserve: memory kept back for allocations that must not fail: those that report a failed allocation, or end what it
 * was for. Global to the process. */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/* Allocates the reserve. False: there is no memory for it. */
bool reserve_open(void);

/* Frees it. */
void reserve_close(void);

/* `n` bytes of zeros, not many: as calloc does, and where the allocator refuses, from the reserve, which is allocated
 * again as soon as possible. Aborts where the reserve is used up: then no error could be reported either. One thread
 * only. */
void *reserve_take(size_t n);

/* A copy of a text, the same way. */
char *reserve_copy(const char *text);

/* `old`, from malloc or NULL, with room for `n` bytes, the same way. */
void *reserve_grow(void *old, size_t n);

#endif

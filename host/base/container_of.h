/* container_of: from a part of a struct to the whole. */
#ifndef BASE_CONTAINER_OF_H
#define BASE_CONTAINER_OF_H

#include <stddef.h>

/* The `type` whose `member` is at `part`, a pointer of the member's own type (the compiler looks). */
#define container_of(part, type, member)                                                                               \
    ((type *)((char *)(1 ? (part) : &((type *)0)->member) - offsetof(type, member)))

#endif

/* container_of: from a pointer to a member to the struct around it. */
#ifndef BASE_CONTAINER_OF_H
#define BASE_CONTAINER_OF_H

#include <stddef.h>

/* The `type` whose `member` is at `part`, a pointer of the member's own type (the compiler checks that). */
#define container_of(part, type, member)                                                                               \
    ((type *)((char *)(1 ? (part) : &((type *)0)->member) - offsetof(type, member)))

#endif

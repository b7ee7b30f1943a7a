/* library: functions of a shared library that is not linked, but opened when it is first needed. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

struct library_function {
    const char *name;
    void **at; /* where its address goes */
};

/* Looks up `n` functions in `library`, a handle from dlopen(3). NULL; or the name of the first one that is missing
 * there. */
const char *library_find(void *library, const struct library_function *wanted, size_t n);

#endif

/* library: functions of a shared library that is not linked, but opened when it is first needed. */
#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

#include <stddef.h>

struct library_function {
    const char *name;
    void **at; /* where its address goes */
};

/* Finds the `n` functions in what dlopen gave. NULL; else the name of the first that it has not. */
const char *library_find(void *library, const struct library_function *wanted, size_t n);

#endif

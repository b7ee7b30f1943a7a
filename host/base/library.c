/* library: a table filled by dlsym. */
#include "base/library.h"

#include <dlfcn.h>

const char *library_find(void *library, const struct library_function *wanted, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(*wanted[i].at = dlsym(library, wanted[i].name))) return wanted[i].name;
    return NULL;
}

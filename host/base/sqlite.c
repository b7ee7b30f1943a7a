/* sqlite: the library is opened, and its functions are found, once. */
#include "base/sqlite.h"

#include "base/library.h"
#include <dlfcn.h>

#define LIBRARY "libsqlite3.so.0"

static bool find(struct sqlite *f, struct fault *fault) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays: scripts may have modules that use it, too */
    if (!library) {
        fault_put(fault, FAULT_LIBRARY, "libsqlite3 is missing: install libsqlite3-0 (%s)", dlerror());
        return false;
    }
    const struct library_function wanted[] = {
#define FUNCTION(name) {"sqlite3_" #name, (void **)&f->name},
        SQLITE_FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    const char *missing = library_find(library, wanted, sizeof wanted / sizeof *wanted);
    if (missing) fault_put(fault, FAULT_LIBRARY, "%s is too old: it has no %s", LIBRARY, missing);
    return !missing;
}

const struct sqlite *sqlite_load(struct fault *fault) {
    static struct sqlite functions;
    static bool found;
    if (!found) found = find(&functions, fault);
    return found ? &functions : NULL;
}

/* sqlite: the functions of libsqlite3 that stores use, looked up when the first is opened: a start without one would
 * take longer for a library that it does not need. */
#ifndef BASE_SQLITE_H
#define BASE_SQLITE_H

#include "base/err.h"
#include <sqlite3.h>

#define SQLITE_FUNCTIONS(F)                                                                                            \
    F(open_v2)                                                                                                         \
    F(close)                                                                                                           \
    F(busy_timeout)                                                                                                    \
    F(db_config)                                                                                                       \
    F(errmsg)                                                                                                          \
    F(errcode)                                                                                                         \
    F(errstr)                                                                                                          \
    F(system_errno)                                                                                                    \
    F(exec)                                                                                                            \
    F(prepare_v2)                                                                                                      \
    F(bind_int64)                                                                                                      \
    F(bind_blob64)                                                                                                     \
    F(step)                                                                                                            \
    F(reset)                                                                                                           \
    F(finalize)                                                                                                        \
    F(column_blob)                                                                                                     \
    F(column_bytes)                                                                                                    \
    F(column_text)

struct sqlite {
#define FUNCTION(name) __typeof__(sqlite3_##name) *(name);
    SQLITE_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/* Opens the library, which stays, and finds them; the same for all who ask. NULL with `fault` ("library"): it is
 * missing, or too old. */
const struct sqlite *sqlite_load(struct fault *fault);

#endif

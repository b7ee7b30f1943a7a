/* lualib: the Lua modules of lualib/, and the files of its page, compiled into the program by CMake. */
#ifndef SCRIPT_LUALIB_H
#define SCRIPT_LUALIB_H

#include <stddef.h>

struct lualib_module {
    const char *name; /* "wsbot.response"; "index.html" */
    const char *source;
    size_t size;
};

/* Each ends with an entry without a name. */
extern const struct lualib_module lualib_modules[];
extern const struct lualib_module lualib_page[]; /* what `wsbot inspect` serves */

#endif

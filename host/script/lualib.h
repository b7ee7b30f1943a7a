/* lualib: the Lua modules of lualib/, compiled into the program by CMake. */
#ifndef SCRIPT_LUALIB_H
#define SCRIPT_LUALIB_H

#include <stddef.h>

struct lualib_module {
    const char *name; /* "wsbot.response" */
    const char *source;
    size_t size;
};

/* Ends with a module without a name. */
extern const struct lualib_module lualib_modules[];

#endif

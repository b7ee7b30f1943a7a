/* lualib: the Lua modules of lualib/, the files of its page, and its manual, compiled into the program by CMake. */
#ifndef SCRIPT_LUALIB_H
#define SCRIPT_LUALIB_H

#include <stddef.h>

struct lualib_module {
    const char *name; /* "wsbot.response"; "index.html"; "reload" */
    const char *source;
    size_t size;
};

/* Each ends with an entry without a name. */
extern const struct lualib_module lualib_modules[];
extern const struct lualib_module lualib_page[];   /* what `wsbot inspect` serves */
extern const struct lualib_module lualib_manual[]; /* the chapters, in Markdown */
extern const struct lualib_module lualib_types[];  /* lualib/meta: every name with its types (LuaCATS) */

#endif

/* option: how the value of an option of ws.connect is read from Lua, as its row (net/option.h) says. All functions
 * raise errors that name the option and what was wrong with it. The value is on the top of the stack, and stays
 * there. */
#ifndef SCRIPT_WS_OPTION_H
#define SCRIPT_WS_OPTION_H

#include "net/option.h"
#include <lua.h>

enum { L_OPTION_NAMES = 256 }; /* most names in a table that maps names to values */

/* Raises: "NAME must be EXPECTED, not TYPE". */
int l_option_wrong(lua_State *L, const char *name, const char *expected);

/* Reads the value as its row says, into the struct at `base`. For all kinds but tables, and those that only ws.connect
 * has. */
void l_option_read(lua_State *L, const struct option *o, void *base);

/* Frees the string `*to` and sets it to a copy of the value. */
void l_option_text(lua_State *L, const struct option *o, char **to);

/* Collects the names in the table at `value`, sorted, so that the same script always does the same; returns how many
 * there are. `names` has room for L_OPTION_NAMES; `all` and `one` are what errors call them. */
size_t l_option_names(lua_State *L, int value, const char *all, const char *one, const char **names);

/* Pushes a text as an error may show it, and returns it: cut, escaped, and without what may be a secret
 * (wire/secret.h). */
const char *l_option_shown(lua_State *L, const char *text, size_t n);

#endif

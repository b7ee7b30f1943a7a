/* option: how the value of an option of ws.connect is read from Lua, by its row (net/option.h). All of it raises errors
 * that name the option, and what was wrong with it. A value stands on the top of the stack, and stays there. */
#ifndef SCRIPT_WS_OPTION_H
#define SCRIPT_WS_OPTION_H

#include "net/option.h"
#include <lua.h>

enum { L_OPTION_NAMES = 256 }; /* in a table that maps names to values */

/* Raises: "NAME must be EXPECTED, not TYPE". */
int l_option_wrong(lua_State *L, const char *name, const char *expected);

/* Reads the value as its row says, into the struct at `base`: all kinds but tables, and what only ws.connect has. */
void l_option_read(lua_State *L, const struct option *o, void *base);

/* Puts a copy of the text in the place of `*to`, which is freed. */
void l_option_text(lua_State *L, const struct option *o, char **to);

/* The names in the table at `value`, in order, so that the same script always does the same. `names` has room for
 * L_OPTION_NAMES; `all` and `one` are what errors call them. */
size_t l_option_names(lua_State *L, int value, const char *all, const char *one, const char **names);

/* Pushes a text as an error may show it: cut, escaped, and without what may be a secret (wire/secret.h). */
const char *l_option_shown(lua_State *L, const char *text, size_t n);

#endif

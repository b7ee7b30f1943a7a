/* option: how options of ws.connect are read from Lua: a value of each kind, and a table of them. All of it raises
 * errors that name the option, and what was wrong with it. A value stands on the top of the stack, and stays there. */
#ifndef SCRIPT_WS_OPTION_H
#define SCRIPT_WS_OPTION_H

#include "script/ws/conn.h"

enum { L_OPTION_NAMES = 256 }; /* in a table that maps names to values */

/* An option and its reader, which finds its value, not nil. A list of them ends with NULL; it has 64 at most. */
struct l_option {
    const char *name;
    void (*read)(lua_State *L, int box, const char *name);
};

/* Raises: "NAME must be EXPECTED, not TYPE". */
int l_option_wrong(lua_State *L, const char *name, const char *expected);

bool l_option_flag(lua_State *L, const char *name);
double l_option_number(lua_State *L, const char *name);
int l_option_whole_number(lua_State *L, const char *name, int least, int most);
uint64_t l_option_timeout(lua_State *L, const char *name); /* nanoseconds, more than 0 */

/* Puts a copy of the string in the place of `*to`, which is freed. It may have no CR, LF or NUL in it; a password may
 * have the first two. */
void l_option_keep_string(lua_State *L, char **to, const char *name);
void l_option_keep_secret(lua_State *L, char **to, const char *name);

/* The same of a string, or of those of a list, with commas between them. `rule`: what each must be. */
void l_option_keep_list(lua_State *L, char **to, const char *name, bool (*good)(struct slice), const char *rule);

/* The names in the table at `value`, in order, so that the same script always does the same. `names` has room for
 * L_OPTION_NAMES; `all` and `one` are what errors call them. */
size_t l_option_names(lua_State *L, int value, const char *all, const char *one, const char **names);

/* What was probably meant by a name that is not known: the nearest of `known` (may be NULL), from its letter `skip` on,
 * and, where those may stand, of the callbacks; NULL where none is near. */
const char *l_option_meant(const char *name, const struct l_option *known, size_t skip, bool callbacks);

/* Pushes a text as an error may show it: cut, escaped, and without what may be a secret (wire/secret.h). */
const char *l_option_shown(lua_State *L, const char *text, size_t n);

/* Which of `known` a table may have: bits, by their places in the list. Other keys are an error, but for the names of
 * callbacks where `heard` is not NULL: it gets those, bits, 1 << callback. `prefix` is what the names of `known` have
 * in front ("tls."). */
uint64_t l_option_given(lua_State *L, int table, const struct l_option *known, unsigned *heard, const char *prefix);

/* Reads those that may be there, in the order of the list, so that the first error is always the same. */
void l_option_read(lua_State *L, int table, int box, const struct l_option *known, uint64_t given, const char *prefix);

/* Both, for a table without callbacks. */
void l_option_read_table(lua_State *L, int table, int box, const struct l_option *known, const char *prefix);

#endif

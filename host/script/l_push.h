/* l_push: results that many functions return: success, or nil and why not; and fields of tables. */
#ifndef SCRIPT_L_PUSH_H
#define SCRIPT_L_PUSH_H

#include "base/buf.h"
#include <lua.h>

/* Each returns how many values it has pushed. */

/* true */
int l_push_true(lua_State *L);

/* nil, a word and, where there is one, a message. */
int l_push_failure(lua_State *L, const char *word, const char *message);

/* true where `why` is NULL; otherwise nil and `why`. */
int l_push_unless(lua_State *L, const char *why);

/* true, or of a negative enum err nil and its word. */
int l_push_done(lua_State *L, int rc);

/* What a wait gives for the value on the top: true and the values of that list (with its length `n`); or, where it
 * `failed`, nil, "failed" and that error. */
int l_push_outcome(lua_State *L, bool failed);

/* A string of these bytes; the buffer is cleared. May raise (memory). */
int l_push_bytes(lua_State *L, struct buf *bytes);

/* A continuation (lua_KFunction) for waits after which nothing is returned. */
int l_push_nothing(lua_State *L, int status, lua_KContext ctx);

/* Pushes the table that the registry has under `key`; puts an empty one there where it is missing. May raise. */
void l_push_registered(lua_State *L, const void *key);

/* Puts a new table with weak values into the registry, under `key`. May raise. */
void l_register_weak(lua_State *L, const void *key);

/* Set a field of the table on the top; where the string is NULL, nothing is set. May raise. */
void l_set_string(lua_State *L, const char *name, const char *value);
void l_set_integer(lua_State *L, const char *name, lua_Integer value);
void l_set_number(lua_State *L, const char *name, lua_Number value);
void l_set_flag(lua_State *L, const char *name, bool value);

#endif

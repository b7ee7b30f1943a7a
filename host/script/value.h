/* value: a Lua value as people read it: strings in quotes, tables with what is in them, to a depth, keys in order,
 * cycles cut, all of it bounded. No Lua code runs for it, no metamethod and no finalizer, and no memory of the Lua
 * state is taken but stack: so it may be called wherever the state is at rest. */
#ifndef SCRIPT_VALUE_H
#define SCRIPT_VALUE_H

#include "base/buf.h"
#include <lua.h>

enum {
    VALUE_DEPTH = 6,     /* tables within each other */
    VALUE_ENTRIES = 100, /* of one table */
    VALUE_STRING = 2048, /* bytes of one string */
    VALUE_MOST = 65536,  /* bytes of all */
    VALUE_WIDTH = 76,    /* columns: a table that does not fit takes a line for each entry */
};

/* Appends the value at `index`. What is left out is told in its place. */
void value_append(struct buf *out, lua_State *L, int index);

#endif

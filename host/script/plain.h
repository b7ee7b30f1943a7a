/* plain: what host.state holds, plain data: booleans, numbers, strings, json.null and tables of those. Here is what all
 * who go through it share: which tables they have met, and how they say what is not plain, and where. Nothing here
 * raises, runs Lua code or takes memory of Lua's. */
#ifndef SCRIPT_PLAIN_H
#define SCRIPT_PLAIN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAIN_DEPTH_MOST = 4000 }; /* tables within tables */

/* Which tables were met: `met` has their addresses, in order; `places` finds an address in it, by open addressing. It
 * is kept small: page faults would cost more than probing. All zero: none was. */
struct plain_memo {
    const void **met;
    uint32_t *places;  /* indices into `met`, counted from 1; 0: free */
    size_t size, used; /* of `places`, a power of 2 or 0; of `met` */
};

/* The number of that table, counted from 1; 0: it was not met. */
size_t plain_recall(const struct plain_memo *m, const void *table);

/* Notes a table that was not met before, under the number m->used + 1. False: there is no memory for it. */
bool plain_remember(struct plain_memo *m, const void *table);

/* Gives its memory back. */
void plain_forget(struct plain_memo *m);

/* A table on the way from the root to where one is; its key is on the stack of `L`. */
struct plain_level {
    const struct plain_level *up;
    lua_State *L;
    int key; /* index on that stack */
};

/* Sets `*why`, to be freed by the caller: `what` is wrong in the state `name`, at the path that ends with `l`:
 * host.state "name".rows[3].f is a function. Returns false. */
bool plain_refuse(char **why, const char *name, const struct plain_level *l, const char *what);

/* Is the metatable on the top, which is taken away, the mark of json.array? Its only field tells. */
bool plain_take_array_mark(lua_State *L);

/* Is the value at that index json.null, as cjson has it too? */
static inline bool plain_is_null(lua_State *L, int index) {
    return lua_islightuserdata(L, index) && !lua_touserdata(L, index);
}

#endif

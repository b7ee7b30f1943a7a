/* box: a C object as Lua sees it: a userdata that is anchored while its object is live, so that nobody need keep it,
 * and that is collected like anything else afterwards. The only user of the registry.
 *
 * Lua calls a finalizer once, and drops it where it has no stack or no memory to call it with. So what C points to lies
 * in memory of its own, and the userdata only refers to it: whatever lost its finalizer ends with its engine. */
#ifndef SCRIPT_BOX_H
#define SCRIPT_BOX_H

#include <lauxlib.h>
#include <stdbool.h>

struct engine;

struct box_type {
    const char *name;          /* of its metatable: what error messages call it */
    size_t size;               /* bytes of the object */
    int values;                /* user values of the userdata */
    bool closes;               /* a <close> variable ends it, too */
    void (*end)(void *object); /* takes all links to it back and frees it; runs no Lua code, does not raise */
};

/* What such an object begins with. */
struct box {
    const struct box_type *type;
    struct box *next, **at; /* of those of its engine */
};

/* Pushes the metatable of a type of userdata, with these metamethods, and these methods behind the dot (both may be
 * NULL). Scripts never get it: getmetatable gives them the name. So what is done when one is collected cannot be
 * undone, and no userdata can be passed off as one (see l_debug.c). May raise. */
void l_box_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

/* The same for what l_box_new makes; its finalizer is added. */
void l_box_open(lua_State *L, const struct box_type *type, const luaL_Reg *meta, const luaL_Reg *methods);

/* Pushes a userdata that refers to a new object, all zero but for its struct box, which is counted. Raises without
 * memory. */
void *l_box_new(lua_State *L, const struct box_type *type);

/* The object of the userdata at `index`. l_box_get raises where there is none, also where its end came first: while a
 * state is closed finalizers may still call one. */
void *l_box_get(lua_State *L, int index, const struct box_type *type);
void *l_box_look(lua_State *L, int index, const struct box_type *type);

/* Ends those that the engine still has; its state is closed. */
void box_end_all(struct engine *e);

/* Keeps the userdata at `index` alive until box_unanchor; `box` is the address of its object. May raise (memory). */
void box_anchor(lua_State *L, int index, void *box);

/* Lets it be collected when nobody else keeps it. Does not raise. */
void box_unanchor(lua_State *L, void *box);
bool box_is_anchored(lua_State *L, const void *box);

/* Pushes the userdata of an anchored box: true; or nothing: false. Needs one stack slot, does not raise. */
bool box_push(lua_State *L, void *box);

#endif

/* box: a C object as Lua sees it: a userdata that refers to the object. While the object is live, the registry anchors
 * its userdata, so that a script need not keep it; afterwards it is collected like any other value. Only this file sets
 * such anchors.
 *
 * Lua calls a finalizer once, and skips it where there is no stack or memory left to call it with. So the object, which
 * C points to, has memory of its own, and the userdata only refers to it: an object whose finalizer was skipped ends
 * with its engine (box_end_all). */
#ifndef SCRIPT_BOX_H
#define SCRIPT_BOX_H

#include <lauxlib.h>
#include <stdbool.h>

struct engine;

struct box_type {
    const char *name;          /* of the metatable; error messages call the type so */
    size_t size;               /* bytes of the object, its struct box included */
    int values;                /* user values of the userdata */
    bool closes;               /* leaving the scope of a <close> variable ends the object, too */
    void (*end)(void *object); /* removes all pointers to the object and frees it; runs no Lua code, does not raise */
};

/* The first member of every such object. */
struct box {
    const struct box_type *type;
    struct box *next, **at; /* in the list of its engine's objects */
};

/* Pushes a new metatable for a type of userdata, with these metamethods, and with these methods as its __index (both
 * may be NULL). Scripts never get the metatable: getmetatable gives them the name. So a script cannot remove the
 * finalizer, and cannot make another userdata pass as one of this type (see l_debug.c). May raise. */
void l_box_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

/* The same for a type whose userdata l_box_new makes; adds their finalizer. */
void l_box_open(lua_State *L, const struct box_type *type, const luaL_Reg *meta, const luaL_Reg *methods);

/* Pushes a userdata that refers to a new object, all zero but for its struct box. The object's size is counted in the
 * engine's account until it ends. Raises without memory. */
void *l_box_new(lua_State *L, const struct box_type *type);

/* The object of the userdata at `index`. Where the value is no such userdata, or its object has ended (while a state is
 * closed, finalizers may still use it), l_box_get raises and l_box_look returns NULL. */
void *l_box_get(lua_State *L, int index, const struct box_type *type);
void *l_box_look(lua_State *L, int index, const struct box_type *type);

/* Ends the objects that the engine still has, after its state was closed. */
void box_end_all(struct engine *e);

/* Keeps the userdata at `index` alive until box_unanchor; `box` is the address of its object. May raise (memory). */
void box_anchor(lua_State *L, int index, void *box);

/* Takes the anchor of this object away: its userdata may be collected when nothing in Lua refers to it. Does not
 * raise. */
void box_unanchor(lua_State *L, void *box);
bool box_is_anchored(lua_State *L, const void *box);

/* Pushes the userdata of this object and returns true; where it is not anchored, pushes nothing and returns false.
 * Needs one stack slot, does not raise. */
bool box_push(lua_State *L, void *box);

#endif

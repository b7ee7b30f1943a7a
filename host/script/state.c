/* state: the registry of a Lua state has two tables that map names to states: those that the script has asked for, and
 * those that were copied from the last generation and not asked for yet.
 *
 * Copying runs in a protected call of the new Lua state, and takes all memory there; from the old one it only reads, by
 * functions that cannot raise. */
#include "script/state.h"

#include "base/reserve.h"
#include "script/collector.h"
#include "script/door.h"
#include "script/durable.h"
#include "script/json/parts.h"
#include "script/l_callable.h"
#include "script/l_meant.h"
#include "script/l_push.h"
#include "script/plain.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The addresses of these are keys in the registry: looking them up takes no memory. */
static const char asked_key, came_key;

/* ---- host.state(name [, initial [, migrate or options]]) ---- */

/* Reads the third argument, and leaves `migrate` in its place. Is the state durable? */
static bool l_read_options(lua_State *L) {
    static const char *const names[] = {"migrate", "durable", NULL};
    if (lua_isnil(L, 3) || l_callable_is(L, 3)) return false;
    if (!lua_istable(L, 3)) luaL_typeerror(L, 3, "table of options, " L_CALLABLE);
    l_meant_only(L, 3, "host.state", names);
    int type = lua_getfield(L, 3, "durable");
    bool durable = lua_toboolean(L, -1);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN) luaL_error(L, "host.state: durable is true or false");
    if (lua_getfield(L, 3, "migrate") != LUA_TNIL && !l_callable_is(L, -1))
        luaL_error(L, "host.state: migrate is a " L_CALLABLE);
    lua_replace(L, 3);
    lua_settop(L, 3);
    return durable;
}

/* Has migrate, where there is one, change the table on the top, or give another in its place. */
static void l_migrate(lua_State *L, const char *name) {
    if (lua_isnil(L, 3)) return;
    lua_pushvalue(L, 3);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1); /* ..., old, migrated */
    if (lua_isnil(L, -1))
        lua_pop(L, 1); /* migrate has changed the table itself */
    else if (lua_istable(L, -1))
        lua_remove(L, -2);
    else
        luaL_error(L, "host.state '%s': migrate must return a table or nothing, not %s", name, luaL_typename(L, -1));
}

/* Pushes what the last generation has left under that name; or, where it is durable, the last process; or else what the
 * script begins with. Stack: name, initial, migrate, asked */
static void l_begin(lua_State *L, const char *name, bool durable) {
    l_push_registered(L, &came_key); /* ..., came */
    lua_pushvalue(L, 1);
    bool came = lua_rawget(L, 5) == LUA_TTABLE;
    if (!came) lua_pop(L, 1);
    if (came || (durable && l_durable_push(L, 1))) {
        l_migrate(L, name);
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        lua_rawset(L, 5);
    } else if (!lua_isnil(L, 2)) {
        lua_pushvalue(L, 2);
    } else {
        lua_newtable(L);
    }
}

int l_state(lua_State *L) {
    const char *name = luaL_checkstring(L, 1); /* for messages: it may have a NUL in it */
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 3);
    bool durable = l_read_options(L);
    if (durable) l_durable_check(L, name);
    l_push_registered(L, &asked_key); /* name, initial, migrate, asked */
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 4) != LUA_TTABLE) {
        lua_pop(L, 1);
        l_begin(L, name, durable); /* ..., asked, came, table */
        lua_pushvalue(L, 1);
        lua_pushvalue(L, -2);
        lua_rawset(L, 4);
    }
    if (durable) l_durable_add(L, 1, -1);
    return 1;
}

/* ---- copying ---- */

enum {
    SLICE = 256, /* copies in one list: a single list of all would be reallocated as it grows */
    NAMES = 32,  /* cached keys that are strings: many tables have the same; a power of 2 */
};

struct copying {
    lua_State *old;
    const char *name; /* of the state that is being copied */
    char *why;        /* what cannot be copied, and where */
    struct plain_memo memo;
    struct {
        int depth, fields;
    } last;                   /* the table copied last: the next one at its depth is often like it */
    const char *names[NAMES]; /* cached keys: strings of the old state */
    int first_name;           /* stack index in the new state of the copy of names[0] */
    int slices, slice;        /* stack indices in the new state: the list of lists of copies, and the last list */
};

/* Notes that the table on the top is the copy of `old`. */
static void l_remember(lua_State *L, struct copying *c, const void *old) {
    lua_Integer n = (lua_Integer)c->memo.used;
    if (n % SLICE == 0) {
        lua_createtable(L, SLICE, 0);
        lua_pushvalue(L, -1);
        lua_rawseti(L, c->slices, n / SLICE + 1);
        lua_replace(L, c->slice);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, c->slice, n % SLICE + 1);
    if (!plain_remember(&c->memo, old)) luaL_error(L, "not enough memory");
}

static void push_copy(lua_State *L, const struct copying *c, size_t n) {
    lua_rawgeti(L, c->slices, (lua_Integer)((n - 1) / SLICE + 1));
    lua_rawgeti(L, -1, (lua_Integer)((n - 1) % SLICE + 1));
    lua_remove(L, -2);
}

static bool copy_table(lua_State *L, struct copying *c, const struct plain_level *l, int depth);

/* Pushes a copy of the value on the top of the old stack. */
static bool copy_value(lua_State *L, struct copying *c, const struct plain_level *l, int depth) {
    lua_State *old = c->old;
    char what[64];
    size_t n;
    const char *text;
    switch (lua_type(old, -1)) {
    case LUA_TBOOLEAN: lua_pushboolean(L, lua_toboolean(old, -1)); return true;
    case LUA_TNUMBER:
        if (lua_isinteger(old, -1))
            lua_pushinteger(L, lua_tointeger(old, -1));
        else
            lua_pushnumber(L, lua_tonumber(old, -1));
        return true;
    case LUA_TSTRING:
        text = lua_tolstring(old, -1, &n);
        lua_pushlstring(L, text, n);
        return true;
    case LUA_TTABLE: return copy_table(L, c, l, depth);
    case LUA_TLIGHTUSERDATA:
        if (!plain_is_null(old, -1)) break;
        lua_pushlightuserdata(L, NULL);
        return true;
    default: break;
    }
    snprintf(what, sizeof what, "is a %s", luaL_typename(old, -1));
    return plain_refuse(&c->why, c->name, l, what);
}

/* How many elements the list in a table has, and how many other fields, counted up to a limit: the copy is made with
 * room for so many. */
static lua_Unsigned list_size(lua_State *old, int table) {
    lua_Unsigned n = lua_rawlen(old, table);
    return n < 1 << 20 ? n : 1 << 20;
}

static int fields_of(lua_State *old, int table, lua_Unsigned list) {
    enum { MOST = 32 };
    if (list > MOST) return 0;
    int n = 0;
    for (lua_pushnil(old); n < 2 * MOST && lua_next(old, table); lua_pop(old, 1)) n++;
    if (n == 2 * MOST) lua_pop(old, 1);
    return n > (int)list ? n - (int)list : 0; /* a list may have holes */
}

/* Pushes an empty table with room for a copy of the one at `table`. The first key, above it on the stack, tells whether
 * it begins with a list: where it does not, lua_rawlen would be slow. */
static void push_room(lua_State *L, const struct copying *c, int table, int depth) {
    enum { FEW = 8 };
    lua_State *old = c->old;
    lua_Unsigned list = lua_isinteger(old, table + 1) ? list_size(old, table) : 0;
    bool is_alike = list == 0 && c->last.depth == depth && c->last.fields <= FEW;
    lua_createtable(L, (int)list, is_alike ? c->last.fields : fields_of(old, table, list));
}

/* Pushes a copy of the key below the top of the old stack. */
static bool copy_key(lua_State *L, struct copying *c, const struct plain_level *l, int depth) {
    lua_State *old = c->old;
    if (lua_type(old, -2) != LUA_TSTRING) {
        lua_pushvalue(old, -2);
        if (!copy_value(L, c, l, depth)) return false;
        lua_pop(old, 1);
        return true;
    }
    size_t n;
    const char *text = lua_tolstring(old, -2, &n);
    int i = (int)((uintptr_t)text >> 4 & (NAMES - 1));
    if (c->names[i] != text) {
        lua_pushlstring(L, text, n);
        lua_replace(L, c->first_name + i);
        c->names[i] = text;
    }
    lua_pushvalue(L, c->first_name + i);
    return true;
}

static bool copy_table(lua_State *L, struct copying *c, const struct plain_level *up, int depth) {
    lua_State *old = c->old;
    size_t copy = plain_recall(&c->memo, lua_topointer(old, -1));
    if (copy) {
        push_copy(L, c, copy);
        return true;
    }
    if (depth == PLAIN_DEPTH_MOST || !lua_checkstack(old, 8))
        return plain_refuse(&c->why, c->name, up, "is nested too deep");
    bool marked = lua_getmetatable(old, -1);
    if (marked && !plain_take_array_mark(old)) return plain_refuse(&c->why, c->name, up, "has a metatable");
    luaL_checkstack(L, 8, "host.state");
    int table = lua_gettop(old), n = 0;
    lua_pushnil(old);
    bool any = lua_next(old, table);
    if (any)
        push_room(L, c, table, depth);
    else
        lua_newtable(L);
    if (marked) {
        l_json_push_array(L);
        lua_setmetatable(L, -2);
    }
    l_remember(L, c, lua_topointer(old, table));
    for (; any; any = lua_next(old, table), n++) { /* old: table, key, value */
        struct plain_level here = {.up = up, .L = old, .key = table + 1};
        if (!copy_key(L, c, &here, depth + 1) || !copy_value(L, c, &here, depth + 1)) return false;
        lua_rawset(L, -3);
        lua_pop(old, 1);
    }
    c->last.depth = depth;
    c->last.fields = n;
    return true;
}

/* Copies all states in the table that the old registry has under this key. Stack: slices, came, slice */
static bool copy_all(lua_State *L, struct copying *c, const char *key) {
    lua_State *old = c->old;
    if (lua_rawgetp(old, LUA_REGISTRYINDEX, key) != LUA_TTABLE) return true;
    for (lua_pushnil(old); lua_next(old, -2); lua_pop(old, 1)) {
        c->name = lua_tostring(old, -2);
        size_t n;
        const char *name = lua_tolstring(old, -2, &n);
        lua_pushlstring(L, name, n);
        if (!copy_value(L, c, NULL, 0)) return false;
        lua_rawset(L, 2);
    }
    return true;
}

static int l_copy(lua_State *L) {
    struct copying *c = l_door_given(L, l_copy);
    lua_newtable(L);
    l_push_registered(L, &came_key);
    lua_pushnil(L);
    luaL_checkstack(L, NAMES + LUA_MINSTACK, "host.state");
    lua_settop(L, 3 + NAMES);
    c->slices = 1;
    c->slice = 3;
    c->first_name = 4;
    if (copy_all(L, c, &asked_key)) copy_all(L, c, &came_key);
    return 0;
}

bool state_copy(struct engine *from, struct engine *to, char **why) {
    struct copying c = {.old = from->L, .last.depth = -1};
    int top = lua_gettop(from->L);
    if (!lua_checkstack(from->L, 16)) {
        *why = reserve_copy("not enough memory");
        return false;
    }
    lua_gc(to->L, LUA_GCSTOP); /* nothing that is copied is garbage */
    bool ok = door_call(to, l_copy, &c, why);
    lua_gc(to->L, LUA_GCRESTART);
    collector_rest(to);
    plain_forget(&c.memo);
    lua_settop(from->L, top);
    if (ok && c.why) *why = c.why;
    return ok && !c.why;
}

/* ---- their names ---- */

struct each {
    void (*tell)(void *arg, const char *name);
    void *arg;
};

static int l_each(lua_State *L) {
    const struct each *each = l_door_given(L, l_each);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &asked_key) != LUA_TTABLE) return 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) each->tell(each->arg, lua_tostring(L, -2));
    return 0;
}

void state_each(struct engine *e, void (*tell)(void *arg, const char *name), void *arg) {
    struct each each = {tell, arg};
    door_call(e, l_each, &each, NULL);
}

/* state: the registry of a Lua state has two tables that map names to states: those that the script has asked for, and
 * those that were copied from the last generation and not asked for yet.
 *
 * Copying runs in a protected call of the new Lua state, and takes all memory there; from the old one it only reads, by
 * functions that cannot raise. */
#include "script/state.h"

#include "base/number.h"
#include "base/reserve.h"
#include "script/collector.h"
#include "script/door.h"
#include "script/json/parts.h"
#include "script/l_callable.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The addresses of these are keys in the registry: looking them up takes no memory. */
static const char asked_key, came_key;

enum { DEPTH_MAX = 4000 }; /* tables within tables */

/* Pushes the table that the registry has under this key; makes it where it is missing. */
static void push_table(lua_State *L, const char *key) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* ---- host.state(name [, initial [, migrate]]) ---- */

int l_state(lua_State *L) {
    const char *name = luaL_checkstring(L, 1); /* for messages: it may have a NUL in it */
    if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    if (!lua_isnoneornil(L, 3)) l_callable_check(L, 3);
    lua_settop(L, 3);
    push_table(L, &asked_key); /* name, initial, migrate, asked */
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 4) == LUA_TTABLE) return 1;
    lua_pop(L, 1);
    push_table(L, &came_key); /* ..., came */
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 5) == LUA_TTABLE) {
        if (!lua_isnil(L, 3)) {
            lua_pushvalue(L, 3);
            lua_pushvalue(L, 6);
            lua_call(L, 1, 1); /* ..., came, old, migrated */
            if (lua_isnil(L, -1))
                lua_pop(L, 1); /* migrate has changed the table itself */
            else if (!lua_istable(L, -1))
                return luaL_error(L, "host.state '%s': migrate must return a table or nothing, not %s", name,
                                  luaL_typename(L, -1));
        }
        lua_pushvalue(L, 1);
        lua_pushnil(L);
        lua_rawset(L, 5);
    } else if (!lua_isnil(L, 2)) {
        lua_pushvalue(L, 2);
    } else {
        lua_newtable(L);
    }
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 4);
    return 1;
}

/* ---- copying ---- */

/* A table on the way from the root to where the copying is; its key is on the old stack. */
struct level {
    const struct level *up;
    lua_State *old;
    int key; /* index on the old stack */
};

/* Which tables were copied: `old` has their addresses, in the order of copying; `places` finds an address in it, by
 * open addressing. It is kept small: page faults would cost more than probing. */
struct memo {
    const void **old;
    uint32_t *places;  /* indices into `old`, counted from 1; 0: free */
    size_t size, used; /* of `places`, a power of 2 or 0; of `old` */
};

enum {
    SLICE = 256, /* copies in one list: a single list of all would be reallocated as it grows */
    NAMES = 32,  /* cached keys that are strings: many tables have the same; a power of 2 */
};

struct copying {
    lua_State *old;
    const char *name; /* of the state that is being copied */
    char *why;        /* what cannot be copied, and where */
    struct memo memo;
    struct {
        int depth, fields;
    } last;                   /* the table copied last: the next one at its depth is often like it */
    const char *names[NAMES]; /* cached keys: strings of the old state */
    int first_name;           /* stack index in the new state of the copy of names[0] */
    int slices, slice;        /* stack indices in the new state: the list of lists of copies, and the last list */
};

/* The entry for `old` in `places`, or the free one where it would be. */
static uint32_t *find(const struct memo *m, const void *old) {
    size_t i = (size_t)((uintptr_t)old >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
    while (m->places[i &= m->size - 1] && m->old[m->places[i] - 1] != old) i++;
    return &m->places[i];
}

/* The number of the copy of `old`, counted from 1; 0: there is none. */
static size_t recall(const struct memo *m, const void *old) { return m->size ? *find(m, old) : 0; }

static void l_grow(lua_State *L, struct memo *m) {
    size_t size = m->size ? 2 * m->size : 256;
    uint32_t *places = size / 2 < UINT32_MAX ? calloc(size, sizeof *places) : NULL;
    const void **old = places ? realloc(m->old, size / 2 * sizeof *old) : NULL;
    if (old) m->old = old;
    if (!old) {
        free(places);
        luaL_error(L, "not enough memory");
    }
    free(m->places);
    m->places = places;
    m->size = size;
    for (size_t i = 0; i < m->used; i++) *find(m, m->old[i]) = (uint32_t)i + 1;
}

/* Notes that the table on the top is the copy of `old`. */
static void l_remember(lua_State *L, struct copying *c, const void *old) {
    struct memo *m = &c->memo;
    lua_Integer n = (lua_Integer)m->used;
    if (n % SLICE == 0) {
        lua_createtable(L, SLICE, 0);
        lua_pushvalue(L, -1);
        lua_rawseti(L, c->slices, n / SLICE + 1);
        lua_replace(L, c->slice);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, c->slice, n % SLICE + 1);
    if (2 * m->used >= m->size) l_grow(L, m);
    uint32_t *place = find(m, old);
    m->old[m->used] = old;
    *place = (uint32_t)++m->used;
}

static void push_copy(lua_State *L, const struct copying *c, size_t n) {
    lua_rawgeti(L, c->slices, (lua_Integer)((n - 1) / SLICE + 1));
    lua_rawgeti(L, -1, (lua_Integer)((n - 1) % SLICE + 1));
    lua_remove(L, -2);
}

static void print_key(FILE *out, lua_State *old, int key) {
    int type = lua_type(old, key);
    if (type == LUA_TSTRING) { /* no conversion, so this takes no memory */
        const char *text = lua_tostring(old, key);
        bool is_name = text[0] && !strchr("0123456789", text[0]) &&
                       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text);
        fprintf(out, is_name ? ".%.60s" : "[\"%.60s\"]", text);
    } else if (lua_isinteger(old, key)) {
        fprintf(out, "[%lld]", (long long)lua_tointeger(old, key));
    } else if (type == LUA_TNUMBER) {
        char number[32];
        number_print(number, sizeof number, "%g", lua_tonumber(old, key));
        fprintf(out, "[%s]", number);
    } else {
        fprintf(out, "[a %s]", lua_typename(old, type));
    }
}

static void print_path(FILE *out, const struct level *l) {
    if (!l) return;
    print_path(out, l->up);
    print_key(out, l->old, l->key);
}

/* Sets c->why: what cannot be copied, and the path to it, which ends with `l`. Returns false. */
static bool refuse(struct copying *c, const struct level *l, const char *what) {
    size_t size;
    FILE *out = open_memstream(&c->why, &size);
    if (!out) {
        c->why = reserve_copy("host.state: not enough memory");
        return false;
    }
    fprintf(out, "host.state \"%s\"", c->name);
    print_path(out, l);
    fprintf(out, " %s", what);
    fclose(out);
    return false;
}

static bool copy_table(lua_State *L, struct copying *c, const struct level *l, int depth);

/* Pushes a copy of the value on the top of the old stack. */
static bool copy_value(lua_State *L, struct copying *c, const struct level *l, int depth) {
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
        if (!lua_touserdata(old, -1)) { /* json.null */
            lua_pushlightuserdata(L, NULL);
            return true;
        }
        break;
    default: break;
    }
    snprintf(what, sizeof what, "is a %s", luaL_typename(old, -1));
    return refuse(c, l, what);
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
static bool copy_key(lua_State *L, struct copying *c, const struct level *l, int depth) {
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

/* Is the metatable on the top, which is taken away, the mark of json.array? Its only field tells, which is found
 * without taking memory. */
static bool take_array_mark(lua_State *old) {
    bool is = false;
    lua_pushnil(old);
    if (lua_next(old, -2)) {
        is = lua_type(old, -1) == LUA_TSTRING && strcmp(lua_tostring(old, -1), "json.array") == 0;
        lua_pop(old, 2);
    }
    lua_pop(old, 1);
    return is;
}

static bool copy_table(lua_State *L, struct copying *c, const struct level *up, int depth) {
    lua_State *old = c->old;
    size_t copy = recall(&c->memo, lua_topointer(old, -1));
    if (copy) {
        push_copy(L, c, copy);
        return true;
    }
    if (depth == DEPTH_MAX || !lua_checkstack(old, 8)) return refuse(c, up, "is nested too deep");
    bool marked = lua_getmetatable(old, -1);
    if (marked && !take_array_mark(old)) return refuse(c, up, "has a metatable");
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
        struct level here = {.up = up, .old = old, .key = table + 1};
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
    push_table(L, &came_key);
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
    free(c.memo.places);
    free(c.memo.old);
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

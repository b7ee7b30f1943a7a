/* durable_bytes: packing goes down the tables by recursion; unpacking, whose bytes may be anything, has the tables that
 * are not at their end on the Lua stack. */
#include "script/durable_bytes.h"

#include "script/json/parts.h"
#include "script/plain.h"
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- to bytes ---- */

struct packing {
    lua_State *L;
    const char *name;
    struct buf *out;
    char **why;
    struct plain_memo memo;
};

static bool fail(const struct packing *p, const struct plain_level *l, int rc) {
    return plain_refuse(p->why, p->name, l, rc == ERR_FULL ? "makes it too large" : "finds no memory");
}

static int put_number(struct buf *out, enum durable_kind kind, uint64_t n) {
    uint8_t bytes[1 + 10] = {(uint8_t)kind};
    size_t size = 1;
    for (; n >= 0x80; n >>= 7) bytes[size++] = (uint8_t)(n | 0x80);
    bytes[size++] = (uint8_t)n;
    return buf_append(out, slice_of(bytes, size));
}

/* The sign of a number goes to its lowest bit, so that small ones are short. */
static uint64_t fold(lua_Integer n) { return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0); }
static lua_Integer unfold(uint64_t n) { return (lua_Integer)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0)); }

static int put_float(struct buf *out, lua_Number n) {
    uint8_t bytes[1 + sizeof(uint64_t)] = {DURABLE_FLOAT};
    uint64_t bits;
    memcpy(&bits, &n, sizeof bits);
    for (size_t i = 1; i < sizeof bytes; i++, bits >>= 8) bytes[i] = (uint8_t)bits;
    return buf_append(out, slice_of(bytes, sizeof bytes));
}

static int put_string(struct buf *out, lua_State *L, int index) {
    size_t n;
    const char *text = lua_tolstring(L, index, &n);
    int rc = put_number(out, DURABLE_STRING, n);
    return rc < 0 ? rc : buf_append(out, slice_of(text, n));
}

static bool pack_table(struct packing *p, const struct plain_level *up, int index, int depth);

/* Packs the value at that index, counted from the bottom. */
static bool pack(struct packing *p, const struct plain_level *l, int index, int depth) {
    lua_State *L = p->L;
    char what[64];
    int rc, type = lua_type(L, index);
    if (type == LUA_TTABLE) return pack_table(p, l, index, depth);
    if (type == LUA_TBOOLEAN) {
        rc = buf_append_byte(p->out, lua_toboolean(L, index) ? DURABLE_TRUE : DURABLE_FALSE);
    } else if (type == LUA_TNUMBER && lua_isinteger(L, index)) {
        rc = put_number(p->out, DURABLE_INTEGER, fold(lua_tointeger(L, index)));
    } else if (type == LUA_TNUMBER) {
        rc = put_float(p->out, lua_tonumber(L, index));
    } else if (type == LUA_TSTRING) {
        rc = put_string(p->out, L, index);
    } else if (plain_is_null(L, index)) {
        rc = buf_append_byte(p->out, DURABLE_NULL);
    } else {
        snprintf(what, sizeof what, "is a %s", luaL_typename(L, index));
        return plain_refuse(p->why, p->name, l, what);
    }
    return rc == 0 || fail(p, l, rc);
}

/* Packs all keys and values of a table, which come above what is on the stack. */
static bool pack_fields(struct packing *p, const struct plain_level *up, int table, int depth) {
    lua_State *L = p->L;
    struct plain_level here = {.up = up, .L = L, .key = lua_gettop(L) + 1};
    for (lua_pushnil(L); lua_next(L, table); lua_settop(L, here.key))
        if (!pack(p, &here, here.key, depth) || !pack(p, &here, here.key + 1, depth)) return false;
    int rc = buf_append_byte(p->out, DURABLE_END);
    return rc == 0 || fail(p, up, rc);
}

static bool pack_table(struct packing *p, const struct plain_level *up, int index, int depth) {
    lua_State *L = p->L;
    size_t met = plain_recall(&p->memo, lua_topointer(L, index));
    int rc;
    if (met) {
        rc = put_number(p->out, DURABLE_AGAIN, met - 1);
        return rc == 0 || fail(p, up, rc);
    }
    if (depth == PLAIN_DEPTH_MOST || !lua_checkstack(L, 8))
        return plain_refuse(p->why, p->name, up, "is nested too deep");
    bool marked = lua_getmetatable(L, index);
    if (marked && !plain_take_array_mark(L)) return plain_refuse(p->why, p->name, up, "has a metatable");
    if (!plain_remember(&p->memo, lua_topointer(L, index))) return fail(p, up, ERR_NOMEM);
    rc = buf_append_byte(p->out, marked ? DURABLE_ARRAY : DURABLE_TABLE);
    return rc == 0 ? pack_fields(p, up, index, depth + 1) : fail(p, up, rc);
}

bool durable_pack(lua_State *L, const char *name, struct buf *out, char **why) {
    struct packing p = {.L = L, .name = name, .out = out, .why = why};
    int top = lua_gettop(L), rc = buf_append_byte(out, DURABLE_VERSION);
    bool ok = rc == 0 ? pack(&p, NULL, top, 0) : fail(&p, NULL, rc);
    plain_forget(&p.memo);
    lua_settop(L, top);
    return ok;
}

/* ---- and back ---- */

struct unpacking {
    const char *name;
    struct slice left;
    int met;                        /* stack index of the list of tables */
    lua_Integer tables;             /* in it */
    int depth;                      /* tables that are not at their end */
    bool has_key[PLAIN_DEPTH_MOST]; /* of each: its next value is that of the key on the stack */
};

static int l_damaged(lua_State *L, const struct unpacking *u, const char *what) {
    return luaL_error(L, "host.state '%s': what is kept of it cannot be read: %s", u->name, what);
}

static uint8_t l_take_byte(lua_State *L, struct unpacking *u) {
    if (!u->left.n) l_damaged(L, u, "it ends too early");
    uint8_t byte = u->left.p[0];
    u->left = slice_skip(u->left, 1);
    return byte;
}

static uint64_t l_take_varint(lua_State *L, struct unpacking *u) {
    uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = l_take_byte(L, u);
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return n;
    }
    l_damaged(L, u, "a number is too long");
    return 0;
}

static lua_Number l_take_float(lua_State *L, struct unpacking *u) {
    uint64_t bits = 0;
    lua_Number n;
    for (unsigned shift = 0; shift < 64; shift += 8) bits |= (uint64_t)l_take_byte(L, u) << shift;
    memcpy(&n, &bits, sizeof n);
    return n;
}

static void l_push_string(lua_State *L, struct unpacking *u) {
    uint64_t n = l_take_varint(L, u);
    if (n > u->left.n) l_damaged(L, u, "a string ends too early");
    lua_pushlstring(L, (const char *)u->left.p, (size_t)n);
    u->left = slice_skip(u->left, (size_t)n);
}

/* Pushes a table that begins. */
static void l_begin_table(lua_State *L, struct unpacking *u, bool marked) {
    if (u->depth == PLAIN_DEPTH_MOST) l_damaged(L, u, "it is nested too deep");
    luaL_checkstack(L, 8, "host.state");
    lua_newtable(L);
    if (marked) {
        l_json_push_array(L);
        lua_setmetatable(L, -2);
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, u->met, ++u->tables);
    u->has_key[u->depth++] = false;
}

static void l_push_again(lua_State *L, struct unpacking *u) {
    uint64_t number = l_take_varint(L, u);
    if (number >= (uint64_t)u->tables) l_damaged(L, u, "it refers to a table that is not there");
    lua_rawgeti(L, u->met, (lua_Integer)number + 1);
}

static void l_end_table(lua_State *L, struct unpacking *u) {
    if (u->depth == 0 || u->has_key[u->depth - 1]) l_damaged(L, u, "it ends in the middle of a table");
    u->depth--;
}

/* Reads what comes next: pushes a value, begins a table, or ends one. Is a whole value on the top now? */
static bool l_step(lua_State *L, struct unpacking *u) {
    switch (l_take_byte(L, u)) {
    case DURABLE_END: l_end_table(L, u); return true;
    case DURABLE_FALSE: lua_pushboolean(L, 0); return true;
    case DURABLE_TRUE: lua_pushboolean(L, 1); return true;
    case DURABLE_NULL: lua_pushlightuserdata(L, NULL); return true;
    case DURABLE_INTEGER: lua_pushinteger(L, unfold(l_take_varint(L, u))); return true;
    case DURABLE_FLOAT: lua_pushnumber(L, l_take_float(L, u)); return true;
    case DURABLE_STRING: l_push_string(L, u); return true;
    case DURABLE_TABLE: l_begin_table(L, u, false); return false;
    case DURABLE_ARRAY: l_begin_table(L, u, true); return false;
    case DURABLE_AGAIN: l_push_again(L, u); return true;
    default: return l_damaged(L, u, "it has a kind of value that there is not");
    }
}

/* The value on the top belongs to the innermost table: it is a key, or the value of the key below it. */
static void l_put(lua_State *L, struct unpacking *u) {
    bool *has_key = &u->has_key[u->depth - 1];
    if (*has_key)
        lua_rawset(L, -3);
    else if (lua_type(L, -1) == LUA_TNUMBER && isnan(lua_tonumber(L, -1)))
        l_damaged(L, u, "a key is no number");
    *has_key = !*has_key;
}

void l_durable_unpack(lua_State *L, const char *name, struct slice bytes) {
    struct unpacking u = {.name = name, .left = bytes};
    uint8_t version = l_take_byte(L, &u);
    if (version != DURABLE_VERSION) l_damaged(L, &u, "it is of another version");
    lua_newtable(L);
    u.met = lua_gettop(L);
    do {
        if (l_step(L, &u) && u.depth) l_put(L, &u);
    } while (u.depth);
    if (!lua_istable(L, -1)) l_damaged(L, &u, "it is no table");
    if (u.left.n) l_damaged(L, &u, "something is behind its end");
    lua_remove(L, u.met);
}

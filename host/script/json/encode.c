/* encode: from values to text. A table is written as it is walked: the first key tells what it is, and where a list is
 * not walked in its order, it is begun again. */
#include "script/json/parts.h"
#include "script/l_meant.h"

#include "base/err.h"
#include "base/json_write.h"
#include "wire/utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 6, /* of the Lua stack that a level takes */
    INDENT_MOST = 16,
};

struct encoder {
    lua_State *L;
    struct buf *out;
    int base;   /* index of the value that is encoded; each level has its key and value above */
    int indent; /* spaces of a level; 0: all in one line */
    bool sorts; /* names in order of their bytes */
    bool looks; /* at each string, whether it is UTF-8 */
    unsigned depth;
    int array;                 /* index of the metatable of arrays */
    int keys[JSON_DEPTH_MOST]; /* where on the stack the key is that each level is at */
};

/* ---- errors ---- */

static void add_key(luaL_Buffer *b, lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TSTRING) {
        luaL_addchar(b, '.');
        lua_pushvalue(L, index);
    } else {
        lua_pushfstring(L, "[%I]", lua_tointeger(L, index));
    }
    luaL_addvalue(b);
}

/* Raises: "json.encode: value.a[2]: why". */
static int refuse(struct encoder *e, const char *why) {
    enum { SHOWN_MOST = 20 };
    lua_State *L = e->L;
    luaL_Buffer b;
    luaL_checkstack(L, 10, NULL);
    luaL_buffinit(L, &b);
    luaL_addstring(&b, "value");
    for (unsigned i = 0; i < e->depth && i < SHOWN_MOST; i++) add_key(&b, L, e->keys[i]);
    if (e->depth > SHOWN_MOST) luaL_addstring(&b, " ...");
    luaL_pushresult(&b);
    return luaL_error(L, "json.encode: %s: %s", lua_tostring(L, -1), why);
}

static void must(struct encoder *e, int rc) {
    if (rc == 0) return;
    luaL_error(e->L, rc == ERR_NOMEM ? "not enough memory" : "json.encode: the text grows too large");
}

/* ---- values ---- */

static void put_value(struct encoder *e);

static void put(struct encoder *e, const char *text, size_t n) { must(e, buf_append(e->out, slice_of(text, n))); }
static void put_byte(struct encoder *e, char c) { must(e, buf_append_byte(e->out, (uint8_t)c)); }

static void put_string(struct encoder *e, int index) {
    size_t n;
    const char *text = lua_tolstring(e->L, index, &n);
    if (e->looks && !utf8_valid(slice_of(text, n))) refuse(e, "a string that is not UTF-8");
    must(e, json_put_string(e->out, slice_of(text, n)));
}

static void put_number(struct encoder *e) {
    if (lua_isinteger(e->L, -1)) {
        must(e, json_put_integer(e->out, lua_tointeger(e->L, -1)));
        return;
    }
    double value = lua_tonumber(e->L, -1);
    if (!isfinite(value)) refuse(e, isnan(value) ? "nan has no JSON" : "infinity has no JSON");
    must(e, json_put_real(e->out, value));
}

static void put_line(struct encoder *e) {
    if (!e->indent) return;
    put_byte(e, '\n');
    for (unsigned i = 0; i < e->depth * (unsigned)e->indent; i++) put_byte(e, ' ');
}

/* ---- tables ---- */

/* A table on the way down that is this one again. */
static void look_for_cycle(struct encoder *e, int table) {
    const void *mine = lua_topointer(e->L, table);
    for (unsigned i = 0; i + 1 < e->depth; i++) {
        int above = i == 0 ? e->base : e->keys[i - 1] + 1;
        if (lua_topointer(e->L, above) != mine) continue;
        refuse(e, "a cycle: this table is one of those that it is in");
    }
}

static void go_in(struct encoder *e, int table) {
    if (e->depth + 1 == JSON_DEPTH_MOST) {
        look_for_cycle(e, table);
        refuse(e, "tables are nested too deeply");
    }
    luaL_checkstack(e->L, SLOTS, "JSON");
}

/* The value on the top is the next of an array or object that is open; its key is below it. */
static void put_next(struct encoder *e, int64_t n) {
    if (n > 1) put_byte(e, ',');
    put_line(e);
}

/* A list that is not walked in order: its places are asked for one by one. False: it has other keys, or a hole. */
static bool is_list(struct encoder *e, int table, lua_Integer *length) {
    lua_State *L = e->L;
    lua_Integer count = 0, most = 0;
    for (lua_pushnil(L); lua_next(L, table); count++) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        lua_pop(L, 1);
        if (key < 1) {
            lua_pop(L, 1);
            return false;
        }
        if (key > most) most = key;
    }
    *length = most;
    return most == count;
}

static void put_list(struct encoder *e, int table) {
    lua_State *L = e->L;
    lua_Integer n = 0;
    if (!is_list(e, table, &n)) {
        e->depth--;
        refuse(e, n ? "a list with a hole has no JSON"
                    : "a table with other keys than strings, or than 1 to n, has no JSON");
    }
    put_byte(e, '[');
    for (lua_Integer i = 1; i <= n; i++) {
        lua_pushinteger(L, i);
        lua_rawgeti(L, table, i);
        put_next(e, i);
        put_value(e);
        lua_pop(L, 2);
    }
}

/* The first pair is on the top, its key is 1. */
static void put_array(struct encoder *e, int table) {
    lua_State *L = e->L;
    size_t begins = e->out->len;
    lua_Integer n = 0;
    put_byte(e, '[');
    do {
        if (!lua_isinteger(L, -2) || lua_tointeger(L, -2) != ++n) {
            lua_pop(L, 2);
            e->out->len = begins;
            put_list(e, table);
            return;
        }
        put_next(e, n);
        put_value(e);
        lua_pop(L, 1);
    } while (lua_next(L, table));
}

static void put_member(struct encoder *e, int64_t n) {
    put_next(e, n);
    if (lua_type(e->L, -2) != LUA_TSTRING) {
        e->depth--;
        refuse(e, "a table with keys of both kinds, strings and others, has no JSON");
    }
    put_string(e, -2);
    put_byte(e, ':');
    if (e->indent) put_byte(e, ' ');
    put_value(e);
}

/* The first pair is on the top, its key is a string. */
static void put_object(struct encoder *e, int table) {
    int64_t n = 0;
    put_byte(e, '{');
    do {
        put_member(e, ++n);
        lua_pop(e->L, 1);
    } while (lua_next(e->L, table));
}

static int by_bytes(const void *a, const void *b) {
    const struct slice *x = a, *y = b;
    int rc = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return rc ? rc : (x->n > y->n) - (x->n < y->n);
}

/* The same, in order. Stack: list of names (a userdata), while it is written. */
static void put_sorted(struct encoder *e, int table) {
    lua_State *L = e->L;
    size_t count = 0, i = 0;
    lua_pop(L, 2);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) count++;
    struct slice *names = lua_newuserdatauv(L, count * sizeof *names, 0);
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        size_t n = 0;
        const char *text = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &n) : NULL;
        if (!text) put_member(e, 1); /* which refuses it */
        names[i++] = slice_of(text, n);
    }
    qsort(names, count, sizeof *names, by_bytes);
    put_byte(e, '{');
    for (i = 0; i < count; i++) {
        lua_pushlstring(L, (const char *)names[i].p, names[i].n);
        lua_pushvalue(L, -1);
        lua_rawget(L, table);
        e->keys[e->depth - 1] = lua_gettop(L) - 1;
        put_member(e, (int64_t)i + 1);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

static bool is_marked(struct encoder *e, int table) {
    if (!lua_getmetatable(e->L, table)) return false;
    bool marked = lua_rawequal(e->L, -1, e->array);
    lua_pop(e->L, 1);
    return marked;
}

static void put_table(struct encoder *e) {
    lua_State *L = e->L;
    int table = lua_gettop(L);
    go_in(e, table);
    e->keys[e->depth++] = table + 1;
    lua_pushnil(L);
    bool any = lua_next(L, table);
    bool array = any ? lua_type(L, -2) != LUA_TSTRING : is_marked(e, table);
    if (!any)
        put_byte(e, array ? '[' : '{');
    else if (array)
        put_array(e, table);
    else if (e->sorts)
        put_sorted(e, table);
    else
        put_object(e, table);
    e->depth--;
    if (any) put_line(e);
    put_byte(e, array ? ']' : '}');
}

/* The text that a view is of. */
static bool put_view(struct encoder *e) {
    struct slice text;
    if (!json_view_text(e->L, -1, &text)) return false;
    must(e, buf_append(e->out, text));
    return true;
}

static void put_value(struct encoder *e) {
    lua_State *L = e->L;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: put_string(e, -1); break;
    case LUA_TNUMBER: put_number(e); break;
    case LUA_TTABLE: put_table(e); break;
    case LUA_TBOOLEAN: lua_toboolean(L, -1) ? put(e, "true", 4) : put(e, "false", 5); break;
    case LUA_TNIL: put(e, "null", 4); break;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, -1)) {
            put(e, "null", 4);
            break;
        }
        refuse(e, "a pointer of C has no JSON");
        break;
    case LUA_TUSERDATA:
        if (put_view(e)) break; /* fall through */
    default: refuse(e, lua_pushfstring(L, "a %s has no JSON", luaL_typename(L, -1)));
    }
}

/* ---- the whole ---- */

static void read_options(struct encoder *e, int index) {
    lua_State *L = e->L;
    if (lua_isnoneornil(L, index)) return;
    static const char *const names[] = {"indent", "sort", NULL};
    luaL_checktype(L, index, LUA_TTABLE);
    l_meant_only(L, index, "json.encode", names);
    if (lua_getfield(L, index, "indent") != LUA_TNIL) {
        e->indent = lua_isboolean(L, -1)   ? 2 * lua_toboolean(L, -1)
                    : lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1)
                                           : -1;
        if (e->indent < 0 || e->indent > INDENT_MOST)
            luaL_error(L, "json.encode: indent must be true, or 0 to %d spaces", INDENT_MOST);
    }
    lua_getfield(L, index, "sort");
    e->sorts = lua_toboolean(L, -1);
    lua_pop(L, 2);
}

static int l_clear(lua_State *L) {
    buf_clear(lua_touserdata(L, 1));
    return 0;
}

/* Pushes a buffer of one's own: to sort takes memory, so a finalizer may come, and encode something else. */
static struct buf *push_buffer(lua_State *L) {
    struct buf *own = lua_newuserdatauv(L, sizeof *own, 0);
    buf_init(own, SIZE_MAX);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_clear);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return own;
}

int l_json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    struct encoder e = {.L = L};
    read_options(&e, 2);
    lua_settop(L, 1);
    l_json_push(L, JSON_ARRAY);
    e.array = 2;
    e.out = e.sorts ? push_buffer(L) : json_scratch(L);
    lua_pushvalue(L, 1);
    e.base = lua_gettop(L);
    put_value(&e);
    if (!utf8_valid(buf_slice(e.out))) { /* once more, to say which of them */
        e.looks = true;
        put_value(&e);
    }
    struct slice text = buf_slice(e.out);
    lua_pushlstring(L, (const char *)text.p, text.n);
    e.sorts ? buf_clear(e.out) : buf_reset(e.out, JSON_SCRATCH_KEPT);
    return 1;
}

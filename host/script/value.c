/* value: a table is written on one line where that fits, and else anew, an entry on each. */
#include "script/value.h"

#include "base/number.h"
#include "base/shown.h"
#include "script/ws/conn.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    lua_State *L;
    struct buf *out;
    size_t begins; /* the length of `out` before the value */
    const void *open[VALUE_DEPTH];
    unsigned depth;
};

static void put(struct writer *w, const char *text) { buf_append(w->out, slice_str(text)); }

static bool is_full(const struct writer *w) { return w->out->len - w->begins > VALUE_MOST; }

/* ---- what is no table ---- */

static void put_number(struct writer *w, int index) {
    char text[40];
    if (lua_isinteger(w->L, index)) {
        buf_printf(w->out, "%lld", (long long)lua_tointeger(w->L, index));
        return;
    }
    double value = lua_tonumber(w->L, index);
    number_print(text, sizeof text, "%.14g", value);
    put(w, text);
    if (isfinite(value) && !strpbrk(text, ".en")) put(w, ".0");
}

static void put_string(struct writer *w, struct slice text) {
    struct slice rest = slice_head(text, VALUE_STRING);
    put(w, "\"");
    while (rest.n) {
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '"' && rest.p[n] != '\\') n++;
        shown_append(w->out, slice_head(rest, n), 0);
        if (n < rest.n) buf_printf(w->out, "\\%c", rest.p[n++]);
        rest = slice_skip(rest, n);
    }
    put(w, "\"");
    if (text.n > VALUE_STRING) buf_printf(w->out, "... (%zu bytes)", text.n);
}

static struct slice text_at(lua_State *L, int index) {
    size_t n;
    const char *text = lua_tolstring(L, index, &n);
    return slice_of(text, n);
}

static void put_function(struct writer *w, int index) {
    lua_Debug ar;
    lua_pushvalue(w->L, index);
    lua_getinfo(w->L, ">S", &ar);
    if (*ar.what == 'C')
        put(w, "function (of C)");
    else
        buf_printf(w->out, "function (%s:%d)", ar.short_src, ar.linedefined);
}

/* The __name that a userdata's metatable has, found without making a string of it; NULL: none. */
static const char *name_of(lua_State *L, int index) {
    const char *name = NULL;
    if (!lua_getmetatable(L, index)) return NULL;
    lua_pushnil(L);
    while (!name && lua_next(L, -2)) {
        bool is_name = lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), "__name") == 0;
        if (is_name && lua_type(L, -1) == LUA_TSTRING) name = lua_tostring(L, -1); /* the metatable keeps it */
        lua_pop(L, 1 + (name != NULL));
    }
    lua_pop(L, 1);
    return name;
}

static void put_userdata(struct writer *w, int index) {
    const struct conn_box *b = l_conn_look(w->L, index);
    const char *name = b ? NULL : name_of(w->L, index);
    if (b && b->name)
        buf_printf(w->out, "connection %llu (%s, %s)", (unsigned long long)rotation_id(b), b->name,
                   conn_state(b->conn));
    else if (b)
        buf_printf(w->out, "connection %llu (%s)", (unsigned long long)rotation_id(b), conn_state(b->conn));
    else
        shown_append(w->out, slice_str(name ? name : "userdata"), 0);
}

/* ---- tables ---- */

static void put_value(struct writer *w, int index, size_t room);

/* Ends a line, where each entry has one; else puts a space. */
static void put_break(struct writer *w, bool broken, unsigned depth) {
    if (!broken) {
        put(w, " ");
        return;
    }
    put(w, "\n");
    for (unsigned i = 0; i < depth; i++) put(w, "  ");
}

static bool is_name(struct slice s) {
    static const char *const words[] = {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                        "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                        "repeat",   "return", "then", "true", "until",  "while"};
    if (s.n == 0 || (s.p[0] >= '0' && s.p[0] <= '9')) return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], letter = c | 0x20;
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_eq(s, slice_str(words[i]))) return false;
    return true;
}

static void put_key(struct writer *w, int index) {
    bool is_string = lua_type(w->L, index) == LUA_TSTRING;
    if (is_string && is_name(text_at(w->L, index))) {
        buf_append(w->out, text_at(w->L, index));
    } else {
        put(w, "[");
        put_value(w, index, SIZE_MAX);
        put(w, "]");
    }
    put(w, " = ");
}

/* An entry of a table, whose key and value are on the stack. */
struct entry {
    struct slice name; /* of a key that is a string; else `p` is NULL */
    int key;
};

static int by_name(const void *a, const void *b) {
    struct slice x = ((const struct entry *)a)->name, y = ((const struct entry *)b)->name;
    if (!x.p || !y.p) return (x.p == NULL) - (y.p == NULL);
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* How many elements a table has from 1 on, without a hole. */
static lua_Integer length_of(lua_State *L, int table) {
    lua_Integer n = 0;
    while (n < VALUE_ENTRIES && lua_rawgeti(L, table, n + 1) != LUA_TNIL) {
        lua_pop(L, 1);
        n++;
    }
    if (n < VALUE_ENTRIES) lua_pop(L, 1);
    return n;
}

/* Pushes key and value of each entry behind the first `n`, up to `most`; returns how many, and in `*left` whether there
 * are more. */
static int push_entries(struct writer *w, int table, lua_Integer n, struct entry *entries, int most, bool *left) {
    lua_State *L = w->L;
    int count = 0;
    *left = false;
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_Integer place = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (place >= 1 && place <= n) {
            lua_pop(L, 1);
            continue;
        }
        if (count == most) {
            *left = true;
            lua_pop(L, 2);
            break;
        }
        entries[count].key = lua_gettop(L) - 1;
        entries[count++].name = lua_type(L, -2) == LUA_TSTRING ? text_at(L, -2) : slice_of(NULL, 0);
        lua_pushvalue(L, -2);
    }
    return count;
}

/* What stands between the braces. */
static void put_entries(struct writer *w, int table, bool broken) {
    struct entry entries[VALUE_ENTRIES];
    lua_Integer n = length_of(w->L, table);
    bool left, first = true;
    int count = push_entries(w, table, n, entries, VALUE_ENTRIES - (int)n, &left);
    qsort(entries, (size_t)count, sizeof *entries, by_name);
    for (lua_Integer i = 0; i < n + count && !is_full(w); i++, first = false) {
        if (!first) put(w, ",");
        put_break(w, broken, w->depth);
        if (i < n) {
            lua_rawgeti(w->L, table, i + 1);
        } else {
            put_key(w, entries[i - n].key);
            lua_pushvalue(w->L, entries[i - n].key + 1);
        }
        put_value(w, lua_gettop(w->L), VALUE_WIDTH - 2 * w->depth);
        lua_pop(w->L, 1);
    }
    if (left || is_full(w)) {
        put(w, ",");
        put_break(w, broken, w->depth);
        put(w, "...");
    }
    put_break(w, broken, w->depth - 1);
}

static bool is_open(const struct writer *w, const void *table) {
    for (unsigned i = 0; i < w->depth; i++)
        if (w->open[i] == table) return true;
    return false;
}

static void put_table(struct writer *w, int index, size_t room) {
    const void *table = lua_topointer(w->L, index);
    size_t from = w->out->len;
    int top = lua_gettop(w->L);
    lua_pushnil(w->L);
    bool is_empty = !lua_next(w->L, index);
    lua_settop(w->L, top);
    if (is_empty || is_open(w, table) || w->depth == VALUE_DEPTH || !lua_checkstack(w->L, 2 * VALUE_ENTRIES + 10)) {
        put(w, is_empty ? "{}" : is_open(w, table) ? "{ a table that this is in }" : "{ ... }");
        return;
    }
    w->open[w->depth++] = table;
    for (int broken = 0; broken < 2; broken++) {
        w->out->len = from;
        put(w, "{");
        put_entries(w, index, broken);
        put(w, "}");
        lua_settop(w->L, top);
        if (w->out->len - from <= room && !memchr(w->out->base + w->out->start + from, '\n', w->out->len - from)) break;
    }
    w->depth--;
}

/* `room`: the columns in which a table is to be on one line. */
static void put_value(struct writer *w, int index, size_t room) {
    lua_State *L = w->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL: put(w, "nil"); break;
    case LUA_TBOOLEAN: put(w, lua_toboolean(L, index) ? "true" : "false"); break;
    case LUA_TNUMBER: put_number(w, index); break;
    case LUA_TSTRING: put_string(w, text_at(L, index)); break;
    case LUA_TTABLE: put_table(w, index, room); break;
    case LUA_TFUNCTION: put_function(w, index); break;
    case LUA_TUSERDATA: put_userdata(w, index); break;
    case LUA_TLIGHTUSERDATA: put(w, lua_touserdata(L, index) ? "light userdata" : "null"); break;
    default: put(w, lua_typename(L, lua_type(L, index)));
    }
}

void value_append(struct buf *out, lua_State *L, int index) {
    struct writer w = {.L = L, .out = out, .begins = out->len};
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    if (lua_checkstack(L, 2 * LUA_MINSTACK)) put_value(&w, index, VALUE_WIDTH);
    lua_settop(L, top);
}

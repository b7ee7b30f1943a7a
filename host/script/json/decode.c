/* decode: from text to tables, in one pass. */
#include "script/json/parts.h"

#include "wire/utf8.h"
#include <limits.h>
#include <string.h>

enum {
    SLOTS = 4,           /* of the Lua stack that a level takes: table, name, value, and what makes them */
    PRESIZE_MOST = 4096, /* elements that an array is made for before they come */
};

struct decoder {
    lua_State *L;
    const struct json_reading *how;
    struct json_memory *memory;
    int names; /* index of the table of names */
    const uint8_t *p, *end;
    unsigned depth;
    struct json_fault *fault;
};

static const char array_key;

void l_json_push_array(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "json.array");
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
}

static bool refuse(struct decoder *d, const uint8_t *at, const char *why) {
    *d->fault = (struct json_fault){why, at};
    return false;
}

static bool read_value(struct decoder *d, struct json_spot *spot);

/* ---- strings and numbers ---- */

static bool read_escaped(struct decoder *d, const uint8_t *from, const uint8_t *close) {
    struct buf *scratch = l_json_scratch(d->L);
    int rc = json_unescape(scratch, from, close, d->fault);
    if (rc == ERR_SYNTAX) return false;
    if (rc < 0) luaL_error(d->L, "not enough memory");
    struct slice text = buf_slice(scratch);
    lua_pushlstring(d->L, (const char *)text.p, text.n);
    return true;
}

static bool read_string(struct decoder *d) {
    bool escapes;
    const uint8_t *from = d->p + 1, *close = json_string_end(from, d->end, &escapes, d->fault);
    if (!close) return false;
    d->p = close + 1;
    if (escapes) return read_escaped(d, from, close);
    lua_pushlstring(d->L, (const char *)from, (size_t)(close - from));
    return true;
}

static bool read_number(struct decoder *d) {
    struct json_number n;
    const uint8_t *from = d->p, *to = json_number(from, &n, d->fault);
    if (!to) return false;
    d->p = to;
    if (n.is_integer)
        lua_pushinteger(d->L, (lua_Integer)n.integer);
    else if (d->how->big_as_text && json_number_loses(from, to, n.real))
        lua_pushlstring(d->L, (const char *)from, (size_t)(to - from));
    else
        lua_pushnumber(d->L, n.real);
    return true;
}

static bool read_literal(struct decoder *d) {
    if (d->p >= d->end) return refuse(d, d->end, "the text ends where a value should be");
    uint8_t first = *d->p;
    const uint8_t *to = json_literal(d->p, d->fault);
    if (!to) return false;
    d->p = to;
    if (first == 'n')
        lua_pushlightuserdata(d->L, NULL);
    else
        lua_pushboolean(d->L, first == 't');
    return true;
}

/* ---- arrays and objects ---- */

static bool go_in(struct decoder *d) {
    if (++d->depth > JSON_DEPTH_MOST) return refuse(d, d->p, "arrays and objects are nested too deeply");
    luaL_checkstack(d->L, SLOTS, "JSON");
    return true;
}

/* Behind a value: a comma, and `*more`, or the end of what is open. */
static bool read_on(struct decoder *d, uint8_t close, bool *more) {
    d->p = json_space(d->p);
    *more = *d->p == ',';
    if (!*more && *d->p != close) {
        if (d->p >= d->end) return refuse(d, d->end, "the text ends within an array or object");
        return refuse(d, d->p, close == ']' ? "a comma or ] must follow" : "a comma or } must follow");
    }
    d->p++;
    if (*more) d->p = json_space(d->p);
    return true;
}

/* As many as there were last time, as far as the rest of the text can have them. */
static int likely_length(const struct decoder *d, const struct json_spot *spot) {
    size_t rest = (size_t)(d->end - d->p) / 2 + 1, n = spot ? spot->length : 0;
    if (n > rest) n = rest;
    return (int)(n < PRESIZE_MOST ? n : PRESIZE_MOST);
}

static bool read_array(struct decoder *d, struct json_spot *spot) {
    lua_State *L = d->L;
    if (!go_in(d)) return false;
    d->p = json_space(d->p + 1);
    bool more = *d->p != ']';
    lua_createtable(L, more ? likely_length(d, spot) : 0, 0);
    if (!more) {
        d->p++;
        l_json_push_array(L);
        lua_setmetatable(L, -2);
    }
    struct json_spot *element = spot && more ? l_json_element(L, d->memory, d->names, spot) : NULL;
    lua_Integer n = 0;
    while (more) {
        if (!read_value(d, element)) return false;
        lua_rawseti(L, -2, ++n);
        if (!read_on(d, ']', &more)) return false;
    }
    if (spot) spot->length = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    d->depth--;
    return true;
}

static bool read_colon(struct decoder *d) {
    d->p = json_space(d->p);
    if (*d->p != ':') return refuse(d, d->p, "a colon must follow the name of a member");
    d->p = json_space(d->p + 1);
    return true;
}

/* The name of member `n`: by the shape `*s` where it is that; else `*s` is another one, or NULL. */
static bool read_name(struct decoder *d, struct json_spot *spot, struct json_shape **s, uint32_t n) {
    if (*d->p != '"') return refuse(d, d->p, "the name of a member must be a string");
    bool fits = *s && n < (*s)->count && json_member_is(&(*s)->members[n], d->p, d->end);
    if (!fits && *s) {
        *s = json_shape_like(spot, *s, n, d->p);
        fits = *s != NULL;
    }
    if (!fits) return read_string(d);
    const struct json_member *m = &(*s)->members[n];
    lua_rawgeti(d->L, d->names, m->key);
    d->p += m->size + 2;
    return true;
}

static bool read_object(struct decoder *d, struct json_spot *spot) {
    lua_State *L = d->L;
    if (!go_in(d)) return false;
    d->p = json_space(d->p + 1);
    const uint8_t *from = d->p;
    bool more = *from != '}';
    struct json_shape *s = spot && *from == '"' ? json_shape_guess(spot, from) : NULL;
    lua_createtable(L, 0, s ? (int)s->count : more ? 4 : 0);
    d->p += !more;
    uint32_t n = 0;
    while (more) {
        if (!read_name(d, spot, &s, n) || !read_colon(d)) return false;
        if (!read_value(d, s ? &s->members[n].spot : NULL)) return false;
        lua_rawset(L, -3);
        n++;
        if (!read_on(d, '}', &more)) return false;
    }
    if (spot && n && !(s && s->count == n)) l_json_learn(L, d->memory, d->names, spot, from, d->end);
    d->depth--;
    return true;
}

static bool read_value(struct decoder *d, struct json_spot *spot) {
    switch (*d->p) {
    case '"': return read_string(d);
    case '{': return read_object(d, spot);
    case '[': return read_array(d, spot);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(d);
    default: return read_literal(d);
    }
}

const uint8_t *l_json_read(lua_State *L, const struct json_reading *how, bool learns, const uint8_t *p,
                           const uint8_t *end, struct json_fault *fault) {
    struct decoder d = {.L = L, .how = how, .p = json_space(p), .end = end, .fault = fault};
    d.memory = l_json_memory(L);
    d.names = lua_gettop(L);
    if (!read_value(&d, learns ? &d.memory->root : NULL)) return NULL;
    lua_remove(L, d.names);
    return d.p;
}

const uint8_t *l_json_read_scalar(lua_State *L, const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    static const struct json_reading how = {0};
    struct decoder d = {.L = L, .how = &how, .p = p, .end = end, .fault = fault};
    return read_value(&d, NULL) ? d.p : NULL;
}

int l_json_refuse(lua_State *L, const char *name, const uint8_t *text, const struct json_fault *fault) {
    size_t line, column;
    json_place(text, fault->at, &line, &column);
    return luaL_error(L, "%s: line %I, column %I: %s", name, (lua_Integer)line, (lua_Integer)column, fault->why);
}

static void read_options(lua_State *L, int index, struct json_reading *how) {
    if (lua_isnoneornil(L, index)) return;
    luaL_checktype(L, index, LUA_TTABLE);
    if (lua_getfield(L, index, "big_numbers") != LUA_TNIL) {
        const char *word = lua_tostring(L, -1);
        how->big_as_text = word && strcmp(word, "string") == 0;
        if (!how->big_as_text && !(word && strcmp(word, "number") == 0))
            luaL_error(L, "json.decode: big_numbers must be \"string\" or \"number\"");
    }
    lua_pop(L, 1);
}

struct slice l_json_check_text(lua_State *L, int index) {
    struct slice text;
    size_t n;
    if (json_view_text(L, index, &text)) return text;
    const char *string = luaL_checklstring(L, index, &n);
    return slice_of(string, n);
}

bool json_check_utf8(struct slice text, struct json_fault *fault) {
    if (utf8_valid(text)) return true;
    *fault = (struct json_fault){"this is not UTF-8", text.p + utf8_wrong_at(text)};
    return false;
}

bool json_check_end(const uint8_t *p, const uint8_t *end, struct json_fault *fault) {
    if (!p) return false;
    p = json_space(p);
    if (p >= end) return true;
    *fault = (struct json_fault){"the value has ended: nothing may follow", p};
    return false;
}

int l_json_decode(lua_State *L) {
    struct json_reading how = {0};
    struct json_fault fault;
    struct slice text = l_json_check_text(L, 1);
    read_options(L, 2, &how);
    lua_settop(L, 1);
    bool ok = json_check_utf8(text, &fault);
    const uint8_t *end = text.p + text.n, *p = ok ? l_json_read(L, &how, true, text.p, end, &fault) : NULL;
    return json_check_end(p, end, &fault) ? 1 : l_json_refuse(L, "json.decode", text.p, &fault);
}

/* decode: from text to tables, in one pass. */
#include "script/json/parts.h"
#include "script/l_meant.h"

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
    struct json_names names;
    struct json_reader r;
};

static bool read_value(struct decoder *d, struct json_spot *spot);

/* ---- strings, numbers and words ---- */

static bool push_escaped(lua_State *L, const struct json_string *s, struct json_fault *fault) {
    struct buf *scratch = json_scratch(L);
    int rc = json_unescape(scratch, s, fault);
    if (rc == ERR_SYNTAX) return false;
    if (rc < 0) luaL_error(L, "not enough memory");
    struct slice text = buf_slice(scratch);
    lua_pushlstring(L, (const char *)text.p, text.n);
    return true;
}

bool l_json_push_string(lua_State *L, const struct json_string *s, struct json_fault *fault) {
    if (s->escapes) return push_escaped(L, s, fault);
    lua_pushlstring(L, (const char *)s->p, s->n);
    return true;
}

bool l_json_read_string(lua_State *L, struct json_reader *r) {
    struct json_string s;
    if (!json_string(r, &s) || !l_json_push_string(L, &s, &r->source->fault)) return false;
    json_next(r);
    return true;
}

static const uint8_t *push_number(lua_State *L, const struct json_reading *how, struct json_source *s,
                                  const uint8_t *p) {
    struct json_number n;
    const uint8_t *behind = json_number(s, p, &n);
    if (!behind) return NULL;
    if (n.is_integer)
        lua_pushinteger(L, (lua_Integer)n.integer);
    else if (how->big_as_text && json_number_loses(p, behind, n.real))
        lua_pushlstring(L, (const char *)p, (size_t)(behind - p));
    else
        lua_pushnumber(L, n.real);
    return behind;
}

const uint8_t *l_json_push_word(lua_State *L, const struct json_reading *how, struct json_source *s, const uint8_t *p) {
    if (*p == '-' || (uint8_t)(*p - '0') <= 9) return push_number(L, how, s, p);
    if (*p == 't' || *p == 'f')
        lua_pushboolean(L, *p == 't');
    else
        lua_pushlightuserdata(L, NULL);
    return json_literal(s, p);
}

/* ---- arrays and objects ---- */

/* As many as there were last time, as far as the rest of the text can have them. */
static int likely_length(const struct decoder *d, const struct json_spot *spot) {
    size_t rest = (size_t)(d->r.source->marks.end - d->r.p) / 2 + 1, n = spot ? spot->length : 0;
    if (n > rest) n = rest;
    return (int)(n < PRESIZE_MOST ? n : PRESIZE_MOST);
}

static bool read_array(struct decoder *d, struct json_spot *spot) {
    lua_State *L = d->L;
    uint8_t close;
    bool more;
    luaL_checkstack(L, SLOTS, "JSON");
    if (!json_enter(&d->r, &close, &more)) return false;
    lua_createtable(L, more ? likely_length(d, spot) : 0, 0);
    if (!more) {
        l_json_push(L, JSON_ARRAY);
        lua_setmetatable(L, -2);
    }
    struct json_spot *element = spot && more ? l_json_element(L, &d->names, spot) : NULL;
    lua_Integer n = 0;
    while (more) {
        if (!read_value(d, element)) return false;
        lua_rawseti(L, -2, ++n);
        if (!json_more(&d->r, close, &more)) return false;
    }
    if (spot) spot->length = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    return true;
}

/* Pushes the name of member `n`: by the shape `*s` where it is that; else `*s` is another one, or NULL. */
static bool push_name(struct decoder *d, struct json_spot *spot, struct json_shape **s, uint32_t n,
                      const struct json_string *name) {
    bool fits = *s && n < (*s)->count && json_member_is(&(*s)->members[n], name);
    if (!fits && *s) {
        *s = json_shape_like(spot, *s, n, name);
        fits = *s != NULL;
    }
    if (!fits) return l_json_push_string(d->L, name, &d->r.source->fault);
    lua_rawgeti(d->L, d->names.index, (*s)->members[n].key);
    return true;
}

static bool read_object(struct decoder *d, struct json_spot *spot) {
    lua_State *L = d->L;
    struct json_string name;
    uint8_t close;
    bool more;
    luaL_checkstack(L, SLOTS, "JSON");
    if (!json_enter(&d->r, &close, &more)) return false;
    if (more && !json_name(&d->r, &name)) return false;
    const uint8_t *from = more ? name.p - 1 : NULL;
    struct json_shape *s = more && spot ? json_shape_guess(spot, &name) : NULL;
    lua_createtable(L, 0, s ? (int)s->count : more ? 4 : 0);
    uint32_t n = 0;
    while (more) {
        if (!push_name(d, spot, &s, n, &name) || !read_value(d, s ? &s->members[n].spot : NULL)) return false;
        lua_rawset(L, -3);
        n++;
        if (!json_more(&d->r, close, &more) || (more && !json_name(&d->r, &name))) return false;
    }
    if (spot && n && !(s && s->count == n))
        l_json_learn(L, &d->names, spot, slice_of(from, (size_t)(d->r.source->marks.end - from)));
    return true;
}

static bool read_value(struct decoder *d, struct json_spot *spot) {
    switch (*d->r.p) {
    case '"': return l_json_read_string(d->L, &d->r);
    case '{': return read_object(d, spot);
    case '[': return read_array(d, spot);
    default: return json_leave(&d->r, l_json_push_word(d->L, d->how, d->r.source, d->r.p));
    }
}

bool l_json_read(lua_State *L, const struct json_reading *how, bool learns, struct json_reader *r) {
    struct decoder d = {.L = L, .how = how, .names = l_json_push_names(L), .r = *r};
    if (!read_value(&d, learns ? &d.names.memory->root : NULL)) return false;
    lua_remove(L, d.names.index);
    *r = d.r;
    return true;
}

/* ---- the call ---- */

static void read_options(lua_State *L, int index, struct json_reading *how) {
    if (lua_isnoneornil(L, index)) return;
    static const char *const names[] = {"big_numbers", NULL};
    luaL_checktype(L, index, LUA_TTABLE);
    l_meant_only(L, index, "json.decode", names);
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
    const char *string = lua_tolstring(L, index, &n);
    if (!string && json_view_text(L, index, &text)) return text;
    if (!string) luaL_checklstring(L, index, &n); /* raises */
    return slice_of(string, n);
}

static int refuse(lua_State *L, const char *name, struct slice text, struct json_fault fault) {
    size_t line, column;
    if (!utf8_valid(text)) fault = (struct json_fault){"this is not UTF-8", text.p + utf8_wrong_at(text)};
    json_place(text.p, fault.at, &line, &column);
    return luaL_error(L, "%s: line %I, column %I: %s", name, (lua_Integer)line, (lua_Integer)column, fault.why);
}

void l_json_check_end(lua_State *L, const char *name, struct slice text, const struct json_reader *r, bool ok) {
    if (ok && !json_is_over(r)) ok = json_refuse(r->source, r->p, "the value has ended: nothing may follow");
    if (!ok || !(json_is_ascii(r->source) || utf8_valid(text))) refuse(L, name, text, r->source->fault);
}

int l_json_decode(lua_State *L) {
    struct json_reading how = {0};
    struct json_source source;
    struct slice text = l_json_check_text(L, 1);
    if (lua_type(L, 2) != LUA_TSTRING) read_options(L, 2, &how); /* the kind of a message: decode(conn:receive()) */
    lua_settop(L, 1);
    struct json_reader r = json_begin(&source, text);
    l_json_check_end(L, "json.decode", text, &r, l_json_read(L, &how, true, &r));
    return 1;
}

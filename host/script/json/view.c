/* view: a text whose fields are read in place. One pass finds where each value begins and ends, and which is within
 * which; what is asked for is made then, and nothing else is. A view of an object or array within another one has the
 * same places. */
#include "script/json/parts.h"

#include "base/err.h"
#include "script/modules.h"
#include <string.h>

/* A value in the text, by offsets. What is within an object or array stands behind it, in order. */
struct node {
    uint32_t name, name_size;  /* of a member: behind its quote */
    uint32_t value, value_end; /* its text */
    uint32_t next;             /* the node behind all that is within this one */
    uint32_t count;            /* members or elements; of a string: are there escapes in it? */
};
enum { NAME_ESCAPED = 0x40000000 }; /* in name_size: there is an escape in it */

struct places {
    const char *text; /* of a string that the userdata keeps */
    struct node nodes[];
};

/* What the userdata of a view begins with; its user value is the text, or the view that has the places. */
struct view {
    const char *type; /* &view_type: no other userdata begins with that */
    const struct places *places;
    uint32_t node;
    uint32_t element, element_node; /* of an array: asked for last, from 1; 0: none yet */
};

static const char view_type;

/* ---- finding the places ---- */

enum { NODES_AT_ONCE = 128 }; /* more are a userdata's, which grows */

struct finder {
    lua_State *L;
    int index; /* of that userdata */
    struct node *nodes, own[NODES_AT_ONCE];
    uint32_t count, room;
    uint32_t open[JSON_DEPTH_MOST + 1]; /* by depth: the node of what is open */
    uint8_t closes[JSON_DEPTH_MOST + 1];
};

static void l_grow(struct finder *f) {
    struct node *more = lua_newuserdatauv(f->L, 4 * f->room * sizeof *more, 0);
    memcpy(more, f->nodes, f->room * sizeof *more);
    lua_replace(f->L, f->index);
    f->nodes = more;
    f->room *= 4;
}

/* Behind a value: white space is not of it. */
static uint32_t end_of(const uint8_t *text, const struct json_reader *r) {
    const uint8_t *p = r->p;
    while (p[-1] == ' ' || p[-1] == '\n' || p[-1] == '\r' || p[-1] == '\t') p--;
    return (uint32_t)(p - text);
}

/* The next value, which is not passed over where there are others within it. */
JSON_INLINE bool find_value(struct finder *f, struct json_reader *r, const uint8_t *text, bool *opens) {
    struct json_string s;
    unsigned *depth = &r->source->depth;
    if (f->count == f->room) l_grow(f);
    struct node *n = &f->nodes[f->count];
    n->name = n->name_size = n->count = 0;
    if (*depth) f->nodes[f->open[*depth]].count++;
    if (*depth && f->closes[*depth] == '}') {
        if (!json_name(r, &s)) return false;
        n->name = (uint32_t)(s.p - text);
        n->name_size = (uint32_t)s.n | (s.escapes ? NAME_ESCAPED : 0);
    }
    n->value = (uint32_t)(r->p - text);
    n->next = ++f->count;
    *opens = json_opens(r);
    if (*opens) {
        uint8_t close;
        if (!json_enter(r, &close, opens)) return false;
        if (*opens) f->closes[*depth] = close, f->open[*depth] = f->count - 1;
    } else if (*r->p == '"') {
        if (!json_string(r, &s)) return false;
        n->count = s.escapes;
        json_next(r);
    } else if (!json_leave(r, json_word_end(r->source, r->p))) {
        return false;
    }
    n->value_end = end_of(text, r);
    return true;
}

static bool find_places(struct finder *f, struct json_reader *reader, const uint8_t *text) {
    struct json_reader r = *reader; /* in registers */
    unsigned *depth = &r.source->depth;
    for (bool more = true; more;) {
        if (!find_value(f, &r, text, &more)) return false;
        while (!more && *depth) {
            struct node *n = &f->nodes[f->open[*depth]];
            if (!json_more(&r, f->closes[*depth], &more)) return false;
            if (more) break;
            n->value_end = end_of(text, &r);
            n->next = f->count;
        }
    }
    *reader = r;
    return true;
}

/* ---- views ---- */

/* Is the value at `index` one? NULL: it is none. */
static struct view *look(lua_State *L, int index) {
    struct view *v = lua_touserdata(L, index);
    bool is_view =
        v && lua_type(L, index) == LUA_TUSERDATA && lua_rawlen(L, index) >= sizeof *v && v->type == &view_type;
    return is_view ? v : NULL;
}

static struct view *check(lua_State *L) {
    struct view *v = look(L, 1);
    if (!v) luaL_typeerror(L, 1, "json.view");
    return v;
}

static const struct node *node_of(const struct view *v, uint32_t i) { return &v->places->nodes[i]; }
static uint8_t first_byte(const struct view *v, uint32_t i) { return (uint8_t)v->places->text[node_of(v, i)->value]; }

bool json_view_text(lua_State *L, int index, struct slice *text) {
    const struct view *v = look(L, index);
    if (!v) return false;
    const struct node *n = node_of(v, v->node);
    *text = slice_of(v->places->text + n->value, n->value_end - n->value);
    return true;
}

/* Pushes a new view. */
static struct view *push_view(lua_State *L, size_t size) {
    struct view *v = lua_newuserdatauv(L, size, 1);
    *v = (struct view){.type = &view_type};
    l_json_push(L, JSON_VIEW);
    lua_setmetatable(L, -2);
    return v;
}

static void push_string(lua_State *L, const struct view *v, uint32_t at, uint32_t size, bool escapes) {
    struct json_fault fault;
    struct json_string s = {.p = (const uint8_t *)v->places->text + at, .n = size, .escapes = escapes};
    if (!l_json_push_string(L, &s, &fault)) luaL_error(L, "json.view: %s", fault.why);
}

static void push_word(lua_State *L, const struct view *v, const struct node *n) {
    static const struct json_reading how = {0};
    const uint8_t *text = (const uint8_t *)v->places->text;
    struct json_source source = {.marks = json_marks_of(text + n->value, text + n->value_end)};
    l_json_push_word(L, &how, &source, text + n->value);
}

/* Pushes the value of a node of the view at index 1. */
static void push_value(lua_State *L, const struct view *v, uint32_t i) {
    const struct node *n = node_of(v, i);
    uint8_t first = first_byte(v, i);
    if (first == '{' || first == '[') {
        struct view *within = push_view(L, sizeof *within);
        within->places = v->places;
        within->node = i;
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, 1);
    } else if (first == '"') {
        push_string(L, v, n->value + 1, n->value_end - n->value - 2, n->count);
    } else {
        push_word(L, v, n);
    }
}

/* Pushes the name of a member. */
static void push_name(lua_State *L, const struct view *v, uint32_t i) {
    const struct node *n = node_of(v, i);
    push_string(L, v, n->name, n->name_size & ~(uint32_t)NAME_ESCAPED, n->name_size & NAME_ESCAPED);
}

static bool is_escaped_name(lua_State *L, const struct view *v, uint32_t i) {
    push_name(L, v, i);
    bool same = lua_rawequal(L, -1, 2);
    lua_pop(L, 1);
    return same;
}

/* The node of a member; of several of one name the last, as decode has it; 0: there is none. */
static uint32_t find_member(lua_State *L, const struct view *v) {
    size_t size;
    uint32_t found = 0, next;
    const struct node *nodes = v->places->nodes;
    const char *name = lua_tolstring(L, 2, &size), *text = v->places->text;
    for (uint32_t i = v->node + 1; i < nodes[v->node].next; i = next) {
        const struct node *n = &nodes[i];
        next = n->next;
        if (n->name_size & NAME_ESCAPED ? is_escaped_name(L, v, i)
                                        : n->name_size == size && json_same(text + n->name, name, size))
            found = i;
    }
    return found;
}

/* The node of an element, from 1; 0: there is none. Who asks in order is where he was. */
static uint32_t find_element(struct view *v, lua_Integer place) {
    const struct node *n = node_of(v, v->node);
    if (place < 1 || place > (lua_Integer)n->count) return 0;
    if (n->next - v->node - 1 == n->count) return v->node + (uint32_t)place; /* nothing is within any of them */
    if (v->element == 0 || place < v->element) v->element = 1, v->element_node = v->node + 1;
    for (; v->element < place; v->element++) v->element_node = node_of(v, v->element_node)->next;
    return v->element_node;
}

static int l_index(lua_State *L) {
    struct view *v = check(L);
    uint32_t found = 0;
    uint8_t first = first_byte(v, v->node);
    lua_settop(L, 2);
    if (first == '{' && lua_type(L, 2) == LUA_TSTRING) found = find_member(L, v);
    if (first == '[' && lua_isinteger(L, 2)) found = find_element(v, lua_tointeger(L, 2));
    if (!found) return 0;
    push_value(L, v, found);
    return 1;
}

static int l_newindex(lua_State *L) {
    return luaL_error(L, "json.view: a view cannot be changed: json.decode(view) makes a table");
}

static int l_length(lua_State *L) {
    const struct view *v = check(L);
    lua_pushinteger(L, first_byte(v, v->node) == '[' ? (lua_Integer)node_of(v, v->node)->count : 0);
    return 1;
}

/* Upvalues: the memory, the next node, and how many have been. */
static int l_next(lua_State *L) {
    const struct view *v = check(L);
    uint32_t i = (uint32_t)lua_tointeger(L, lua_upvalueindex(2));
    lua_Integer place = lua_tointeger(L, lua_upvalueindex(3)) + 1;
    lua_settop(L, 1);
    if (i >= node_of(v, v->node)->next) return 0;
    lua_pushinteger(L, node_of(v, i)->next);
    lua_replace(L, lua_upvalueindex(2));
    lua_pushinteger(L, place);
    lua_replace(L, lua_upvalueindex(3));
    if (first_byte(v, v->node) == '{')
        push_name(L, v, i);
    else
        lua_pushinteger(L, place);
    push_value(L, v, i);
    return 2;
}

static int l_pairs(lua_State *L) {
    const struct view *v = check(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushinteger(L, (lua_Integer)v->node + 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, l_next, 3);
    lua_pushvalue(L, 1);
    return 2;
}

static int l_tostring(lua_State *L) {
    struct slice text = {0};
    check(L);
    json_view_text(L, 1, &text);
    lua_pushlstring(L, (const char *)text.p, text.n);
    return 1;
}

void l_json_make_view(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__index", l_index}, {"__newindex", l_newindex}, {"__len", l_length},
                                           {"__pairs", l_pairs}, {"__tostring", l_tostring}, {NULL, NULL}};
    lua_getiuservalue(L, -1, JSON_VIEW);
    lua_pushvalue(L, -2);
    luaL_setfuncs(L, metamethods, 1);
    lua_pushliteral(L, "json.view");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* parts(view): is it an object, the names of its members as they are written, quotes included, and its values: views,
 * or the text of what has no others within it. Of any other value: nil. */
static int l_parts(lua_State *L) {
    const struct view *v = check(L);
    const struct node *n = node_of(v, v->node);
    uint8_t first = first_byte(v, v->node);
    lua_Integer place = 0;
    lua_settop(L, 1);
    if (first != '{' && first != '[') return 0;
    lua_pushboolean(L, first == '{');
    lua_createtable(L, first == '{' ? (int)n->count : 0, 0);
    lua_createtable(L, (int)n->count, 0);
    for (uint32_t i = v->node + 1; i < n->next; i = node_of(v, i)->next) {
        const struct node *item = node_of(v, i);
        uint32_t size = item->name_size & ~(uint32_t)NAME_ESCAPED;
        place++;
        if (first == '{') {
            lua_pushlstring(L, v->places->text + item->name - 1, size + 2);
            lua_rawseti(L, -3, place);
        }
        first_byte(v, i) == '{' || first_byte(v, i) == '['
            ? push_value(L, v, i)
            : (void)lua_pushlstring(L, v->places->text + item->value, item->value_end - item->value);
        lua_rawseti(L, -2, place);
    }
    return 3;
}

int luaopen_json_parts(lua_State *L) {
    l_json_push_memory(L);
    lua_pushcclosure(L, l_parts, 1);
    return 1;
}

int l_json_view(lua_State *L) {
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    if (n >= NAME_ESCAPED) return luaL_error(L, "json.view: a text of 1 GiB and more is for json.decode");
    struct json_source source;
    struct json_reader r = json_begin(&source, slice_of(text, n));
    struct finder f; /* its lists are not to be cleared */
    f.L = L, f.index = 2, f.nodes = f.own, f.count = 0, f.room = NODES_AT_ONCE;
    lua_settop(L, 2);
    l_json_check_end(L, "json.view", slice_of(text, n), &r, find_places(&f, &r, (const uint8_t *)text));
    struct view *v = push_view(L, sizeof *v + sizeof(struct places) + f.count * sizeof(struct node));
    struct places *places = (struct places *)(v + 1);
    places->text = text;
    memcpy(places->nodes, f.nodes, f.count * sizeof(struct node));
    v->places = places;
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

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
    uint32_t count;            /* members or elements */
};
enum { NAME_ESCAPED = 0x40000000 }; /* in name_size: there is an escape in it */

struct places {
    const char *text; /* of a string that the userdata keeps */
    struct node nodes[];
};

/* What the userdata of a view begins with; its user value is the text, or the view that has the places. */
struct view {
    const struct places *places;
    uint32_t node;
    uint32_t element, element_node; /* of an array: asked for last, from 1; 0: none yet */
};

static const char view_key;

/* ---- finding the places ---- */

struct finder {
    lua_State *L;
    struct buf *nodes;
    const uint8_t *text, *p, *end;
    struct json_fault *fault;
    uint32_t count;
    unsigned depth;
    uint32_t open[JSON_DEPTH_MOST]; /* the nodes that f->p is within */
};

static bool refuse(struct finder *f, const uint8_t *at, const char *why) {
    *f->fault = (struct json_fault){why, at};
    return false;
}

static struct node *node_at(const struct finder *f, uint32_t i) {
    return (struct node *)(void *)(f->nodes->base + f->nodes->start) + i;
}

static uint32_t offset(const struct finder *f) { return (uint32_t)(f->p - f->text); }

/* The name of a member, up to its value. */
static bool find_name(struct finder *f, struct node *n) {
    bool escapes;
    if (*f->p != '"') return refuse(f, f->p, "the name of a member must be a string");
    n->name = offset(f) + 1;
    const uint8_t *close = json_string_end(f->p + 1, f->end, &escapes, f->fault);
    if (!close) return false;
    n->name_size = (uint32_t)(close - f->p - 1) | (escapes ? NAME_ESCAPED : 0);
    f->p = json_space(close + 1);
    if (*f->p != ':') return refuse(f, f->p, "a colon must follow the name of a member");
    f->p = json_space(f->p + 1);
    return true;
}

/* What is behind a value that has no others within it. */
static const uint8_t *pass(struct finder *f, bool *opens) {
    bool escapes;
    struct json_number number;
    *opens = false;
    if (*f->p == '{' || *f->p == '[') {
        const uint8_t *p = json_space(f->p + 1);
        *opens = *p != (*f->p == '{' ? '}' : ']');
        return *opens ? p : p + 1;
    }
    if (*f->p == '"') {
        const uint8_t *close = json_string_end(f->p + 1, f->end, &escapes, f->fault);
        return close ? close + 1 : NULL;
    }
    if (*f->p == '-' || (uint8_t)(*f->p - '0') <= 9) return json_number(f->p, &number, f->fault);
    if (f->p < f->end) return json_literal(f->p, f->fault);
    refuse(f, f->end, "the text ends where a value should be");
    return NULL;
}

/* A value has ended: so have those that end with it. `*over`: the first of all has. */
static bool close_ended(struct finder *f, bool *over) {
    for (; f->depth; f->depth--) {
        struct node *n = node_at(f, f->open[f->depth - 1]);
        f->p = json_space(f->p);
        if (*f->p == ',') {
            f->p = json_space(f->p + 1);
            return true;
        }
        if (*f->p != (f->text[n->value] == '{' ? '}' : ']'))
            return refuse(f, f->p, "a comma, or the end of what is open, must follow a value");
        f->p++;
        n->value_end = offset(f);
        n->next = f->count;
    }
    *over = true;
    return true;
}

/* One value becomes a node. */
static bool find_value(struct finder *f, bool *over) {
    bool opens;
    struct node n = {0}, *parent = f->depth ? node_at(f, f->open[f->depth - 1]) : NULL;
    if (parent) parent->count++;
    if (parent && f->text[parent->value] == '{' && !find_name(f, &n)) return false;
    n.value = offset(f);
    n.next = f->count + 1;
    const uint8_t *behind = pass(f, &opens);
    if (!behind) return false;
    if (opens && f->depth == JSON_DEPTH_MOST) return refuse(f, f->p, "arrays and objects are nested too deeply");
    f->p = behind;
    n.value_end = offset(f);
    if (buf_append(f->nodes, slice_of(&n, sizeof n)) < 0) luaL_error(f->L, "not enough memory");
    if (opens) f->open[f->depth++] = f->count;
    f->count++;
    return opens || close_ended(f, over);
}

static bool find_places(struct finder *f) {
    bool over = false;
    f->p = json_space(f->text);
    while (!over)
        if (!find_value(f, &over)) return false;
    return json_check_end(f->p, f->end, f->fault);
}

/* ---- views ---- */

/* Is the value at `index` one? NULL: it is none. */
static struct view *look(lua_State *L, int index) {
    struct view *v = lua_touserdata(L, index);
    if (!v || !lua_getmetatable(L, index)) return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key);
    bool is_view = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
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

/* Pushes the value of a node of the view at index 1. */
static void push_value(lua_State *L, const struct view *v, uint32_t i) {
    uint8_t first = first_byte(v, i);
    if (first == '{' || first == '[') {
        struct view *within = lua_newuserdatauv(L, sizeof *within, 1);
        *within = (struct view){.places = v->places, .node = i};
        lua_pushvalue(L, 1);
        lua_setiuservalue(L, -2, 1);
        lua_getmetatable(L, 1);
        lua_setmetatable(L, -2);
        return;
    }
    struct json_fault fault;
    const uint8_t *p = (const uint8_t *)v->places->text + node_of(v, i)->value;
    const uint8_t *end = (const uint8_t *)v->places->text + node_of(v, i)->value_end;
    if (!l_json_read_scalar(L, p, end, &fault)) luaL_error(L, "json.view: %s", fault.why);
}

/* Pushes the name of a member. */
static void push_name(lua_State *L, const struct view *v, uint32_t i) {
    struct json_fault fault;
    const struct node *n = node_of(v, i);
    const uint8_t *p = (const uint8_t *)v->places->text + n->name - 1;
    uint32_t size = n->name_size & ~(uint32_t)NAME_ESCAPED;
    if (!l_json_read_scalar(L, p, p + size + 2, &fault)) luaL_error(L, "json.view: %s", fault.why);
}

static bool is_name(lua_State *L, const struct view *v, uint32_t i, const char *name, size_t size) {
    const struct node *n = node_of(v, i);
    if (!(n->name_size & NAME_ESCAPED))
        return n->name_size == size && memcmp(v->places->text + n->name, name, size) == 0;
    push_name(L, v, i);
    bool same = lua_rawequal(L, -1, 2);
    lua_pop(L, 1);
    return same;
}

/* The node of a member; of several of one name the last, as decode has it; 0: there is none. */
static uint32_t find_member(lua_State *L, const struct view *v) {
    size_t size;
    uint32_t found = 0;
    const struct node *n = node_of(v, v->node);
    const char *name = lua_tolstring(L, 2, &size);
    for (uint32_t i = v->node + 1; i < n->next; i = node_of(v, i)->next)
        if (is_name(L, v, i, name, size)) found = i;
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
    bool is_object = first_byte(v, v->node) == '{';
    lua_settop(L, 2);
    if (is_object && lua_type(L, 2) == LUA_TSTRING) found = find_member(L, v);
    if (!is_object && lua_isinteger(L, 2)) found = find_element(v, lua_tointeger(L, 2));
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

/* Upvalues: the next node, and how many have been. */
static int l_next(lua_State *L) {
    const struct view *v = check(L);
    uint32_t i = (uint32_t)lua_tointeger(L, lua_upvalueindex(1));
    lua_Integer place = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_settop(L, 1);
    if (i >= node_of(v, v->node)->next) return 0;
    lua_pushinteger(L, node_of(v, i)->next);
    lua_replace(L, lua_upvalueindex(1));
    lua_pushinteger(L, place);
    lua_replace(L, lua_upvalueindex(2));
    if (first_byte(v, v->node) == '{')
        push_name(L, v, i);
    else
        lua_pushinteger(L, place);
    push_value(L, v, i);
    return 2;
}

static int l_pairs(lua_State *L) {
    const struct view *v = check(L);
    lua_pushinteger(L, (lua_Integer)v->node + 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, l_next, 2);
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

static void push_type(lua_State *L) {
    static const luaL_Reg metamethods[] = {{"__index", l_index}, {"__newindex", l_newindex}, {"__len", l_length},
                                           {"__pairs", l_pairs}, {"__tostring", l_tostring}, {NULL, NULL}};
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    luaL_newlib(L, metamethods);
    lua_pushliteral(L, "json.view");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &view_key);
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
    lua_pushcfunction(L, l_parts);
    return 1;
}

int l_json_view(lua_State *L) {
    size_t n;
    struct json_fault fault;
    const uint8_t *text = (const uint8_t *)luaL_checklstring(L, 1, &n);
    if (n >= NAME_ESCAPED) return luaL_error(L, "json.view: a text of 1 GiB and more is for json.decode");
    struct finder f = {.L = L, .nodes = l_json_scratch(L), .text = text, .end = text + n, .fault = &fault};
    if (!json_check_utf8(slice_of(text, n), &fault) || !find_places(&f))
        return l_json_refuse(L, "json.view", text, &fault);
    size_t size = f.count * sizeof(struct node);
    struct view *v = lua_newuserdatauv(L, sizeof *v + sizeof(struct places) + size, 1);
    struct places *places = (struct places *)(v + 1);
    places->text = (const char *)text;
    memcpy(places->nodes, buf_slice(f.nodes).p, size);
    *v = (struct view){.places = places};
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    push_type(L);
    lua_setmetatable(L, -2);
    return 1;
}

/* shapes: userdata in the table of names, so that they go with the state. What grows too large is forgotten as a whole
 * when the next text begins: what comes then is learned anew. */
#include "script/json/parts.h"

#include "base/buf.h"
#include <string.h>

enum {
    KEPT_MOST = 8192,   /* names and shapes in all */
    SHAPES_MOST = 8,    /* at a spot: where there are more, names are data, as in a table by id */
    MISSES_MOST = 64,   /* until a spot is left alone */
    MEMBERS_MOST = 128, /* of a shape */
    NAME_MOST = 64,     /* bytes */
};

static const char memory_key;

static int l_forget(lua_State *L) {
    struct json_memory *m = lua_touserdata(L, 1);
    buf_clear(&m->scratch);
    return 0;
}

/* Pushes it, without what others keep in it. */
static void push_new_memory(lua_State *L) {
    struct json_memory *m = lua_newuserdatauv(L, sizeof *m, JSON_PLANS);
    *m = (struct json_memory){0};
    buf_init(&m->scratch, SIZE_MAX);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_forget);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    for (int i = JSON_NAMES; i <= JSON_PLANS; i++) {
        lua_newtable(L);
        lua_setiuservalue(L, -2, i);
    }
    lua_getiuservalue(L, -1, JSON_ARRAY);
    lua_pushliteral(L, "json.array");
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}

void l_json_push_memory(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &memory_key) == LUA_TUSERDATA) return;
    lua_pop(L, 1);
    push_new_memory(L);
    l_json_make_view(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &memory_key);
}

void l_json_push_array(lua_State *L) {
    l_json_push_memory(L);
    lua_getiuservalue(L, -1, JSON_ARRAY);
    lua_remove(L, -2);
}

struct buf *json_scratch(lua_State *L) {
    struct buf *scratch = &l_json_memory(L)->scratch;
    buf_reset(scratch, JSON_SCRATCH_KEPT);
    return scratch;
}

/* Entries are counted on: none takes the place of one in a table that somebody still reads with. */
struct json_names l_json_push_names(lua_State *L) {
    struct json_memory *m = l_json_memory(L);
    if (m->kept - m->from >= KEPT_MOST) {
        lua_newtable(L);
        lua_setiuservalue(L, lua_upvalueindex(1), JSON_NAMES);
        m->root = (struct json_spot){0};
        m->from = m->kept;
    }
    l_json_push(L, JSON_NAMES);
    return (struct json_names){.memory = m, .index = lua_gettop(L), .from = m->from};
}

/* May more be kept in it? */
static bool has_room(const struct json_names *names) {
    return names->from == names->memory->from && names->memory->kept - names->from < KEPT_MOST;
}

/* Keeps the value on the top; returns its place. */
static uint32_t keep(lua_State *L, const struct json_names *names) {
    uint32_t place = ++names->memory->kept;
    lua_rawseti(L, names->index, place);
    return place;
}

/* ---- looking for one ---- */

struct json_shape *json_shape_guess(struct json_spot *spot, const struct json_string *name) {
    for (struct json_shape **at = &spot->shapes, *s; (s = *at); at = &s->next) {
        if (!json_member_is(&s->members[0], name)) continue;
        if (at != &spot->shapes) { /* the next one is likely to be the same */
            *at = s->next;
            s->next = spot->shapes;
            spot->shapes = s;
        }
        return s;
    }
    return NULL;
}

struct json_shape *json_shape_like(const struct json_spot *spot, const struct json_shape *like, uint32_t n,
                                   const struct json_string *name) {
    for (struct json_shape *s = spot->shapes; s; s = s->next) {
        uint32_t i = 0;
        if (s == like || s->count <= n) continue;
        while (i < n && s->members[i].name == like->members[i].name) i++;
        if (i == n && json_member_is(&s->members[n], name)) return s;
    }
    return NULL;
}

/* ---- learning ---- */

/* The names of an object in which all is well: a list of them, in the text; 0: it is none to be remembered. */
static uint32_t list_names(struct slice text, struct json_string list[MEMBERS_MOST]) {
    struct json_source source;
    struct json_reader r = json_begin(&source, text);
    bool more = true;
    source.depth = 1; /* in the object */
    for (uint32_t n = 0; n < MEMBERS_MOST; n++) {
        if (!json_name(&r, &list[n]) || list[n].escapes || list[n].n > NAME_MOST) return 0;
        if (!json_pass(&r) || !json_more(&r, '}', &more)) return 0;
        if (!more) return n + 1;
    }
    return 0;
}

void l_json_learn(lua_State *L, const struct json_names *names, struct json_spot *spot, struct slice text) {
    struct json_string list[MEMBERS_MOST];
    if (spot->known == SHAPES_MOST) {
        if (++spot->misses >= MISSES_MOST) spot->shapes = NULL;
        return;
    }
    if (!has_room(names)) return;
    uint32_t n = list_names(text, list);
    if (n == 0) return;
    struct json_shape *s = lua_newuserdatauv(L, sizeof *s + n * sizeof *s->members, 0);
    memset(s, 0, sizeof *s + n * sizeof *s->members);
    keep(L, names);
    for (uint32_t i = 0; i < n; i++) {
        s->members[i].size = (uint32_t)list[i].n;
        s->members[i].name = (const uint8_t *)lua_pushlstring(L, (const char *)list[i].p, list[i].n);
        s->members[i].key = keep(L, names);
    }
    if (names->from != names->memory->from) return; /* a finalizer has had all forgotten just now */
    s->count = n;
    s->next = spot->shapes;
    spot->shapes = s;
    spot->known++;
}

struct json_spot *l_json_element(lua_State *L, const struct json_names *names, struct json_spot *spot) {
    if (spot->element || !has_room(names)) return spot->element;
    struct json_spot *element = lua_newuserdatauv(L, sizeof *element, 0);
    *element = (struct json_spot){0};
    keep(L, names);
    return spot->element = element;
}

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

static const char memory_key, names_key;

static int l_forget(lua_State *L) {
    struct json_memory *m = lua_touserdata(L, 1);
    buf_clear(&m->scratch);
    return 0;
}

static struct json_memory *new_memory(lua_State *L) {
    struct json_memory *m = lua_newuserdatauv(L, sizeof *m, 0);
    *m = (struct json_memory){0};
    buf_init(&m->scratch, SIZE_MAX);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_forget);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &memory_key);
    return m;
}

static struct json_memory *memory_of(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &memory_key);
    struct json_memory *m = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return m ? m : new_memory(L);
}

struct buf *l_json_scratch(lua_State *L) {
    struct buf *scratch = &memory_of(L)->scratch;
    buf_reset(scratch, JSON_SCRATCH_KEPT);
    return scratch;
}

struct json_memory *l_json_memory(lua_State *L) {
    struct json_memory *m = memory_of(L);
    if (m->kept < KEPT_MOST && lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key) == LUA_TTABLE) return m;
    lua_settop(L, lua_gettop(L) - (m->kept < KEPT_MOST));
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
    m->root = (struct json_spot){0};
    m->kept = 0;
    return m;
}

/* ---- looking for one ---- */

/* The bytes of a name that is no longer than names of shapes may be: how many come before its quote. */
static bool is_name(const struct json_member *m, const uint8_t *p) {
    return strncmp((const char *)p + 1, (const char *)m->name, m->size) == 0 && p[m->size + 1] == '"';
}

struct json_shape *json_shape_guess(struct json_spot *spot, const uint8_t *p) {
    for (struct json_shape **at = &spot->shapes, *s; (s = *at); at = &s->next) {
        if (!is_name(&s->members[0], p)) continue;
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
                                   const uint8_t *p) {
    for (struct json_shape *s = spot->shapes; s; s = s->next) {
        uint32_t i = 0;
        if (s == like || s->count <= n) continue;
        while (i < n && s->members[i].name == like->members[i].name) i++;
        if (i == n && is_name(&s->members[n], p)) return s;
    }
    return NULL;
}

/* ---- learning ---- */

/* The names of an object in which all is well: a list of them, in the text; 0: it is none to be remembered. */
static uint32_t list_names(const uint8_t *p, const uint8_t *end, struct slice list[MEMBERS_MOST]) {
    struct json_fault fault;
    bool escapes;
    for (uint32_t n = 0;;) {
        const uint8_t *close = json_string_end(p + 1, end, &escapes, &fault);
        size_t size = (size_t)(close - p - 1);
        if (escapes || size > NAME_MOST || n == MEMBERS_MOST) return 0;
        list[n++] = slice_of(p + 1, size);
        p = json_skip(json_space(json_space(close + 1) + 1), end, &fault);
        p = json_space(p);
        if (*p == '}') return n;
        p = json_space(p + 1);
    }
}

void l_json_learn(lua_State *L, struct json_memory *m, int names, struct json_spot *spot, const uint8_t *p,
                  const uint8_t *end) {
    struct slice list[MEMBERS_MOST];
    if (spot->known == SHAPES_MOST) {
        if (++spot->misses >= MISSES_MOST) spot->shapes = NULL;
        return;
    }
    if (m->kept >= KEPT_MOST) return;
    uint32_t n = list_names(p, end, list);
    if (n == 0) return;
    struct json_shape *s = lua_newuserdatauv(L, sizeof *s + n * sizeof *s->members, 0);
    memset(s, 0, sizeof *s + n * sizeof *s->members);
    lua_rawseti(L, names, ++m->kept);
    for (uint32_t i = 0; i < n; i++) {
        s->members[i].size = (uint32_t)list[i].n;
        s->members[i].name = (const uint8_t *)lua_pushlstring(L, (const char *)list[i].p, list[i].n);
        lua_rawseti(L, names, s->members[i].key = ++m->kept);
    }
    s->count = n;
    s->next = spot->shapes;
    spot->shapes = s;
    spot->known++;
}

struct json_spot *l_json_element(lua_State *L, struct json_memory *m, int names, struct json_spot *spot) {
    if (spot->element || m->kept >= KEPT_MOST) return spot->element;
    spot->element = lua_newuserdatauv(L, sizeof *spot, 0);
    *spot->element = (struct json_spot){0};
    lua_rawseti(L, names, ++m->kept);
    return spot->element;
}

/* recent: keeps the last events on the connections of a test, as lines of a record (net/conn/record.h), for the report
 * when it fails: lualib/wsbot/testing/recent.lua makes them readable. */
#include "net/conn/record.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/modules.h"
#include "testing/testing.h"
#include <stdlib.h>

enum {
    RECENT_MOST = 20,  /* events */
    RECENT_TEXT = 160, /* bytes of a message */
    RECENT_GONE = 64,  /* connections of earlier tests that are remembered */
};

/* Its address is the key of its userdata in the registry. */
static const char recent_key;

struct recent {
    struct box box;
    struct engine *engine;
    uint64_t count; /* events since forget(): the last one is just before lines[count % RECENT_MOST] */
    struct buf lines[RECENT_MOST];
    uint64_t gone[RECENT_GONE]; /* ids of connections that had no sink any more at forget(); 0: free */
};

static void end(void *object) {
    struct recent *r = object;
    record_unlisten(r->engine->net, r);
    for (int i = 0; i < RECENT_MOST; i++) buf_clear(&r->lines[i]);
    free(r);
}

static const struct box_type recent_type = {.name = "wsbot.testing.recent", .size = sizeof(struct recent), .end = end};

/* Is the line about a connection of an earlier test, which ends late? */
static bool is_of_another(const struct recent *r, struct slice line) {
    static const char mark[] = "\"connection\":";
    const char *at = memmem(line.p, line.n, mark, sizeof mark - 1);
    uint64_t id = at ? strtoull(at + sizeof mark - 1, NULL, 10) : 0; /* a comma follows */
    for (int i = 0; i < RECENT_GONE && r->gone[i]; i++)
        if (r->gone[i] == id) return true;
    return false;
}

static void on_lines(void *arg, struct slice lines) {
    struct recent *r = arg;
    while (lines.n) {
        const uint8_t *stop = memchr(lines.p, '\n', lines.n);
        size_t n = stop ? (size_t)(stop - lines.p) : lines.n;
        if (!is_of_another(r, slice_head(lines, n))) {
            struct buf *line = &r->lines[r->count++ % RECENT_MOST];
            buf_clear(line);
            buf_append(line, slice_head(lines, n));
        }
        lines = slice_skip(lines, stop ? n + 1 : n);
    }
}

/* Gets the userdata; events are kept from the first call on. */
static struct recent *l_get(lua_State *L) {
    struct recent *r;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &recent_key) == LUA_TUSERDATA) {
        r = l_box_get(L, -1, &recent_type);
    } else {
        lua_pop(L, 1);
        r = l_box_new(L, &recent_type);
        r->engine = engine_of(L);
        for (int i = 0; i < RECENT_MOST; i++) buf_init(&r->lines[i], SIZE_MAX);
        record_listen(r->engine->net, &(struct record_listener){.told = on_lines, .arg = r, .most = RECENT_TEXT});
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &recent_key);
    }
    lua_pop(L, 1);
    record_flush(r->engine->net->record);
    return r;
}

/* recent(): a list of the last events, the oldest first, and how many there were in all. */
static int l_recent(lua_State *L) {
    const struct recent *r = l_get(L);
    uint64_t n = r->count < RECENT_MOST ? r->count : RECENT_MOST;
    lua_createtable(L, (int)n, 0);
    for (uint64_t i = 0; i < n; i++) {
        const struct buf *line = &r->lines[(r->count - n + i) % RECENT_MOST];
        lua_pushlstring(L, (const char *)buf_slice(line).p, line->len);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, (lua_Integer)r->count);
    return 2;
}

/* forget(): drops all events; from now on they, and their times, count anew. */
static int l_forget(lua_State *L) {
    struct recent *r = l_get(L);
    r->count = 0;
    memset(r->gone, 0, sizeof r->gone);
    int n = 0;
    for (const struct conn *c = LIST_FIRST(&r->engine->net->all); c && n < RECENT_GONE; c = LIST_NEXT(c, link))
        if (!c->sink) r->gone[n++] = c->id;
    record_restart(r->engine->net, r);
    return 0;
}

void l_recent_open(lua_State *L, int table) {
    static const luaL_Reg functions[] = {{"recent", l_recent}, {"forget", l_forget}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_open(L, &recent_type, NULL, NULL);
    lua_pushvalue(L, table);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 2);
}

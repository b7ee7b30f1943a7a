/* durable: of each name there is the length and a hash of what was written last, not the bytes. The tables are in a
 * list in the registry; a table beside it has the place of each name there. */
#include "script/durable.h"

#include "base/container_of.h"
#include "base/log.h"
#include "base/reserve.h"
#include "base/store.h"
#include "script/durable_bytes.h"
#include "script/l_push.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char tables_key, places_key; /* in the registry: looking them up takes no memory */

enum { PACKED_SPARE = 16 << 20 }; /* bytes of memory that is kept for the next one */

struct kept {
    char *name;
    size_t size;        /* of the name */
    size_t length;      /* of what was written last; 0: nothing was */
    uint64_t hash;      /* of that */
    bool refused, slow; /* it was told that it is not plain, or large */
};

struct durable {
    struct engine *engine;
    struct deadline look; /* in net_quiet */
    struct kept *kept;
    size_t count, room;
    struct buf packed; /* the one that was looked at last: new memory would cost more than packing */
    size_t next;       /* where the next slice goes on */
    bool touched;      /* Lua code has run since the look under way began */
};

/* ---- names ---- */

void l_durable_check(lua_State *L, const char *name) {
    const struct engine *e = engine_of(L);
    if (e->store || e->test || e->is_checked) return;
    luaL_error(L, "host.state '%s': durable needs a folder to keep it in: wsbot run --state DIR SCRIPT", name);
}

static struct durable *begin(struct engine *e) {
    if (e->durable) return e->durable;
    e->durable = reserve_take(sizeof *e->durable);
    e->durable->engine = e;
    buf_init(&e->durable->packed, DURABLE_MOST);
    return e->durable;
}

/* Adds what is known of that name, which is nothing. */
static void l_add_kept(lua_State *L, struct durable *d, int name) {
    size_t room = d->room ? 2 * d->room : 8, size;
    const char *text = lua_tolstring(L, name, &size);
    struct kept *kept = d->count == d->room ? realloc(d->kept, room * sizeof *kept) : d->kept;
    char *copy = kept ? malloc(size + 1) : NULL;
    if (kept && d->count == d->room) d->room = room;
    if (kept) d->kept = kept;
    if (!copy) luaL_error(L, "not enough memory");
    memcpy(copy, text, size + 1);
    d->kept[d->count++] = (struct kept){.name = copy, .size = size};
}

/* The lists are made longer first, as that may raise: a place beyond d->count counts for nothing. */
void l_durable_add(lua_State *L, int name, int table) {
    struct engine *e = engine_of(L);
    int top = lua_gettop(L);
    if (e->ended) return;
    struct durable *d = begin(e);
    lua_Integer place = (lua_Integer)d->count + 1;
    table = lua_absindex(L, table);
    l_push_registered(L, &places_key);
    lua_pushvalue(L, name);
    if (lua_rawget(L, -2) != LUA_TNUMBER || lua_tointeger(L, -1) >= place) {
        l_push_registered(L, &tables_key);
        lua_pushvalue(L, table);
        lua_rawseti(L, -2, place);
        lua_pushvalue(L, name);
        lua_pushinteger(L, place);
        lua_rawset(L, top + 1);
        l_add_kept(L, d, name);
    }
    lua_settop(L, top);
}

bool l_durable_push(lua_State *L, int name) {
    struct store *store = engine_of(L)->store;
    struct fault fault = {0};
    struct buf bytes;
    size_t size;
    const char *text = lua_tolstring(L, name, &size);
    if (!store) return false;
    buf_init(&bytes, SIZE_MAX);
    int rc = store_get(store, slice_of(text, size), &bytes, &fault);
    if (rc < 0) luaL_error(L, "host.state '%s': %s", text, fault.text);
    if (rc == 0) return false;
    l_push_bytes(L, &bytes);
    const char *packed = lua_tolstring(L, -1, &size);
    l_durable_unpack(L, text, slice_of(packed, size));
    lua_remove(L, -2);
    return true;
}

/* ---- what has changed ---- */

/* Each bit of a word changes many: what changes in one word must not be undone by what changes in the next, as where
 * several numbers change their signs. */
static uint64_t mixed(uint64_t word) {
    word *= UINT64_C(0xBF58476D1CE4E5B9);
    word ^= word >> 32;
    word *= UINT64_C(0x94D049BB133111EB);
    return word ^ word >> 29;
}

static uint64_t hash_of(struct slice s) {
    uint64_t hash = s.n, word;
    while (s.n) {
        size_t n = s.n < sizeof word ? s.n : sizeof word;
        word = 0;
        memcpy(&word, s.p, n);
        hash = (hash ^ mixed(word)) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
        s = slice_skip(s, n);
    }
    return hash;
}

/* Hands what was packed to the store, where it is not what was written last. */
static void put(struct durable *d, struct kept *k) {
    struct store *store = d->engine->store;
    struct slice packed = buf_slice(&d->packed);
    uint64_t hash = hash_of(packed);
    if (packed.n == k->length && hash == k->hash) return;
    if (store && store_put(store, slice_of(k->name, k->size), packed) < 0) {
        d->touched = true; /* it is tried again */
        return;
    }
    k->length = packed.n;
    k->hash = hash;
}

static void tell_refusal(const struct durable *d, struct kept *k, const char *why) {
    char line[512];
    if (k->refused) return;
    k->refused = true;
    snprintf(line, sizeof line, "%.400s: until that is mended, --state keeps what was written last", why);
    log_write(engine_err(d->engine), LOG_ERROR, slice_str(line));
}

static void tell_slow(const struct durable *d, struct kept *k, uint64_t took) {
    char line[256];
    if (k->slow || took < DURABLE_SLOW * CLOCK_MS) return;
    k->slow = true;
    snprintf(
        line, sizeof line,
        "host.state \"%.60s\" is large: to look at it took %u ms, in which nothing else ran; several names are looked "
        "at one by one",
        k->name, (unsigned)(took / CLOCK_MS));
    log_write(engine_err(d->engine), LOG_WARN, slice_str(line));
}

static void look_at(struct durable *d, size_t i) {
    struct kept *k = &d->kept[i];
    lua_State *L = d->engine->L;
    uint64_t began = uv_hrtime();
    char *why = NULL;
    if (!lua_checkstack(L, 2)) return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tables_key);
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    buf_reset(&d->packed, PACKED_SPARE);
    if (durable_pack(L, k->name, &d->packed, &why)) {
        k->refused = false;
        put(d, k);
    } else {
        tell_refusal(d, k, why);
        free(why);
    }
    tell_slow(d, k, uv_hrtime() - began);
    lua_pop(L, 2);
}

/* ---- when ---- */

static void on_look(struct deadline *deadline);

static void look_within(struct durable *d, uint64_t ms) {
    struct clock *clock = net_quiet(d->engine->net);
    clock_set(clock, &d->look, clock_now(clock) + ms * CLOCK_MS, on_look);
}

/* Goes on with looking, for the time of a slice. */
static void on_look(struct deadline *deadline) {
    struct durable *d = container_of(deadline, struct durable, look);
    uint64_t began = uv_hrtime();
    if (d->next == 0) d->touched = false;
    while (d->next < d->count && uv_hrtime() - began < DURABLE_SLICE * CLOCK_MS) look_at(d, d->next++);
    if (d->engine->store) store_flush(d->engine->store);
    if (d->next < d->count) {
        look_within(d, 0);
    } else {
        d->next = 0;
        if (d->touched) look_within(d, DURABLE_WITHIN);
    }
}

void durable_touch_slowly(struct engine *e) {
    struct durable *d = e->durable;
    if (e->staged || e->ended) return;
    d->touched = true;
    if (!clock_is_set(&d->look)) look_within(d, DURABLE_WITHIN);
}

void durable_write(struct engine *e) {
    struct durable *d = e->durable;
    if (!d || e->staged) return;
    for (size_t i = 0; i < d->count; i++) look_at(d, i);
    if (e->store) store_flush(e->store);
}

/* ---- the end ---- */

static void drop(struct engine *e) {
    struct durable *d = e->durable;
    e->durable = NULL;
    e->store = NULL;
    if (!d) return;
    if (clock_is_set(&d->look)) clock_cancel(net_quiet(e->net), &d->look);
    for (size_t i = 0; i < d->count; i++) free(d->kept[i].name);
    free(d->kept);
    buf_clear(&d->packed);
    free(d);
}

void durable_take_over(struct engine *last, struct engine *next) {
    drop(last);
    durable_touch(next);
}

void durable_end(struct engine *e) {
    durable_write(e);
    drop(e);
}

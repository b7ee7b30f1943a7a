/* l_metrics: the userdata of a metric has its place in the registry of its engine: the metric itself may go over to the
 * next generation's while code of this one still runs. */
#include "script/l_metrics.h"

#include "base/meant.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/modules.h"
#include "wire/utf8.h"
#include <math.h>

/* The userdata. User value 1: the list of its labels' names, in the order of struct metric. */
struct handle {
    const char *const *kind; /* its name in metric_kinds, whose address tells what the userdata is */
    unsigned place;
};

static const char *const types[METRIC_KINDS] = {
    [METRIC_COUNTER] = "host.counter", [METRIC_GAUGE] = "host.gauge", [METRIC_HISTOGRAM] = "host.histogram"};

/* The metric of the userdata at index 1; NULL: its generation has ended. */
static struct metric *check(lua_State *L, enum metric_kind kind) {
    const struct handle *h = lua_touserdata(L, 1);
    if (!h || lua_rawlen(L, 1) != sizeof *h || h->kind != &metric_kinds[kind]) luaL_typeerror(L, 1, types[kind]);
    struct metrics *m = engine_of(L)->metrics;
    return m && h->place < m->count ? m->list[h->place] : NULL;
}

/* ---- labels ---- */

/* Puts the text of the value on the top into the key, as that of label number `i`. */
static void l_add_value(lua_State *L, const struct metric *m, unsigned i, struct metric_key *key) {
    int type = lua_type(L, -1);
    struct slice text;
    if (type == LUA_TNIL) luaL_error(L, "'%s': the label '%s' is missing", m->name, m->labels[i]);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        luaL_error(L, "'%s': the label '%s' is a string, a number or a boolean, not a %s", m->name, m->labels[i],
                   lua_typename(L, type));
    if (type == LUA_TBOOLEAN) lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    if (type == LUA_TBOOLEAN) lua_replace(L, -2);
    if (type == LUA_TNUMBER) l_number_plain(L, -1);
    text.p = (const uint8_t *)lua_tolstring(L, -1, &text.n);
    if (text.n > METRIC_VALUE_MOST)
        luaL_error(L, "'%s': the label '%s' has more than %d bytes", m->name, m->labels[i], METRIC_VALUE_MOST);
    if (memchr(text.p, 0, text.n) || !utf8_valid(text))
        luaL_error(L, "'%s': the label '%s' is not UTF-8, or has a zero in it", m->name, m->labels[i]);
    metric_key_add(key, text);
}

/* Raises for the first key of the table at index 3 that is no label. */
static void l_refuse_unknown(lua_State *L, const struct metric *m) {
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        size_t n;
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tolstring(L, -2, &n) : NULL;
        bool known = false;
        struct meant meant;
        if (!name) luaL_error(L, "'%s': a label's name is a string, not a %s", m->name, luaL_typename(L, -2));
        meant_begin(&meant, name);
        for (unsigned i = 0; i < m->label_count; i++) {
            known |= slice_eq(slice_of(name, n), slice_str(m->labels[i]));
            meant_consider(&meant, m->labels[i]);
        }
        if (!known && meant.best)
            luaL_error(L, "'%s': unknown label '%s' (did you mean '%s'?)", m->name, name, meant.best);
        if (!known) luaL_error(L, "'%s': unknown label '%s'", m->name, name);
    }
}

static unsigned count_fields(lua_State *L, int table) {
    unsigned n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    return n;
}

/* Reads the labels at index 3, which are those of the metric and no others. */
static void l_read_labels(lua_State *L, const struct metric *m, struct metric_key *key) {
    if (lua_isnoneornil(L, 3)) luaL_error(L, "'%s': the label '%s' is missing", m->name, m->labels[0]);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    lua_getiuservalue(L, 1, 1); /* metric, value, labels, names */
    for (unsigned i = 0; i < m->label_count; i++) {
        lua_rawgeti(L, 4, (lua_Integer)i + 1);
        lua_rawget(L, 3);
        l_add_value(L, m, i, key);
        lua_pop(L, 1);
    }
    if (count_fields(L, 3) != m->label_count) l_refuse_unknown(L, m);
}

/* ---- what is counted ---- */

/* Counts a value for the labels at index 3. */
static int l_note(lua_State *L, struct metric *m, double value) {
    struct metric_key key = {.size = 0};
    luaL_argcheck(L, isfinite(value), 2, "not a finite number");
    if (!m) return 0;
    bool is_alone = m->label_count == 0 && lua_isnoneornil(L, 3);
    if (!is_alone) l_read_labels(L, m, &key);
    struct metric_series *s = is_alone ? m->series[0] : metric_find(m, &key);
    if (s) metric_note(m, s, value);
    return 0;
}

/* counter:add([n [, labels]]) */
static int l_add(lua_State *L) {
    struct metric *m = check(L, METRIC_COUNTER);
    double n = luaL_optnumber(L, 2, 1);
    luaL_argcheck(L, !(n < 0), 2, "a counter only grows, by 0 or more");
    return l_note(L, m, n);
}

/* gauge:set(value [, labels]) */
static int l_set(lua_State *L) {
    struct metric *m = check(L, METRIC_GAUGE);
    return l_note(L, m, luaL_checknumber(L, 2));
}

/* histogram:observe(value [, labels]) */
static int l_observe(lua_State *L) {
    struct metric *m = check(L, METRIC_HISTOGRAM);
    return l_note(L, m, luaL_checknumber(L, 2));
}

/* ---- declaring ---- */

static void l_read_help(lua_State *L, struct slice *help) {
    help->p = (const uint8_t *)luaL_optlstring(L, 2, NULL, &help->n);
    if (!help->p) return;
    luaL_argcheck(L, help->n <= METRIC_HELP_MOST, 2, "a help text has 1000 bytes at most");
    luaL_argcheck(L, !memchr(help->p, 0, help->n) && utf8_valid(*help), 2, "not UTF-8, or with a zero in it");
}

/* The names stay on the stack, as `want` borrows them. */
static void l_read_names(lua_State *L, struct metric_want *want) {
    if (lua_isnoneornil(L, 3)) return;
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_Unsigned n = lua_rawlen(L, 3);
    luaL_argcheck(L, n <= METRIC_LABELS_MOST, 3, "a metric has 16 labels at most");
    luaL_argcheck(L, count_fields(L, 3) == n, 3, "expected a list of names");
    for (lua_Unsigned i = 0; i < n; i++) {
        luaL_argcheck(L, lua_rawgeti(L, 3, (lua_Integer)i + 1) == LUA_TSTRING, 3, "expected a list of names");
        want->labels[i].p = (const uint8_t *)lua_tolstring(L, -1, &want->labels[i].n);
    }
    want->label_count = (unsigned)n;
}

static int push_handle(lua_State *L, const struct metric *m, unsigned place) {
    struct handle *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (struct handle){&metric_kinds[m->kind], place};
    luaL_setmetatable(L, types[m->kind]);
    lua_createtable(L, (int)m->label_count, 0);
    for (unsigned i = 0; i < m->label_count; i++) {
        lua_pushstring(L, m->labels[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setiuservalue(L, -2, 1);
    return 1;
}

static int declare(lua_State *L, enum metric_kind kind) {
    struct engine *e = engine_of(L);
    struct metric_want want = {.kind = kind};
    struct fault why = {0};
    unsigned place;
    luaL_checkstack(L, METRIC_LABELS_MOST, NULL);
    want.name.p = (const uint8_t *)luaL_checklstring(L, 1, &want.name.n);
    l_read_help(L, &want.help);
    l_read_names(L, &want);
    l_engine_check(L, types[kind]);
    l_engine_need(L, e, sizeof *e->metrics);
    if (!e->metrics) e->metrics = metrics_new(e->account, NULL);
    if (!e->metrics) return luaL_error(L, "not enough memory");
    if (!metrics_declare(e->metrics, &want, &place, &why)) return luaL_error(L, "%s: %s", types[kind], why.text);
    return push_handle(L, e->metrics->list[place], place);
}

static int l_counter(lua_State *L) { return declare(L, METRIC_COUNTER); }
static int l_gauge(lua_State *L) { return declare(L, METRIC_GAUGE); }
static int l_histogram(lua_State *L) { return declare(L, METRIC_HISTOGRAM); }

static int l_tostring(lua_State *L) {
    const struct handle *h = lua_touserdata(L, 1);
    const struct metrics *m = engine_of(L)->metrics;
    lua_pushfstring(L, "%s: %s", *h->kind, m && h->place < m->count ? m->list[h->place]->name : "of a past generation");
    return 1;
}

void l_metrics_open(lua_State *L, int table) {
    static const luaL_Reg meta[] = {{"__tostring", l_tostring}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"counter", l_counter}, {"gauge", l_gauge}, {"histogram", l_histogram}, {NULL, NULL}};
    static const luaL_Reg methods[METRIC_KINDS][2] = {[METRIC_COUNTER] = {{"add", l_add}},
                                                      [METRIC_GAUGE] = {{"set", l_set}},
                                                      [METRIC_HISTOGRAM] = {{"observe", l_observe}}};
    lua_pushvalue(L, table);
    luaL_setfuncs(L, functions, 0);
    for (unsigned kind = 0; kind < METRIC_KINDS; kind++) l_box_type(L, types[kind], meta, methods[kind]);
    lua_pop(L, 1 + METRIC_KINDS);
}

/* ---- all of them ---- */

static void set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_count(lua_State *L, const char *name, uint64_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

static void set_buckets(lua_State *L, const struct histogram *h) {
    lua_createtable(L, h->used, 0);
    for (unsigned i = 0; i < h->used; i++) {
        struct histogram_bucket b = histogram_bucket(h, i);
        lua_createtable(L, 2, 0);
        lua_pushnumber(L, b.lower);
        lua_rawseti(L, -2, 1);
        lua_pushinteger(L, (lua_Integer)b.count);
        lua_rawseti(L, -2, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "buckets");
}

static void set_spread(lua_State *L, const struct histogram *h) {
    set_count(L, "count", h->count);
    set_number(L, "sum", h->sum);
    if (h->count) set_number(L, "min", h->least);
    if (h->count) set_number(L, "max", h->most);
    set_buckets(L, h);
}

void l_metrics_push_histogram(lua_State *L, const struct histogram *h) {
    lua_createtable(L, 0, 5);
    set_spread(L, h);
}

static void push_series(lua_State *L, const struct metric *m, const struct metric_series *s) {
    struct slice key = metric_key_of(s), value;
    lua_createtable(L, 0, m->kind == METRIC_HISTOGRAM ? 6 : 2);
    lua_createtable(L, (int)m->label_count, 0);
    for (lua_Integer i = 1; metric_key_next(&key, &value); i++) {
        lua_pushlstring(L, (const char *)value.p, value.n);
        lua_rawseti(L, -2, i);
    }
    lua_setfield(L, -2, "labels");
    if (m->kind == METRIC_HISTOGRAM)
        set_spread(L, &s->spread);
    else
        set_number(L, "value", s->value);
}

/* The values of one. Returns how many found no room. A finalizer may count meanwhile, where this is its state: nothing
 * is held over a push but places. */
static uint64_t set_series(lua_State *L, const struct metric *m) {
    uint64_t dropped = m->dropped;
    lua_Integer n = 0;
    lua_createtable(L, (int)m->count, 0);
    for (unsigned i = 0; i < m->count; i++) {
        const struct metric_series *s = m->series[i];
        if (m->kind == METRIC_GAUGE && !s->is_set) continue;
        if (m->kind == METRIC_HISTOGRAM) dropped += s->spread.dropped;
        push_series(L, m, s);
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, "series");
    return dropped;
}

static void push_metric(lua_State *L, const struct metric *m) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, m->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, metric_kinds[m->kind]);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, m->help ? m->help : "");
    lua_setfield(L, -2, "help");
    lua_createtable(L, (int)m->label_count, 0);
    for (unsigned i = 0; i < m->label_count; i++) {
        lua_pushstring(L, m->labels[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "labels");
    set_count(L, "dropped", set_series(L, m));
}

void l_metrics_push(lua_State *L, const struct metrics *m) {
    luaL_checkstack(L, 10, NULL);
    lua_createtable(L, m ? (int)m->count : 0, 0);
    for (unsigned i = 0; m && i < m->count; i++) {
        push_metric(L, m->list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* snapshot(): those of this program. */
static int l_snapshot(lua_State *L) {
    l_metrics_push(L, engine_of(L)->metrics);
    return 1;
}

int luaopen_metrics_core(lua_State *L) {
    static const luaL_Reg functions[] = {{"snapshot", l_snapshot}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

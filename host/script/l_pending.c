/* l_pending: the line of a task is where it waits; that of a timer or a connection is noted when it is made. */
#include "script/l_pending.h"

#include "script/box.h"
#include "script/l_timer.h"
#include "script/task_trace.h"
#include "script/ws/conn.h"
#include <stdio.h>
#include <string.h>

/* Its address is the registry key of a table that maps a userdata to its line, for as long as the userdata lives. */
static const char places_key;

void l_pending_note(lua_State *L, int index) {
    const struct engine *e = engine_of(L);
    lua_Debug frame;
    if (!engine_is_tested(e) && !engine_collects(e) && !e->net->clock.frozen) return;
    if (!task_line(L, &frame)) return;
    index = lua_absindex(L, index);
    l_engine_push_weak(L, &places_key);
    lua_pushvalue(L, index);
    lua_pushfstring(L, "%s:%d", frame.short_src, frame.currentline);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* ---- the list ---- */

struct listing {
    lua_State *L; /* the list is on its top */
    const struct engine *engine;
};

struct place {
    char file[LUA_IDSIZE];
    int line; /* 0: it is not known */
};

/* The line that was noted for an object of the engine, which may be another than that of the list. */
static struct place place_of(const struct engine *e, void *object) {
    struct place p = {.line = 0};
    lua_State *L = e->L;
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 3)) return p;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &places_key) == LUA_TTABLE && box_push(L, object) &&
        lua_rawget(L, -2) == LUA_TSTRING) {
        const char *text = lua_tostring(L, -1), *colon = strrchr(text, ':');
        snprintf(p.file, sizeof p.file, "%.*s", (int)(colon - text), text);
        sscanf(colon + 1, "%d", &p.line);
    }
    lua_settop(L, top);
    return p;
}

static void add(const struct listing *l, const struct place *p, uint64_t left, const char *what, const char *name) {
    lua_State *L = l->L;
    lua_createtable(L, 0, 4);
    lua_pushnumber(L, clock_to_seconds(left));
    lua_setfield(L, -2, "left");
    lua_pushfstring(L, name ? "%s '%s'" : "%s", what, name);
    lua_setfield(L, -2, "what");
    if (p->line) {
        lua_pushstring(L, p->file);
        lua_setfield(L, -2, "file");
        lua_pushinteger(L, p->line);
        lua_setfield(L, -2, "line");
    }
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void add_timer(void *arg, const struct timer_told *t) {
    const struct listing *l = arg;
    struct place p = place_of(l->engine, t->box);
    add(l, &p, t->in, t->every ? "host.every" : "host.after", t->name);
}

static uint64_t left_of(const struct engine *e, uint64_t due) {
    uint64_t now = clock_now(&e->net->clock);
    return due > now ? due - now : 0;
}

static bool is_timed(const struct task *t) { return t->state == TASK_WAITING && clock_is_set(&t->limit); }

static void add_task(const struct listing *l, const struct task *t) {
    struct place p = {.line = 0};
    lua_Debug frame;
    if (!is_timed(t)) return;
    if (task_line(t->co, &frame)) {
        snprintf(p.file, sizeof p.file, "%s", frame.short_src);
        p.line = frame.currentline;
    }
    add(l, &p, left_of(l->engine, t->limit.due), t->waits_in, NULL);
}

/* What a connection does at that time; 0: there is none. */
static void add_step(const struct listing *l, struct conn_box *b, uint64_t due, const char *what) {
    if (!due) return;
    struct place p = place_of(l->engine, b);
    add(l, &p, left_of(l->engine, due), what, b->name ? b->name : b->conn->plan->url.text);
}

static void add_conn(const struct listing *l, struct conn_box *b) {
    char what[64];
    snprintf(what, sizeof what, "%s connection", conn_state(b->conn));
    add_step(l, b, conn_next_step(b->conn), what);
    add_step(l, b, rotation_next_step(b), "rotation of");
}

void l_pending_add(lua_State *L, const struct engine *e) {
    struct listing l = {L, e};
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    l_timer_each(e, add_timer, &l);
    for (const struct task *t = e->tasks.all; t; t = t->all_next) add_task(&l, t);
    for (struct conn_box *b = e->boxes; b; b = b->next) add_conn(&l, b);
}

static uint64_t sooner(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void take_timer(void *arg, const struct timer_told *t) {
    uint64_t *first = arg;
    *first = sooner(*first, t->in);
}

uint64_t pending_first(const struct engine *e) {
    uint64_t first = UINT64_MAX;
    l_timer_each(e, take_timer, &first);
    for (const struct task *t = e->tasks.all; t; t = t->all_next)
        if (is_timed(t)) first = sooner(first, left_of(e, t->limit.due));
    for (const struct conn_box *b = e->boxes; b; b = b->next) {
        const uint64_t steps[] = {conn_next_step(b->conn), rotation_next_step(b)};
        for (int i = 0; i < 2; i++)
            if (steps[i]) first = sooner(first, left_of(e, steps[i]));
    }
    return first;
}

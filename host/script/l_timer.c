/* l_timer: host.after and host.every. A timer is a deadline in a box, anchored while it is set. */
#include "script/l_timer.h"

#include "base/container_of.h"
#include "base/text.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_callable.h"
#include "script/l_pending.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { TIMER_SIZE = 32 }; /* bytes of its entry in the clock, about */

struct timer {
    struct box box;
    struct deadline deadline;
    uint64_t every; /* nanoseconds; 0: once */
    uint64_t span;  /* nanoseconds, for which it was set at first */
    bool busy;      /* its function runs, or waits */
    bool ended;     /* its box has, while `busy`: on_ended frees the timer */
    struct engine *engine;
    char *name;               /* NULL: it has none */
    size_t kept;              /* bytes that are counted in the account */
    uint64_t born;            /* see engine->births */
    struct timer *next, **at; /* in the list of its engine's timers that are set; `at` NULL: it is not set */
};

static void link_timer(struct timer *t) {
    t->at = &t->engine->timers;
    t->next = t->engine->timers;
    if (t->next) t->next->at = &t->next;
    t->engine->timers = t;
}

static void unlink_timer(struct timer *t) {
    if (!t->at) return;
    *t->at = t->next;
    if (t->next) t->next->at = t->at;
    t->at = NULL;
}

static void stop(lua_State *L, struct timer *t) {
    unlink_timer(t);
    clock_cancel(&t->engine->net->clock, &t->deadline);
    box_unanchor(L, t);
}

static void end_timer(void *object) {
    struct timer *t = object;
    unlink_timer(t);
    clock_cancel(&t->engine->net->clock, &t->deadline);
    engine_give_back(t->engine, t->kept);
    free(t->name);
    t->name = NULL;
    t->ended = t->busy;
    if (!t->busy) free(t);
}

static const struct box_type timer_type = {
    .name = "wsbot.timer", .size = sizeof(struct timer), .values = 1, .end = end_timer};

/* The function is the user value of the userdata, which stays on the stack as long as it runs. */
static int l_fire(lua_State *L) {
    struct timer *t = l_door_given(L, l_fire);
    if (!box_push(L, t)) return 0;
    if (!t->every) stop(L, t);
    lua_getiuservalue(L, -1, 1); /* timer, fn */
    lua_callk(L, 0, 0, 0, l_push_nothing);
    return 0;
}

static void on_ended(struct task *task, void *arg, enum task_end how) {
    struct timer *t = arg;
    if (how == TASK_FAILED) task_report(task, NULL);
    t->busy = false;
    if (t->ended) free(t);
}

static void on_due(struct deadline *d) {
    struct timer *t = container_of(d, struct timer, deadline);
    struct engine *e = t->engine;
    if (t->every) { /* no drift; missed rounds are left out */
        uint64_t now = clock_now(&e->net->clock), next = d->due + t->every;
        if (next <= now) next += (now - next) / t->every * t->every + t->every;
        clock_set(&e->net->clock, d, next, on_due);
    }
    if (t->busy) return; /* the function of the last round still waits: this round is left out */
    t->busy = true;
    if (!task_run(e, "timer", l_fire, t, on_ended, t)) t->busy = false;
}

static int start(lua_State *L, bool again) {
    l_engine_check(L, again ? "host.every" : "host.after");
    uint64_t span = l_seconds_check(L, 1);
    l_callable_check(L, 2);
    luaL_argcheck(L, !again || lua_tonumber(L, 1) > 0, 1, "seconds must be more than 0");
    if (again && !lua_isnoneornil(L, 3)) luaL_checktype(L, 3, LUA_TSTRING);
    struct engine *e = engine_of(L);
    struct timer *t = l_box_new(L, &timer_type);
    t->engine = e;
    t->span = span;
    if (again) t->every = span ? span : 1;
    size_t length = 0;
    const char *name = again && lua_isstring(L, 3) ? lua_tolstring(L, 3, &length) : NULL;
    luaL_argcheck(L, !name || strlen(name) == length, 3, "the name has a NUL in it");
    l_engine_keep(L, TIMER_SIZE + (name ? length + 1 : 0));
    t->kept = TIMER_SIZE + (name ? length + 1 : 0);
    if (name && !(t->name = strdup(name))) return luaL_error(L, "not enough memory");
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, 1);
    box_anchor(L, -1, t);
    l_pending_note(L, -1);
    t->born = ++e->births;
    link_timer(t);
    clock_set(&e->net->clock, &t->deadline, clock_now(&e->net->clock) + span, on_due);
    return 1;
}

static int l_after(lua_State *L) { return start(L, false); }
static int l_every(lua_State *L) { return start(L, true); }

static int l_cancel(lua_State *L) {
    stop(L, l_box_get(L, 1, &timer_type));
    return 0;
}

void l_timer_keep_phases(struct engine *last, struct engine *next) {
    struct clock *clock = &next->net->clock;
    for (struct timer *t = next->timers; t; t = t->next) {
        struct timer *before = last->timers;
        while (t->name && before && !text_is_same(before->name, t->name)) before = before->next;
        if (!t->name || !before) continue;
        uint64_t round = before->deadline.due - before->every; /* when it was last due, or was set */
        clock_set(clock, &t->deadline, round + t->every, on_due);
    }
}

void l_timer_each(const struct engine *e, void (*tell)(void *arg, const struct timer_told *timer), void *arg) {
    uint64_t now = clock_now(&e->net->clock);
    for (struct timer *t = e->timers; t; t = t->next) {
        uint64_t in = t->deadline.due > now ? t->deadline.due - now : 0;
        tell(arg, &(struct timer_told){.box = t, .name = t->name, .every = t->every, .span = t->span, .in = in});
    }
}

void l_timer_end_all(struct engine *e) {
    while (e->timers) {
        struct timer *t = e->timers;
        unlink_timer(t);
        clock_cancel(&e->net->clock, &t->deadline);
    }
}

unsigned l_timer_end_since(lua_State *L, uint64_t born) {
    unsigned n = 0;
    for (struct timer *t = engine_of(L)->timers, *next; t; t = next) {
        next = t->next;
        if (t->born <= born) continue;
        stop(L, t);
        n++;
    }
    return n;
}

void l_timer_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"cancel", l_cancel}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"after", l_after}, {"every", l_every}, {NULL, NULL}};
    table = lua_absindex(L, table);
    l_box_open(L, &timer_type, NULL, methods);
    lua_pop(L, 1);
    lua_pushvalue(L, table);
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}

/* summary: the net of the worker calls when the program is about to end. */
#include "app/control/summary.h"

#include "app/control/parts.h"
#include "app/pool/reports.h"
#include "base/container_of.h"
#include "base/log.h"
#include "script/door.h"
#include "script/l_push.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_MOST = 256 << 20 }; /* bytes of the Lua state */

/* Makes the Lua state. False: there is no memory for it. */
static bool begin_engine(struct summary *s) {
    if (!s->engine) s->engine = control_engine_new(s->seen, &s->seen->worker->net, MEMORY_MOST);
    return s->engine != NULL;
}

/* Calls a function in it; `what` is what cannot be done where that fails. */
static void call(struct summary *s, lua_CFunction fn, void *arg, const char *what) {
    char *why = NULL;
    if (begin_engine(s) && door_call(s->engine, fn, arg, &why)) return;
    log_line(LOG_WARN, "%s: %.*s", what, why ? (int)strcspn(why, "\n") : 17, why ? why : "not enough memory");
    free(why);
}

/* ---- at the end ---- */

static void l_push_function(lua_State *L, const char *name) {
    l_engine_require(L, "wsbot.control.summing");
    lua_getfield(L, -1, name);
}

/* print(summing.text(options)) */
static int l_print(lua_State *L) {
    const struct summary *s = l_door_given(L, l_print);
    struct worker *w = s->seen->worker;
    struct slice notes = buf_slice(&s->notes), text;
    l_push_function(L, "text");
    lua_createtable(L, 0, 5);
    l_set_number(L, "seconds", clock_to_seconds(uv_hrtime() - s->began));
    l_set_flag(L, "is_terminal", isatty(STDOUT_FILENO));
    l_set_flag(L, "is_sum", s->is_sum);
    lua_pushlstring(L, notes.n ? (const char *)notes.p : "", notes.n);
    lua_setfield(L, -2, "notes");
    l_set_integer(L, "more_notes", s->more_notes);
    lua_call(L, 1, 1);
    text.p = (const uint8_t *)lua_tolstring(L, -1, &text.n);
    if (w->net.outlet.in_line) outlet_hold(&w->net.outlet, slice_str("\n"));
    if (outlet_hold(&w->net.outlet, text) < 0) return luaL_error(L, "not enough memory");
    return 0;
}

/* Sends summing.report(most) to the pool. */
static int l_send(lua_State *L) {
    const struct summary *s = l_door_given(L, l_send);
    struct slice text;
    l_push_function(L, "report");
    lua_pushinteger(L, REPORT_TEXT_MOST);
    lua_call(L, 1, 1);
    text.p = (const uint8_t *)lua_tolstring(L, -1, &text.n);
    if (!reports_send_counted(s->seen->worker->pool_reports, text)) return luaL_error(L, "the parent does not take it");
    return 0;
}

static void on_end(struct net *net) {
    struct worker *w = container_of(net, struct worker, net);
    struct summary *s = w->summary;
    if (!s) return;
    w->summary = NULL;
    if (w->pool)
        call(s, l_send, s, "the summary of the pool is without this worker");
    else if (w->wants_summary)
        call(s, l_print, s, "there is no summary");
    summary_cancel(s);
}

void summary_open(struct summary *s, struct control *seen, bool is_sum) {
    static const struct net_room room = {.end = on_end};
    *s = (struct summary){.seen = seen, .is_sum = is_sum, .began = uv_hrtime()};
    buf_init(&s->notes, SUMMARY_NOTES);
    seen->worker->summary = s;
    net_join(&seen->worker->net, &room);
}

void summary_cancel(struct summary *s) {
    if (s->engine) engine_free(s->engine);
    s->engine = NULL;
    buf_clear(&s->notes);
    s->seen->worker->summary = NULL;
}

/* ---- the parent of a pool ---- */

struct counted {
    unsigned worker;
    struct slice text;
};

/* summing.add(worker, text) */
static int l_add(lua_State *L) {
    const struct counted *c = l_door_given(L, l_add);
    l_push_function(L, "add");
    lua_pushinteger(L, c->worker);
    lua_pushlstring(L, (const char *)c->text.p, c->text.n);
    lua_call(L, 2, 0);
    return 0;
}

void summary_add(struct worker *w, unsigned worker, struct slice text) {
    struct counted c = {worker, text};
    if (w->summary) call(w->summary, l_add, &c, "the summary is without what a worker has counted");
}

void summary_miss(struct worker *w, unsigned worker, const char *how) {
    struct summary *s = w->summary;
    if (s && buf_printf(&s->notes, "worker %u %s, and what it had counted is missing\n", worker, how) < 0)
        s->more_notes++;
}

/* reload: stages a generation, commits it or throws it away. A commit first finds out which connections match, which
 * takes memory and may fail; from then on nothing can fail. */
#include "script/reload.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/reserve.h"
#include "base/trace.h"
#include "script/collector.h"
#include "script/door.h"
#include "script/durable.h"
#include "script/l_host.h"
#include "script/l_serve.h"
#include "script/l_timer.h"
#include "script/luv.h"
#include "script/state.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* ---- grace ---- */

void reload_hold(struct engine *e, bool holds) {
    delivery_hold(e, holds);
    if (!holds) l_serve_offer(e);
}

bool reload_is_awaited(const struct engine *e) {
    for (const struct task *t = e->tasks.all; t; t = t->all_next)
        if (!t->waits_in || strcmp(t->waits_in, "conn:receive") != 0) return true;
    return false;
}

/* ---- stage ---- */

struct engine *reload_stage(struct engine *e, char **why) {
    durable_write(e); /* what the next generation does not ask for stays as it is now */
    struct engine *next = engine_new(e->net, e->host, e->app, e->no_environment);
    if (!next) {
        *why = reserve_copy("not enough memory");
        return NULL;
    }
    next->place = e->place;
    next->strict = e->strict;
    if (engine_is_tested(e))
        engine_share_memory(next, e);
    else
        next->account->most = e->account->most;
    next->beyond = e->beyond;
    next->store = e->store;
    next->reloads = e->reloads + 1;
    next->last_id = e->net->last_id;
    next->staged = true;
    collector_start(next); /* before the copy: to set it later would traverse all that was copied */
    if (e->metrics && !(next->metrics = metrics_new(next->account, e->metrics)))
        *why = reserve_copy("not enough memory");
    else if (state_copy(e, next, why))
        return next;
    engine_free(next);
    return NULL;
}

void reload_abandon(struct engine *next) {
    struct net *net = next->net;
    uint64_t last_id = next->last_id;
    next->ended = true;
    for (struct conn_box *b = next->boxes; b; b = b->next) {
        conn_detach(b->conn);
        conn_withdraw(b->conn);
    }
    engine_free(next);
    net->last_id = last_id;
}

/* ---- which connections match ---- */

/* Can the connection be taken over: is it neither closed nor closing? */
static bool lives(const struct conn_box *b) {
    return b->conn->phase != CONN_CLOSED && b->conn->phase != CONN_CLOSING && b->conn->phase != CONN_ENDED;
}

/* Pushes what a connection is known by: its name, or else its url. */
static void push_key(lua_State *L, const struct conn_box *b) {
    const char *url = b->url_function ? NULL : b->conn->plan->url.text;
    lua_pushfstring(L, "%s %s", b->name ? "name" : "url", b->name ? b->name : url ? url : "");
}

struct matching {
    struct engine *last, *next;
};

/* Matches connections with the same key in order: the first of the last generation with the first of the next, and so
 * on. Stack: lists (key -> { n = index of the next box to take, boxes ... }) */
static int l_match(lua_State *L) {
    const struct matching *m = l_door_given(L, l_match);
    lua_newtable(L);
    for (struct conn_box *b = m->last->boxes; b; b = b->next) {
        if (!lives(b)) continue;
        push_key(L, b);
        if (lua_gettable(L, 1) == LUA_TNIL) {
            lua_newtable(L);
            push_key(L, b);
            lua_pushvalue(L, -2);
            lua_settable(L, 1);
            lua_pushinteger(L, 1);
            lua_setfield(L, -2, "n");
        }
        if (lua_istable(L, -1)) {
            lua_pushlightuserdata(L, b);
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        }
        lua_settop(L, 1);
    }
    for (struct conn_box *b = m->next->boxes; b; b = b->next, lua_settop(L, 1)) {
        push_key(L, b);
        b->match = NULL;
        if (lua_gettable(L, 1) != LUA_TTABLE) continue;
        lua_getfield(L, -1, "n");
        lua_Integer n = lua_tointeger(L, -1);
        lua_rawgeti(L, 2, n);
        b->match = lua_touserdata(L, -1);
        if (b->match) b->match->matched_by = b;
        lua_pushinteger(L, n + 1);
        lua_setfield(L, 2, "n");
    }
    return 0;
}

/* Finds for each connection of `next` the one of `last` that it takes over; commit does that. False with `*why`: there
 * is no memory for it. */
static bool match(struct engine *last, struct engine *next, char **why) {
    struct matching m = {last, next};
    return door_call(next, l_match, &m, why);
}

/* ---- commit ---- */

/* For the report: the names of the first connections of a kind, or of the first servers, and how many there are. */
struct words {
    struct buf text;
    unsigned count;
};

enum { NAMED = 5, NAME_MOST = 60 }; /* how many of a kind are named; most bytes of a name */

static bool add_name(struct words *w, const char *kind, const char *name) {
    if (w->count++ == 0) buf_init(&w->text, SIZE_MAX);
    if (w->count > NAMED) return false;
    buf_printf(&w->text, "%s%s%.*s", w->text.len ? ", " : "", kind, NAME_MOST, name ? name : "?");
    return true;
}

static void add(struct words *w, const struct conn_box *b, const char *what, const char *happens) {
    const struct url *url = &b->conn->plan->url;
    const char *name = b->name ? b->name : url->scheme == URL_UNIX ? url->socket_path : url->host;
    if (add_name(w, "", name) && what) buf_printf(&w->text, " (%s %s)", what, happens);
}

static void put(struct buf *report, const char *verb, struct words *w) {
    if (w->count == 0) return;
    buf_printf(report, "%s%s %u: %.*s", report->len ? "; " : "", verb, w->count, SLICE_ARGS(buf_slice(&w->text)));
    if (w->count > NAMED) buf_printf(report, " and %u more", w->count - NAMED);
    buf_clear(&w->text);
}

/* Reports how many callbacks and tasks end with the last generation while they wait. */
static void put_cut(struct buf *report, const struct engine *last) {
    unsigned callbacks = 0, tasks = 0;
    for (struct task *t = last->tasks.all; t; t = t->all_next) {
        if (t->cancelled) continue;
        bool is_callback = t->called && t->co != last->main;
        *(is_callback ? &callbacks : &tasks) += 1;
        if (!log_wants(LOG_DEBUG)) continue;
        char *text = task_describe(t, is_callback ? "cut a callback that waited" : "cut a task that waited");
        log_report(engine_err(last), LOG_DEBUG, "%s", text);
        free(text);
    }
    if (callbacks || tasks)
        buf_printf(report, "%scut %u callback%s, %u task%s", report->len ? "; " : "", callbacks, &"s"[callbacks == 1],
                   tasks, &"s"[tasks == 1]);
}

/* Closes a connection that was not declared again, and ends its reconnecting; its script hears no more of it. */
static void dismiss(struct conn_box *b) {
    conn_detach(b->conn);
    conn_say_goodbye(b->conn);
    rotation_close(b, WS_CLOSE_GOING_AWAY, slice_of(NULL, 0));
}

/* For the report: all kinds. */
struct told {
    struct words kept, reopened, opened, closed;
};

static void add_server(void *arg, enum serve_fate fate, const char *address) {
    struct told *t = arg;
    TRACE(TRACE_RELOAD, NULL, "the server %s is %s", address,
          fate == SERVE_KEPT     ? "kept"
          : fate == SERVE_OPENED ? "opened"
                                 : "closed");
    add_name(fate == SERVE_KEPT ? &t->kept : fate == SERVE_OPENED ? &t->opened : &t->closed, "server ", address);
}

static void put_all(struct buf *report, struct told *t) {
    put(report, "kept", &t->kept);
    put(report, "reopened", &t->reopened);
    put(report, "opened", &t->opened);
    put(report, "closed", &t->closed);
    if (report->len == 0) buf_append(report, slice_str("no connections"));
}

/* Closes the last generation. `next` goes on from what it has counted, also while it was being closed. */
static void close_last(struct engine *last, struct engine *next) {
    struct metrics *counted = metrics_hold(last->metrics);
    uint64_t ran = last->lua_time, collected = last->collections;
    engine_free(last);
    if (counted && next->metrics) metrics_take_over(next->metrics, counted);
    metrics_release(counted);
    next->lua_time += ran;
    next->collections += collected;
}

/* Has `next`, which was loaded and matched, take over from `last`, which is closed. */
static void commit(struct engine *last, struct engine *next, struct buf *report) {
    struct told told = {0};
    next->staged = false;
    durable_take_over(last, next);
    for (struct conn_box *b = next->boxes; b; b = b->next) {
        struct conn_box *match = b->match && lives(b->match) ? b->match : NULL;
        const char *why = match ? conn_differs(match->conn, b->conn, !b->url_function) : NULL;
        if (match && !why) {
            const char *later = conn_differs_later(match->conn, b->conn);
            TRACE(TRACE_RELOAD, &match->conn->subject, "kept%s%s", later ? ", its next handshake has other " : "",
                  later ? later : "");
            l_conn_adopt(b, match);
            add(&told.kept, b, later, "at the next handshake");
        } else {
            add(match ? &told.reopened : &told.opened, b, why, "changed");
            TRACE(TRACE_RELOAD, &(match ? match : b)->conn->subject, "%s%s",
                  match ? "closed and opened anew, for another " : "opened", match ? why : "");
            if (match) dismiss(match);
            l_conn_begin(b);
        }
        if (b->match) b->match->matched_by = NULL;
        b->match = NULL;
    }
    for (struct conn_box *b = last->boxes; b; b = b->next) {
        if (b->conn->sink_arg != b || !b->conn->sink) continue; /* it was taken over, or is dismissed already */
        if (lives(b)) add(&told.closed, b, NULL, NULL);
        if (lives(b)) TRACE(TRACE_RELOAD, &b->conn->subject, "closed: it is not declared any more");
        dismiss(b);
    }
    l_serve_take_over(last, next, add_server, &told);
    l_timer_keep_phases(last, next);
    last->ended = true;
    put_all(report, &told);
    put_cut(report, last);
    close_last(last, next);
    luv_take_over(next->luv);
}

/* ---- the whole ---- */

bool reload_run(struct engine *last, const struct reload_way *way, void *arg, struct buf *report, char **why) {
    struct engine *next = reload_stage(last, why);
    if (!next) return false;
    bool ok = way->load(arg, next, why) && match(last, next, why);
    if (ok) l_host_call_on_reload(last);
    if (!way->judge(arg, next, ok, why)) {
        reload_abandon(next);
        return false;
    }
    way->take_over(arg, next);
    commit(last, next, report);
    return true;
}

void reload_follow(struct engine *e) {
    if (e->sums && e->host->summary) e->host->summary(e->app);
    if (e->stops) e->host->stop(e->app, e->stop_status);
    if (e->asks) e->host->reload(e->app);
}

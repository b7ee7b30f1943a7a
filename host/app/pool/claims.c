/* claims: a claim is an object of the script; its number is that in the report, and in the answer. */
#include "app/pool/claims.h"

#include "app/pool/claimant.h"
#include "app/pool/reports.h"
#include "base/container_of.h"
#include "script/box.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/task.h"
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <unistd.h>

enum { OUT_MOST = 2 << 20 }; /* bytes that the pool has not taken: all claims that may wait, and more */

LIST_HEAD(script_claims, script_claim);

/* Of a worker, as long as its process lives. */
struct claims {
    struct worker *worker;
    struct script_claims waiting;
    uint64_t last;  /* number that was given */
    unsigned count; /* that wait */
    /* in a pool: */
    uv_poll_t poll; /* for answers; keeps the loop alive while there is a claim that waits */
    struct buf read, out;
    int events; /* that `poll` waits for */
    bool gone;  /* the pool is */
    /* else: */
    struct quotas quotas;
    struct claimant claimant;
};

struct script_claim {
    struct box box;
    LIST_ENTRY(script_claim) link;
    struct claims *claims; /* NULL: it was answered, or dropped */
    uint64_t id;
    bool met;
    struct waiters waiters;
};

static bool is_member(const struct claims *c) { return c->worker->pool != 0; }

/* ---- answers ---- */

static void forget(struct script_claim *one) {
    struct claims *c = one->claims;
    LIST_REMOVE(one, link);
    c->count--;
    one->claims = NULL;
    if (is_member(c) && LIST_EMPTY(&c->waiting)) uv_unref((uv_handle_t *)&c->poll);
}

static void on_answer(void *arg, uint64_t id, bool met) {
    struct claims *c = arg;
    struct script_claim *one;
    LIST_FOREACH(one, &c->waiting, link) {
        if (one->id == id) break;
    }
    if (!one) return; /* it was dropped meanwhile */
    forget(one);
    one->met = met;
    task_wake_all(&one->waiters);
}

static void on_ready(uv_poll_t *poll, int status, int events);

/* Sends what the pipe has room for: the rest when it has more. */
static void flush(struct claims *c) {
    int rc = c->gone ? ERR_SYSTEM : reports_send_put(c->worker->pool_reports, &c->out);
    int events = UV_READABLE | (rc == 0 ? 0 : UV_WRITABLE);
    c->gone = rc == ERR_SYSTEM;
    if (uv_is_closing((uv_handle_t *)&c->poll)) return;
    if (c->gone)
        uv_poll_stop(&c->poll);
    else if (events != c->events)
        uv_poll_start(&c->poll, c->events = events, on_ready);
}

static void read_answers(struct claims *c) {
    struct answer answer;
    char bytes[4096];
    ssize_t n = read(c->worker->pool_reports, bytes, sizeof bytes);
    c->gone |= n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR));
    if (n > 0) buf_append(&c->read, slice_of(bytes, (size_t)n));
    while (reports_next_answer(&c->read, &answer)) on_answer(c, answer.id, answer.met);
}

/* Nobody answers any more. */
static void refuse_all(struct claims *c) {
    for (const struct script_claim *one; (one = LIST_FIRST(&c->waiting));) on_answer(c, one->id, false);
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct claims *c = container_of(poll, struct claims, poll);
    c->gone |= status < 0;
    if (!c->gone && events & UV_READABLE) read_answers(c);
    flush(c);
    if (c->gone) refuse_all(c);
}

/* ---- the worker's end of it ---- */

static void close_claims(struct net *net) {
    struct worker *w = container_of(net, struct worker, net);
    struct claims *c = w->claims;
    w->claims = NULL;
    if (is_member(c)) {
        c->gone = true; /* for what is dropped from now on */
        uv_close((uv_handle_t *)&c->poll, NULL);
        buf_clear(&c->read);
        buf_clear(&c->out);
    } else {
        claimant_clear(&c->claimant);
        quotas_clear(&c->quotas);
    }
}

static void open_claims(struct worker *w) {
    static const struct net_room room = {.close = close_claims};
    static struct claims only; /* one worker a process */
    struct claims *c = &only;
    *c = (struct claims){.worker = w};
    LIST_INIT(&c->waiting);
    buf_init(&c->read, SIZE_MAX);
    buf_init(&c->out, OUT_MOST);
    if (is_member(c)) {
        uv_poll_init(&w->loop, &c->poll, w->pool_reports);
        flush(c);
        uv_unref((uv_handle_t *)&c->poll);
    } else {
        quotas_init(&c->quotas, &w->net.clock);
        c->claimant = (struct claimant){.quotas = &c->quotas, .answer = on_answer, .arg = c};
    }
    w->claims = c;
    net_join(&w->net, &room);
}

static void claim(struct script_claim *one, const struct quota_want *want) {
    struct claims *c = one->claims;
    if (!is_member(c)) {
        claimant_claim(&c->claimant, one->id, want);
    } else if (!c->gone && c->count <= CLAIMS_MOST && reports_put_claim(&c->out, one->id, want)) {
        uv_ref((uv_handle_t *)&c->poll);
        flush(c);
        if (c->gone) refuse_all(c);
    } else {
        on_answer(c, one->id, false);
    }
}

static void drop(struct script_claim *one) {
    struct claims *c = one->claims;
    if (!c) return;
    if (!is_member(c))
        claimant_drop(&c->claimant, one->id);
    else if (reports_put_drop(&c->out, one->id))
        flush(c);
    forget(one);
}

/* ---- the script's end of it ---- */

static void end(void *object) {
    drop(object);
    free(object);
}

static const struct box_type claim_type = {
    .name = "wsbot.claim", .size = sizeof(struct script_claim), .closes = true, .end = end};

/* claim(name, n, seconds, count) */
static int l_claim(lua_State *L) {
    struct worker *w = engine_of(L)->app;
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    struct quota_want want = {.name = slice_of(name, size),
                              .n = (uint64_t)luaL_checkinteger(L, 2),
                              .span = l_seconds_check(L, 3),
                              .count = (uint64_t)luaL_checkinteger(L, 4)};
    if (!w->claims) open_claims(w);
    struct script_claim *one = l_box_new(L, &claim_type);
    one->claims = w->claims;
    one->id = ++w->claims->last;
    LIST_INSERT_HEAD(&w->claims->waiting, one, link);
    w->claims->count++;
    claim(one, &want);
    return 1;
}

static int l_answered(lua_State *L, int status, lua_KContext ctx) {
    const struct script_claim *one = l_box_get(L, 1, &claim_type);
    (void)status;
    (void)ctx;
    if (one->claims) return l_push_failure(L, "timeout", NULL);
    return one->met ? l_push_true(L) : l_push_failure(L, "refused", NULL);
}

/* wait([timeout]) */
static int l_wait(lua_State *L) {
    struct script_claim *one = l_box_get(L, 1, &claim_type);
    uint64_t timeout = l_seconds_limit(L, 2);
    lua_settop(L, 1);
    if (!one->claims) return l_answered(L, LUA_OK, 0);
    return l_task_wait(L, "limiter:take", &one->waiters, timeout, 0, l_answered);
}

int luaopen_claims(lua_State *L) {
    static const luaL_Reg methods[] = {{"wait", l_wait}, {NULL, NULL}},
                          functions[] = {{"claim", l_claim}, {NULL, NULL}};
    l_box_open(L, &claim_type, NULL, methods);
    luaL_newlib(L, functions);
    return 1;
}

/* watch: what goes on in the program, as lines of JSON, for clients of the control socket: messages by way of the
 * record (net/conn/record.h), and the log. A client that reads slowly misses some, and the program waits for none. */
#include "app/control/parts.h"

#include "base/log.h"
#include "net/conn/record.h"
#include "script/l_push.h"
#include "script/ws/conn.h"
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_MOST = 200,   /* in each second */
    MESSAGE_BYTES = 65536, /* of one */
    LINES_MOST = 1 << 20,  /* bytes of lines that nobody has taken */
};

struct watch {
    LIST_ENTRY(watch) link;
    struct control *control;
    lua_Integer number;
    uint64_t connection; /* the id, as scripts know it; 0: all */
    bool messages, log;
    enum log_level least;
    struct waiters waiters;
    struct buf lines;    /* to be taken */
    uint64_t seen, told; /* messages, since lines were last taken */
    uint64_t second;     /* when the second began in which `count` were told */
    unsigned count;
};

static struct watch *find(const struct control *c, lua_Integer number) {
    struct watch *w;
    LIST_FOREACH(w, &c->watches, link)
        if (w->number == number) return w;
    return NULL;
}

static void add(struct watch *w, struct slice lines) {
    if (w->lines.len + lines.n <= LINES_MOST) buf_append(&w->lines, lines);
    task_wake_all(&w->waiters);
}

/* ---- what passes on connections ---- */

static bool is_of(const struct watch *w, const struct conn *c) {
    if (!w->connection) return true;
    return c->sink == &events_sink && rotation_id(c->sink_arg) == w->connection;
}

static bool on_wants(void *arg, const struct conn *c) {
    struct watch *w = arg;
    uint64_t now = c->net->turned; /* near enough, and costs nothing */
    if (!is_of(w, c)) return false;
    w->seen++;
    if (now - w->second >= CLOCK_SECOND) {
        w->second = now;
        w->count = 0;
    }
    if (w->count >= MESSAGES_MOST || w->lines.len > LINES_MOST / 2) return false;
    w->count++;
    w->told++;
    return true;
}

static void on_lines(void *arg, struct slice lines) { add(arg, lines); }

/* ---- the log ---- */

static void on_logged(void *arg, enum log_level level, struct slice line) {
    const struct control *c = arg;
    struct watch *w;
    LIST_FOREACH(w, &c->watches, link)
        if (w->log && (level >= w->least || level == LOG_TRACE)) add(w, line);
}

/* Has the log tell what the watches together want. */
static void listen_to_log(struct control *c) {
    enum log_level least = LOG_OFF;
    const struct watch *w;
    LIST_FOREACH(w, &c->watches, link)
        if (w->log && w->least < least) least = w->least;
    log_listen(least < LOG_OFF ? on_logged : NULL, c, least);
}

/* ---- for the control socket ---- */

static void forget(struct watch *w) {
    record_unlisten(&w->control->worker->net, w);
    LIST_REMOVE(w, link);
    task_wake_all(&w->waiters);
    listen_to_log(w->control);
    if (LIST_EMPTY(&w->control->watches)) trace_listen(slice_str(""));
    buf_clear(&w->lines);
    free(w);
}

static enum log_level level_of(lua_State *L, int index) {
    static const char *const names[] = {"debug", "info", "warn", "error", NULL};
    return (enum log_level)(LOG_DEBUG + luaL_checkoption(L, index, NULL, names));
}

/* watch(number, connection, messages, level, areas): begins one; connection 0: none alone; level nil: no log; areas: of
 * the trace, nil: as they are. Raises where a level or area is none. */
int l_watch_begin(lua_State *L) {
    struct control *c = control_of(L);
    lua_Integer number = luaL_checkinteger(L, 1), connection = luaL_optinteger(L, 2, 0);
    bool log = !lua_isnoneornil(L, 4);
    enum log_level least = log ? level_of(L, 4) : LOG_OFF;
    size_t n;
    const char *areas = luaL_optlstring(L, 5, NULL, &n);
    struct watch *w = calloc(1, sizeof *w);
    if (!w) return luaL_error(L, "not enough memory");
    if (areas && !trace_listen(slice_of(areas, n))) {
        free(w);
        return luaL_error(L, "the trace has no area of that name");
    }
    w->control = c;
    w->number = number;
    w->connection = (uint64_t)connection;
    w->messages = connection || lua_toboolean(L, 3);
    w->log = log;
    w->least = least;
    buf_init(&w->lines, SIZE_MAX);
    LIST_INSERT_HEAD(&c->watches, w, link);
    listen_to_log(c);
    struct record_listener listener = {.told = on_lines, .wants = on_wants, .arg = w, .most = MESSAGE_BYTES};
    if (w->messages) record_listen(&c->worker->net, &listener);
    return 0;
}

/* Stack: number, when the wait ends. */
static int l_taken(lua_State *L, int status, lua_KContext ctx) {
    struct watch *w = find(control_of(L), lua_tointeger(L, 1));
    (void)status;
    (void)ctx;
    if (!w) return 0;
    if (!w->lines.len) return l_task_wait(L, "control.take", &w->waiters, UINT64_MAX, 0, l_taken);
    struct buf taken = w->lines;
    buf_init(&w->lines, SIZE_MAX);
    lua_Integer told = (lua_Integer)w->told, seen = (lua_Integer)w->seen;
    w->seen = w->told = 0;
    l_push_bytes(L, &taken);
    lua_pushinteger(L, told);
    lua_pushinteger(L, seen);
    return 3;
}

/* take(number) -> lines, told, seen; or nothing, as it has ended. Waits. */
int l_watch_take(lua_State *L) {
    lua_settop(L, 1);
    return l_taken(L, LUA_OK, 0);
}

/* unwatch(number) */
int l_watch_end(lua_State *L) {
    struct watch *w = find(control_of(L), luaL_checkinteger(L, 1));
    if (w) forget(w);
    return 0;
}

void watch_end_all(struct control *c) {
    while (!LIST_EMPTY(&c->watches)) forget(LIST_FIRST(&c->watches));
}

/* bot: a generation beside that of the test, in the same loop and under the same clock. The test asks for a step
 * (start, reload, stop) and waits; the loop carries it out, as for a program. */
#include "testing/bot.h"
#include "base/container_of.h"
#include "script/l_push.h"
#include "testing/testing.h"

#include "base/log.h"
#include "base/reserve.h"
#include "base/store.h"
#include "net/conn/conn.h"
#include "script/door.h"
#include "script/l_host.h"
#include "script/l_serve.h"
#include "script/luv.h"
#include "script/reload.h"
#include "script/ws/conn.h"
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

char *bot_copy(const char *text, size_t n) {
    char *mine = reserve_grow(NULL, n + 1);
    memcpy(mine, text, n);
    mine[n] = '\0';
    return mine;
}

void bot_put_string(struct strings *list, char *mine) {
    char **items = reserve_grow(list->items, (list->count + 1) * sizeof *items);
    list->items = items;
    list->items[list->count++] = mine;
}

static void clear_strings(struct strings *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
    *list = (struct strings){0};
}

/* stdio wants 0 for a failure. */
static ssize_t on_output(void *arg, const char *data, size_t n) {
    struct output *o = arg;
    if (!account_has_room(o->account, n) || buf_append(&o->text, slice_of(data, n)) < 0) {
        errno = ENOMEM;
        return 0;
    }
    account_add(o->account, n);
    return (ssize_t)n;
}

bool bot_open_output(struct bot *b, struct output *o) {
    o->account = b->account;
    buf_init(&o->text, SIZE_MAX);
    o->file = fopencookie(o, "w", (cookie_io_functions_t){.write = on_output});
    return o->file != NULL;
}

static void close_output(struct output *o) {
    if (o->file) fclose(o->file);
    account_take(o->account, o->text.len);
    buf_clear(&o->text);
}

void bot_release(struct bot *b) {
    err_must(b->references > 0);
    if (--b->references) return;
    if (b->out.file) close_output(&b->out);
    if (b->err.file) close_output(&b->err);
    account_take(b->account, b->kept);
    account_release(b->account);
    free(b->path);
    free(b->source);
    free(b->folder);
    free(b->failure);
    clear_strings(&b->arguments);
    clear_strings(&b->environment);
    clear_strings(&b->errors);
    free(b);
}

/* ---- its end ---- */

static void say_goodbye(struct engine *e) {
    l_serve_stop(e);
    for (struct conn_box *b = e->boxes; b; b = b->next) {
        conn_say_goodbye(b->conn);
        rotation_close(b, WS_CLOSE_GOING_AWAY, slice_of(NULL, 0));
    }
}

void bot_end(struct bot *b) {
    struct engine *e = b->engine;
    b->engine = NULL;
    if (!e) return;
    clock_cancel(&e->net->clock, &b->late);
    engine_for_test(e)->stopping = true;
    for (struct conn_box *box = e->boxes; box; box = box->next) conn_detach(box->conn);
    say_goodbye(e);
    engine_free(e);
    if (b->store) store_close(b->store);
    b->store = NULL;
}

static bool has_connections(const struct engine *e) {
    for (const struct conn_box *b = e->boxes; b; b = b->next)
        if (b->conn->phase != CONN_CLOSED || inbox_has_event(&b->inbox)) return true;
    return false;
}

bool bot_is_alive(const struct bot *b) {
    const struct engine *e = b->engine;
    if (!e || b->has_exited) return false;
    if (engine_stops(e)) return !b->stopped || has_connections(e) || e->servings || e->tasks.ready.first;
    return e->tasks.all || e->servings || e->timers || has_connections(e) || luv_is_waited_for(e->luv);
}

/* ---- steps ---- */

static void host_stop(void *app, int status);
static void host_exit(void *app, int status);
static const char *host_reload(void *app);

static void fail(struct bot *b, const char *why) { b->failure = bot_copy(why, strlen(why)); }

static int l_main(lua_State *L) {
    struct bot *b = l_door_given(L, l_main);
    engine_of(L)->main = L;
    int n = (int)b->arguments.count;
    luaL_checkstack(L, n + 1, "too many arguments");
    int rc = b->path ? loader_load(L, b->path, NULL) : luaL_loadbuffer(L, b->source, strlen(b->source), "=bot");
    if (rc != LUA_OK) { /* there is nothing to trace */
        size_t size;
        const char *message = lua_tolstring(L, -1, &size);
        b->failure = bot_copy(message, size);
        return 0;
    }
    for (int i = 0; i < n; i++) lua_pushstring(L, b->arguments.items[i]);
    lua_callk(L, n, 0, 0, l_push_nothing);
    return 0;
}

static void on_main_end(struct task *t, void *arg, enum task_end how) {
    struct bot *b = arg;
    t->engine->main = NULL;
    if (how != TASK_FAILED || b->has_exited) return;
    char *text = task_describe(t, NULL);
    if (b->starts) {
        b->failure = text;
        return;
    }
    engine_report(t->engine, text);
    free(text);
    host_exit(b, 1); /* whenever the main chunk fails, the program ends */
}

/* Runs the script in a generation, up to its end or its first wait. False with b->failure where it failed. */
static bool run(struct bot *b, struct engine *e) {
    if (!bot_dress(b, e)) return false;
    b->starts = true;
    if (!task_run(e, "main chunk", l_main, b, on_main_end, b)) fail(b, "not enough memory");
    b->starts = false;
    if (e->staged && e->exited && !b->failure) fail(b, "os.exit was called");
    return !b->failure;
}

static const struct engine_host bot_host;

/* Opens the folder of its durable state, where it has one. False with b->failure. */
static bool open_store(struct bot *b) {
    struct fault fault = {0};
    if (!b->folder) return true;
    b->store = store_open(b->folder, b->engine->place.worker, true, &fault);
    if (!b->store) fail(b, fault.text);
    b->engine->store = b->store;
    return b->store != NULL;
}

static void start(struct bot *b) {
    b->engine = engine_new(b->tester->net, &bot_host, b, false);
    if (b->engine) engine_share_memory(b->engine, b->tester);
    if (!b->engine)
        fail(b, "not enough memory");
    else if (!open_store(b) || !run(b, b->engine))
        bot_end(b);
}

enum { ON_STOP_LIMIT = 10 }; /* seconds, as in a program */

static void on_stop_done(void *arg) {
    struct bot *b = arg;
    clock_cancel(&b->tester->net->clock, &b->late);
    if (b->stopped) return;
    b->stopped = true;
    say_goodbye(b->engine);
}

static void on_stop_late(struct deadline *d) {
    struct bot *b = container_of(d, struct bot, late);
    char line[80];
    snprintf(line, sizeof line, "host.on_stop: its functions were not done within %d s", ON_STOP_LIMIT);
    log_write(b->err.file, LOG_WARN, slice_str(line));
    on_stop_done(b);
}

static void stop(struct bot *b) {
    struct clock *clock = &b->tester->net->clock;
    b->stops = true;
    if (!b->engine || engine_stops(b->engine) || b->has_exited) return;
    engine_for_test(b->engine)->stopping = true;
    clock_set(clock, &b->late, clock_now(clock) + ON_STOP_LIMIT * CLOCK_SECOND, on_stop_late);
    l_host_call_on_stop(b->engine, on_stop_done, b);
}

static bool load_next(void *arg, struct engine *next, char **why) {
    (void)why; /* it is in b->failure */
    return run(arg, next);
}

static bool judge_next(void *arg, struct engine *next, bool ok, char **why) {
    struct bot *b = arg;
    (void)next;
    (void)why;
    if (ok && b->has_exited) fail(b, "os.exit was called"); /* in a function of host.on_reload */
    return ok && !b->has_exited;
}

static void use_next(void *arg, struct engine *next) { ((struct bot *)arg)->engine = next; }

static void reload(struct bot *b) {
    static const struct reload_way way = {load_next, judge_next, use_next};
    if (!bot_is_alive(b) || b->stops) {
        fail(b, b->stops ? "the bot is to end" : "the bot has ended");
        return;
    }
    struct buf report;
    buf_init(&report, 4096);
    if (reload_run(b->engine, &way, b, &report, &b->failure)) {
        char line[512];
        snprintf(line, sizeof line, "reload %llu: %.*s", (unsigned long long)b->engine->reloads,
                 SLICE_ARGS(buf_slice(&report)));
        log_write(b->err.file, LOG_INFO, slice_str(line));
        reload_follow(b->engine);
    } else if (!b->has_exited) {
        log_report(b->err.file, LOG_ERROR, "reload failed, the old code goes on: %s", b->failure);
    }
    buf_clear(&report);
}

/* ---- what the script asks for, and the test ---- */

static struct bot *of_own(struct deadline *d) { return container_of(d, struct bot, own); }
static void on_own_stop(struct deadline *d) { stop(of_own(d)); }
static void on_own_exit(struct deadline *d) { bot_end(of_own(d)); }

static void on_own_reload(struct deadline *d) {
    struct bot *b = of_own(d);
    char *of_step = b->failure; /* that of a step, which the test has not read yet */
    b->failure = NULL;
    reload(b);
    free(b->failure); /* that of this reload, which was reported */
    b->failure = of_step;
}

static void ask(struct bot *b, void (*fn)(struct deadline *d)) {
    clock_set(&b->tester->net->clock, &b->own, clock_now(&b->tester->net->clock), fn);
}

static void host_stop(void *app, int status) {
    struct bot *b = app;
    if (b->has_exited) return;
    if (status) b->status = status;
    b->stops = true;
    ask(b, on_own_stop);
}

static void host_mark(void *app, int status) { ((struct bot *)app)->status = status; }

static void host_exit(void *app, int status) {
    struct bot *b = app;
    if (b->has_exited) return;
    b->has_exited = true;
    b->status = status;
    if (b->engine) b->engine->tasks.exits = true; /* none of its code runs any more */
    ask(b, on_own_exit);
}

static const char *host_reload(void *app) {
    struct bot *b = app;
    if (!b->stops && !b->has_exited) ask(b, on_own_reload);
    return NULL;
}

static void host_failed(void *app, const char *message) {
    struct bot *b = app;
    size_t n = strlen(message);
    if (!account_has_room(b->account, n)) return; /* then there are many errors already */
    account_add(b->account, n);
    b->kept += n;
    bot_put_string(&b->errors, bot_copy(message, n));
}

static void host_noted(void *app, const struct engine_file *file) {
    const struct engine *tester = ((struct bot *)app)->tester;
    if (tester && tester->host->noted) tester->host->noted(tester->app, file);
}

static const struct engine_host bot_host = {.modules = testing_modules,
                                            .stop = host_stop,
                                            .mark = host_mark,
                                            .exit = host_exit,
                                            .reload = host_reload,
                                            .failed = host_failed,
                                            .noted = host_noted};

static struct bot *of_step(struct deadline *d) { return container_of(d, struct bot, step); }

void bot_done(struct bot *b) {
    b->busy = false;
    task_wake_all(&b->waiting);
}

void bot_on_start(struct deadline *d) {
    start(of_step(d));
    bot_done(of_step(d));
}

void bot_on_stop(struct deadline *d) {
    stop(of_step(d));
    bot_done(of_step(d));
}

void bot_on_reload(struct deadline *d) {
    reload(of_step(d));
    bot_done(of_step(d));
}

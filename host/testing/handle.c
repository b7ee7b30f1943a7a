/* handle: the userdata of testing.bot: a script in a generation of its own, of which the test asks steps. */
#include "script/l_pending.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "testing/bot.h"
#include "testing/relay.h"
#include "testing/testing.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static void end(void *object) {
    struct bot *b = object;
    clock_cancel(&b->tester->net->clock, &b->step);
    clock_cancel(&b->tester->net->clock, &b->own);
    bot_end(b);
    b->tester = NULL;
    bot_release(b);
}

static const struct box_type bot_type = {.name = "wsbot.testing.bot core", .size = sizeof(struct bot), .end = end};

static struct bot *check_bot(lua_State *L) { return l_box_get(L, 1, &bot_type); }

/* A copy of a text, which is counted in the bot's account. It ends at the first NUL. */
static char *keep_text(lua_State *L, struct bot *b, const char *text) {
    size_t n = strlen(text);
    l_engine_need(L, b->tester, n);
    account_add(b->account, n);
    b->kept += n;
    return bot_copy(text, n);
}

static void drop_text(struct bot *b, char **text) {
    size_t n = *text ? strlen(*text) : 0;
    account_take(b->account, n);
    b->kept -= n;
    free(*text);
    *text = NULL;
}

static int l_stepped(lua_State *L, int status, lua_KContext ctx) {
    struct bot *b = check_bot(L);
    (void)status;
    if (b->busy) return l_task_wait(L, (const char *)ctx, &b->waiting, UINT64_MAX, ctx, l_stepped);
    int n = l_push_unless(L, b->failure);
    free(b->failure);
    b->failure = NULL;
    return n;
}

struct step {
    const char *what;
    void (*fn)(struct deadline *d);
};

/* Begins a step when no other is under way. Stack: bot, source or nil. */
static int l_step(lua_State *L, int status, lua_KContext ctx) {
    const struct step *s = (const struct step *)ctx;
    struct bot *b = check_bot(L);
    (void)status;
    if (b->busy) return l_task_wait(L, s->what, &b->waiting, UINT64_MAX, ctx, l_step);
    l_task_check(L, s->what);
    if (!lua_isnil(L, 2)) {
        l_engine_need(L, b->tester, lua_rawlen(L, 2));
        drop_text(b, &b->source);
        drop_text(b, &b->path);
        b->source = keep_text(L, b, lua_tostring(L, 2));
    }
    free(b->failure); /* of a step whose end no task waited for */
    b->failure = NULL;
    b->busy = true;
    clock_set(&b->tester->net->clock, &b->step, clock_now(&b->tester->net->clock), s->fn);
    return l_stepped(L, LUA_OK, (lua_KContext)s->what);
}

static int begin_step(lua_State *L, const struct step *s) {
    check_bot(L);
    if (!lua_isnoneornil(L, 2)) luaL_checkstring(L, 2);
    lua_settop(L, 2);
    return l_step(L, LUA_OK, (lua_KContext)s);
}

static int l_start(lua_State *L) {
    static const struct step s = {"testing.bot", bot_on_start};
    return begin_step(L, &s);
}

static int l_stop(lua_State *L) {
    static const struct step s = {"bot:stop", bot_on_stop};
    return begin_step(L, &s);
}

/* reload([source]) */
static int l_reload(lua_State *L) {
    static const struct step s = {"bot:reload", bot_on_reload};
    return begin_step(L, &s);
}

/* alive(): has the bot something left to do? One that has not is ended now. */
static int l_alive(lua_State *L) {
    struct bot *b = check_bot(L);
    bool alive = bot_is_alive(b);
    if (!alive && !b->busy && !relay_is_busy(b->tester)) bot_end(b);
    lua_pushboolean(L, alive || b->busy);
    return 1;
}

static int l_kill(lua_State *L) {
    struct bot *b = check_bot(L);
    if (engine_is_deep(engine_of(L))) return luaL_error(L, "bot:kill: C stack overflow");
    if (relay_is_busy(b->tester)) return luaL_error(L, "bot:close: not in a debug hook that hears of a bot");
    clock_cancel(&b->tester->net->clock, &b->step);
    clock_cancel(&b->tester->net->clock, &b->own);
    bot_end(b);
    bot_done(b);
    return 0;
}

static int push_output(lua_State *L, struct output *o) {
    fflush(o->file);
    lua_pushlstring(L, (const char *)buf_slice(&o->text).p, o->text.len);
    return 1;
}

static int l_output(lua_State *L) { return push_output(L, &check_bot(L)->out); }
static int l_log(lua_State *L) { return push_output(L, &check_bot(L)->err); }

static int l_errors(lua_State *L) {
    const struct bot *b = check_bot(L);
    lua_createtable(L, (int)b->errors.count, 0);
    for (size_t i = 0; i < b->errors.count; i++) {
        lua_pushstring(L, b->errors.items[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* pending(list) adds what waits for the clock in this bot. */
static int l_pending(lua_State *L) {
    const struct bot *b = check_bot(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    if (b->engine) l_pending_add(L, b->engine);
    return 0;
}

static int l_first(lua_State *L) { return l_push_first(L, check_bot(L)->engine); }

static int l_status(lua_State *L) {
    lua_pushinteger(L, check_bot(L)->status);
    return 1;
}

static void read_strings(lua_State *L, struct bot *b, int table, struct strings *list) {
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, table); i++) {
        lua_rawgeti(L, table, i);
        const char *text = luaL_tolstring(L, -1, NULL);
        bot_put_string(list, lua_toboolean(L, -2) ? keep_text(L, b, text) : NULL); /* false: it is not set */
        lua_pop(L, 2);
    }
}

/* bot(path or nil, source or nil, arguments, environment: name, value, ..., folder of its durable state or nil) */
static int l_make(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL), *source = luaL_optstring(L, 2, NULL);
    const char *folder = luaL_optstring(L, 5, NULL);
    luaL_checktype(L, 3, LUA_TTABLE);
    luaL_checktype(L, 4, LUA_TTABLE);
    luaL_argcheck(L, path || source, 1, "a path or a source");
    struct bot *b = l_box_new(L, &bot_type);
    b->references = 1;
    b->tester = engine_of(L);
    b->account = account_hold(b->tester->account);
    l_relay_know(L, b);
    if (path) b->path = keep_text(L, b, path);
    if (source) b->source = keep_text(L, b, source);
    if (folder) b->folder = keep_text(L, b, folder);
    read_strings(L, b, 3, &b->arguments);
    read_strings(L, b, 4, &b->environment);
    if (!bot_open_output(b, &b->out) || !bot_open_output(b, &b->err)) return luaL_error(L, "not enough memory");
    return 1;
}

void l_bot_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {
        {"start", l_start}, {"stop", l_stop},       {"reload", l_reload}, {"alive", l_alive},
        {"kill", l_kill},   {"pending", l_pending}, {"first", l_first},   {"output", l_output},
        {"log", l_log},     {"errors", l_errors},   {"status", l_status}, {NULL, NULL},
    };
    table = lua_absindex(L, table);
    l_box_open(L, &bot_type, NULL, methods);
    lua_pop(L, 1);
    lua_pushcfunction(L, l_make);
    lua_setfield(L, table, "bot");
}

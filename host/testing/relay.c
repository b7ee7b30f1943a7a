/* relay: the hook in a bot's state calls that of the test. What is pushed in the test's thread outside of a protected
 * call takes no memory. */
#include "testing/relay.h"

#include "script/hook.h"
#include "script/l_push.h"
#include "testing/bot.h"
#include <lauxlib.h>

/* Keys in the registry of the test: a table with the names of events, and behind them the thread; a weak table of its
 * bots, by their addresses. */
static const char relay_key, bots_key;
static const char *const events[] = {"call", "return", "line", "count", "tail call", NULL};
enum { EVENTS = sizeof events / sizeof *events - 1 };

static void open_relay(lua_State *L, struct relay *r) {
    l_register_weak(L, &bots_key);
    lua_createtable(L, EVENTS + 1, 0);
    for (int i = 0; i < EVENTS; i++) {
        lua_pushstring(L, events[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_State *in = lua_newthread(L);
    lua_rawseti(L, -2, EVENTS + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &relay_key);
    r->in = in;
}

void l_relay_know(lua_State *L, struct bot *b) {
    struct relay *r = &engine_for_test(engine_of(L))->relay;
    if (!r->in) open_relay(L, r);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &bots_key);
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, b);
    lua_pop(L, 1);
}

/* Pushes the hook function of the test and its arguments, in the thread `in`. Below these is the bot's userdata, so
 * that it is not collected meanwhile. */
static bool push_call(lua_State *in, const struct bot *b, int event, lua_Integer line) {
    int mask, count;
    lua_settop(in, 0);
    if (!lua_checkstack(in, LUA_MINSTACK)) return false;
    lua_rawgetp(in, LUA_REGISTRYINDEX, &bots_key);
    lua_rawgetp(in, -1, b);
    if (!hook_push_main(in, &mask, &count)) return false;
    lua_rawgetp(in, LUA_REGISTRYINDEX, &relay_key);
    lua_rawgeti(in, -1, event + 1);
    lua_replace(in, -2);
    if (line >= 0)
        lua_pushinteger(in, line);
    else
        lua_pushnil(in);
    return true;
}

/* Calls the hook function of the test. An error in it is raised in the code of the bot. */
static void l_tell(lua_State *L, const struct bot *b, int event, lua_Integer line) {
    struct engine *test = b->tester;
    struct relay *relay = &engine_for_test(test)->relay;
    lua_State *in = relay->in;
    if (!push_call(in, b, event, line)) return;
    lua_sethook(in, test->watchdog, test->watchdog ? LUA_MASKCOUNT : 0, ENGINE_CHECK_EVERY);
    relay->from = L;
    lua_State *running = engine_enter(test, in);
    int rc = lua_pcall(in, 2, 0, 0);
    engine_leave(test, running);
    relay->from = NULL;
    if (rc != LUA_OK) {
        bool is_text = lua_type(in, -1) == LUA_TSTRING;
        lua_pushstring(L, is_text ? lua_tostring(in, -1) : "an error in a debug hook of the test");
    }
    lua_settop(in, 0);
    if (rc != LUA_OK) lua_error(L);
}

/* The hook of a bot's threads: (event, line). Upvalue: the bot. */
static int l_relay(lua_State *L) {
    const struct bot *b = lua_touserdata(L, lua_upvalueindex(1));
    const struct engine *test = b->tester;
    int event = luaL_checkoption(L, 1, NULL, events);
    if (test && !test->ended && !relay_is_busy(test)) l_tell(L, b, event, luaL_optinteger(L, 2, -1));
    return 0;
}

void l_relay_begin(lua_State *L, struct bot *b) {
    lua_State *test = b->tester->L;
    int mask, count;
    if (!hook_push_main(test, &mask, &count)) return;
    lua_pop(test, 1);
    lua_pushlightuserdata(L, b);
    lua_pushcclosure(L, l_relay, 1);
    l_hook_give_all(L, mask, count);
}

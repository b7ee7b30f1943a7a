/* relay: from the hook of a bot's state to that of the test. Nothing that is pushed in the test's thread outside of a
 * protected call takes memory. */
#include "script/relay.h"

#include "script/bot.h"
#include "script/door.h"
#include "script/hook.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

/* Registry of the test: the names of events, and behind them the thread. */
static const char relay_key;
static const char *const events[] = {"call", "return", "line", "count", "tail call", NULL};
enum { EVENTS = sizeof events / sizeof *events - 1 };

static int l_open(lua_State *L) {
    struct engine *e = l_door_given(L, l_open);
    lua_createtable(L, EVENTS + 1, 0);
    for (int i = 0; i < EVENTS; i++) {
        lua_pushstring(L, events[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_State *in = lua_newthread(L);
    lua_rawseti(L, -2, EVENTS + 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &relay_key);
    e->relay.in = in;
    return 0;
}

bool relay_open(struct bot *b) {
    struct engine *test = b->tester;
    return test->relay.in || door_call(test, l_open, test, &b->failure);
}

/* Pushes the function of the test and what it is called with, in its thread. */
static bool push_call(lua_State *in, int event, lua_Integer line) {
    int mask, count;
    lua_settop(in, 0);
    if (!lua_checkstack(in, LUA_MINSTACK) || !hook_push_main(in, &mask, &count)) return false;
    lua_rawgetp(in, LUA_REGISTRYINDEX, &relay_key);
    lua_rawgeti(in, -1, event + 1);
    lua_replace(in, -2);
    if (line >= 0)
        lua_pushinteger(in, line);
    else
        lua_pushnil(in);
    return true;
}

/* Calls the function of the test. Where that fails, so does what it hears of. */
static void l_tell(lua_State *L, struct engine *test, int event, lua_Integer line) {
    lua_State *in = test->relay.in;
    if (!push_call(in, event, line)) return;
    lua_sethook(in, test->watchdog, test->watchdog ? LUA_MASKCOUNT : 0, ENGINE_CHECK_EVERY);
    test->relay.from = L;
    lua_State *running = engine_enter(test, in);
    int rc = lua_pcall(in, 2, 0, 0);
    engine_leave(test, running);
    test->relay.from = NULL;
    if (rc == LUA_OK) return;
    const char *message =
        lua_type(in, -1) == LUA_TSTRING ? lua_tostring(in, -1) : "an error in a debug hook of the test";
    lua_pushstring(L, message);
    lua_error(L);
}

/* The hook of a bot's threads: (event, line). Upvalue: the bot. A hook that ends bots hears nothing of that. */
static int l_relay(lua_State *L) {
    const struct bot *b = lua_touserdata(L, lua_upvalueindex(1));
    struct engine *test = b->tester;
    int event = luaL_checkoption(L, 1, NULL, events);
    if (test && !test->ended && !test->relay.from) l_tell(L, test, event, luaL_optinteger(L, 2, -1));
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

lua_State *relay_find_frame(lua_State *of, int level, lua_Debug *frame) {
    const struct relay *r = &engine_of(of)->relay;
    int depth = 0;
    if (lua_getstack(of, level, frame)) return of;
    if (level < 0 || of != r->in || !r->from) return NULL;
    while (lua_getstack(of, depth, frame)) depth++;
    return relay_find_frame(r->from, level - depth + 1, frame); /* its level 0 is l_relay */
}

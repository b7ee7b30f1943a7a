/* hook: a weak table in the registry has for a thread what its script wants to be told. */
#include "script/hook.h"

#include "script/engine.h"
#include <lauxlib.h>
#include <limits.h>
#include <string.h>

static const char hooks_key;

/* The userdata in the table; its user value is the function. */
struct hook {
    int mask, count;
    int passed; /* instructions, since the function heard of its count */
};

/* Pushes the hook of this thread, or nothing: NULL. Does not raise. */
static struct hook *push_hook(lua_State *L) {
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 3)) return NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key) == LUA_TTABLE) {
        lua_pushthread(L);
        if (lua_rawget(L, -2) == LUA_TUSERDATA) {
            lua_remove(L, -2);
            return lua_touserdata(L, -1);
        }
    }
    lua_settop(L, top);
    return NULL;
}

/* Is it the turn of the script's function? */
static bool is_due(lua_State *L, struct hook *h, int event) {
    if (event != LUA_HOOKCOUNT) return true;
    if (!(h->mask & LUA_MASKCOUNT)) return false;
    int step = lua_gethookcount(L);
    if (step < h->count - h->passed) {
        h->passed += step;
        return false;
    }
    h->passed = 0;
    return true;
}

/* A function of the host's is called that has not yet taken what it was given: a script that heard of it now could call
 * it itself, and take that (l_door_given). */
static bool is_secret(const struct engine *e) { return e->gift.to != NULL; }

static void l_on_event(lua_State *L, lua_Debug *ar) {
    static const char *const names[] = {"call", "return", "line", "count", "tail call"};
    const struct engine *e = engine_of(L);
    if (ar->event == LUA_HOOKCOUNT && e->watchdog) e->watchdog(L, ar);
    if (is_secret(e)) return;
    int top = lua_gettop(L);
    struct hook *h = push_hook(L);
    if (h && is_due(L, h, ar->event)) {
        lua_getiuservalue(L, -1, 1);
        lua_pushstring(L, names[ar->event]);
        if (ar->currentline >= 0)
            lua_pushinteger(L, ar->currentline);
        else
            lua_pushnil(L);
        lua_call(L, 2, 0);
    }
    lua_settop(L, top);
}

void hook_restore(lua_State *L, lua_Hook watchdog) {
    int most = watchdog ? ENGINE_CHECK_EVERY : INT_MAX, looks = watchdog ? LUA_MASKCOUNT : 0;
    const struct hook *h = push_hook(L);
    if (!h) {
        lua_sethook(L, watchdog, looks, ENGINE_CHECK_EVERY);
        return;
    }
    int count = h->mask & LUA_MASKCOUNT && h->count < most ? h->count : most;
    lua_sethook(L, l_on_event, h->mask | looks, count);
    lua_pop(L, 1);
}

/* ---- what a script sees ---- */

static lua_State *thread_of(lua_State *L, int *first) {
    *first = lua_isthread(L, 1) ? 1 : 0;
    return *first ? lua_tothread(L, 1) : L;
}

static void push_hooks(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key) == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &hooks_key);
}

/* Pushes a hook of the function at `index` and what stands behind it, or nil where there is none. */
static void push_new_hook(lua_State *L, int index) {
    static const struct {
        char letter;
        int mask;
    } masks[] = {{'c', LUA_MASKCALL}, {'r', LUA_MASKRET}, {'l', LUA_MASKLINE}};
    if (lua_isnoneornil(L, index)) {
        lua_pushnil(L);
        return;
    }
    const char *events = luaL_checkstring(L, index + 1);
    luaL_checktype(L, index, LUA_TFUNCTION);
    int count = (int)luaL_optinteger(L, index + 2, 0);
    struct hook *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (struct hook){.mask = count > 0 ? LUA_MASKCOUNT : 0, .count = count};
    for (int i = 0; i < 3; i++)
        if (strchr(events, masks[i].letter)) h->mask |= masks[i].mask;
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, 1);
}

/* debug.sethook([thread,] function, mask [, count]). Where the host has one of its own for a while, this comes behind
 * it. */
int l_hook_set(lua_State *L) {
    int first;
    lua_State *of = thread_of(L, &first);
    lua_Hook now = lua_gethook(of), watchdog = engine_of(L)->watchdog;
    if (of != L && !lua_checkstack(of, 1)) return luaL_error(L, "stack overflow");
    push_new_hook(L, first + 1);
    push_hooks(L);
    lua_pushthread(of);
    lua_xmove(of, L, 1);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    if (!now || now == l_on_event || now == watchdog) hook_restore(of, watchdog);
    return 0;
}

/* debug.gethook([thread]) */
int l_hook_get(lua_State *L) {
    int first;
    char events[4], *end = events;
    lua_State *of = thread_of(L, &first);
    if (of != L && !lua_checkstack(of, 1)) return luaL_error(L, "stack overflow");
    const struct hook *h = push_hook(of);
    if (!h) {
        luaL_pushfail(L);
        return 1;
    }
    lua_xmove(of, L, 1);
    lua_getiuservalue(L, -1, 1);
    if (h->mask & LUA_MASKCALL) *end++ = 'c';
    if (h->mask & LUA_MASKRET) *end++ = 'r';
    if (h->mask & LUA_MASKLINE) *end++ = 'l';
    lua_pushlstring(L, events, (size_t)(end - events));
    lua_pushinteger(L, h->count);
    return 3;
}

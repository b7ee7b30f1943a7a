/* hook: a weak table in the registry maps a thread to its hook (a userdata), or to false where the script has removed
 * it. The entry of the main thread is the hook of the main chunk, which tasks begin with. */
#include "script/hook.h"

#include "script/door.h"
#include "script/profile.h"
#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char hooks_key;

/* The userdata in the table; its user value is the function. */
struct hook {
    int mask, count;
    int passed; /* instructions since the function was last called for its count */
};

/* Pushes the entry of the main thread in that table. */
static int push_main_hook(lua_State *L, int table) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    return lua_rawget(L, table);
}

/* Pushes the hook of this thread, or nothing: NULL. Does not raise. */
static struct hook *push_hook(lua_State *L) {
    int top = lua_gettop(L), type = LUA_TNIL;
    if (!lua_checkstack(L, 3)) return NULL;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key) == LUA_TTABLE) {
        lua_pushthread(L);
        type = lua_rawget(L, top + 1);
        if (type == LUA_TNIL && engine_of(L)->hooks_all) type = push_main_hook(L, top + 1);
    }
    if (type == LUA_TUSERDATA) {
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return lua_touserdata(L, -1);
    }
    lua_settop(L, top);
    return NULL;
}

static const struct hook *hook_of(lua_State *L) {
    const struct hook *h = push_hook(L);
    if (h) lua_pop(L, 1);
    return h;
}

/* Is the script's function to be called for this event? */
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

/* Is a host function being called that has not taken its argument yet? A script's hook that ran now could call that
 * function itself, and get the argument (l_door_given). */
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

/* The events that a thread's hook is called for, with the hook `h` and the watchdog (both may be NULL). In the main
 * thread the host calls its own functions, which do not expect an error at their return: there the hook is called for
 * lines and counts alone. */
static int mask_of(lua_State *L, const struct hook *h, lua_Hook watchdog) {
    int mask = h ? h->mask : 0;
    if (L == engine_of(L)->L) mask &= LUA_MASKLINE | LUA_MASKCOUNT;
    return watchdog ? mask | LUA_MASKCOUNT : mask;
}

static volatile sig_atomic_t is_setting; /* a signal handler finds a hook that is half set */

void hook_restore(lua_State *L, lua_Hook watchdog) {
    int most = watchdog || profile_is_on() ? ENGINE_CHECK_EVERY : INT_MAX; /* each sample has Lua count anew */
    const struct hook *h = hook_of(L);
    int count = h && h->mask & LUA_MASKCOUNT && h->count < most ? h->count : most;
    is_setting = 1;
    lua_sethook(L, h ? l_on_event : watchdog, mask_of(L, h, watchdog), count);
    is_setting = 0;
}

/* ---- samples ---- */

/* Stands in the place of the thread's hook until the sample is taken, and is called for the same events, which it
 * passes on; but for counts, of which the script's is not done yet. */
static void l_on_sample(lua_State *L, lua_Debug *ar) {
    lua_Hook watchdog = engine_of(L)->watchdog;
    int event = ar->event == LUA_HOOKTAILCALL ? LUA_HOOKCALL : ar->event;
    profile_take(L, ar);
    hook_restore(L, watchdog);
    if (event == LUA_HOOKCOUNT && watchdog) watchdog(L, ar);
    if (event != LUA_HOOKCOUNT && lua_gethookmask(L) & 1 << event) l_on_event(L, ar);
}

/* Is it the usual hook of a thread: none, that of the script, the watchdog, or already that of a sample? */
static bool is_usual(lua_State *L, lua_Hook hook) {
    if (hook == engine_of(L)->watchdog) return !hook || lua_gethookcount(L) == ENGINE_CHECK_EVERY;
    return !hook || hook == l_on_event || hook == l_on_sample;
}

void hook_sample(lua_State *L) {
    if (is_setting || !is_usual(L, lua_gethook(L))) return;
    int more = L == engine_of(L)->L ? LUA_MASKCOUNT : LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET; /* see mask_of */
    lua_sethook(L, l_on_sample, lua_gethookmask(L) | more, 1);
}

/* Is the hook of a thread in place? */
static bool is_in_place(lua_State *L, const struct hook *h, lua_Hook watchdog) {
    return lua_gethook(L) == (h ? l_on_event : watchdog) && lua_gethookmask(L) == mask_of(L, h, watchdog);
}

/* ---- whose hook it is ---- */

/* Makes the value on the top, a hook or false, that of the thread `to`, and pops it. While the host has a temporary
 * hook there, it takes effect after that one. */
static void give(lua_State *L, lua_State *to) {
    lua_Hook now = lua_gethook(to), watchdog = engine_of(L)->watchdog;
    if (to != L && !lua_checkstack(to, 1)) luaL_error(L, "stack overflow");
    l_engine_push_weak(L, &hooks_key);
    lua_pushthread(to);
    lua_xmove(to, L, 1);
    lua_rotate(L, -3, -1); /* hooks, thread, hook */
    lua_rawset(L, -3);
    lua_pop(L, 1);
    if (!now || now == l_on_event || now == watchdog) hook_restore(to, watchdog);
}

/* Pushes a hook of the function at `index`. */
static void push_new_hook(lua_State *L, int index, int mask, int count) {
    index = lua_absindex(L, index);
    struct hook *h = lua_newuserdatauv(L, sizeof *h, 1);
    *h = (struct hook){.mask = mask, .count = count};
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, 1);
}

static int l_take(lua_State *L) {
    lua_State *co = l_door_given(L, l_take);
    if (!push_hook(L)) lua_pushboolean(L, 0);
    give(L, co);
    return 0;
}

void hook_begin(struct engine *e, lua_State *co) {
    const struct hook *h = hook_of(e->L);
    char *failed = NULL;
    if (hook_of(co) != h)
        door_call(e, l_take, co, &failed);
    else if (!is_in_place(co, h, e->watchdog))
        hook_restore(co, e->watchdog);
    free(failed);
}

bool hook_push_main(lua_State *L, int *mask, int *count) {
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 3)) return false;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &hooks_key) == LUA_TTABLE && push_main_hook(L, top + 1) == LUA_TUSERDATA) {
        const struct hook *h = lua_touserdata(L, -1);
        *mask = h->mask;
        *count = h->count;
        lua_getiuservalue(L, -1, 1);
        lua_replace(L, top + 1);
        lua_settop(L, top + 1);
        return true;
    }
    lua_settop(L, top);
    return false;
}

void l_hook_give_all(lua_State *L, int mask, int count) {
    struct engine *e = engine_of(L);
    push_new_hook(L, -1, mask, count);
    e->hooked = e->hooks_all = true;
    give(L, e->L);
    lua_pop(L, 1);
}

/* ---- what a script sees ---- */

static lua_State *thread_of(lua_State *L, int *first) {
    *first = lua_isthread(L, 1) ? 1 : 0;
    return *first ? lua_tothread(L, 1) : L;
}

/* Pushes a hook made of the arguments from `index` on (function, events, count), or false where there are none. */
static void read_hook(lua_State *L, int index) {
    static const struct {
        char letter;
        int mask;
    } masks[] = {{'c', LUA_MASKCALL}, {'r', LUA_MASKRET}, {'l', LUA_MASKLINE}};
    if (lua_isnoneornil(L, index)) {
        lua_pushboolean(L, 0);
        return;
    }
    const char *events = luaL_checkstring(L, index + 1);
    luaL_checktype(L, index, LUA_TFUNCTION);
    int count = (int)luaL_optinteger(L, index + 2, 0), mask = count > 0 ? LUA_MASKCOUNT : 0;
    for (int i = 0; i < 3; i++)
        if (strchr(events, masks[i].letter)) mask |= masks[i].mask;
    push_new_hook(L, index, mask, count);
}

/* debug.sethook([thread,] function, mask [, count]) */
int l_hook_set(lua_State *L) {
    int first;
    struct engine *e = engine_of(L);
    lua_State *of = thread_of(L, &first);
    read_hook(L, first + 1);
    lua_pushvalue(L, -1);
    give(L, of);
    if (of == e->main) give(L, e->L);
    e->hooked = true;
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

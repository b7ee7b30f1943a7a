/* l_ready: the registry has the list of functions. At the negative of a function's number it has true while an error of
 * that was the last that was heard of it. */
#include "script/l_ready.h"

#include "script/door.h"
#include "script/interrupt.h"
#include "script/l_callable.h"
#include "script/l_host.h"
#include <stdlib.h>

static const char ready_key; /* its address is the key in the registry */

static int l_ready(lua_State *L) { return l_host_enlist(L, &ready_key); }

struct asking {
    lua_Integer number;
    bool is_there, says, told; /* `told`: its error was reported already */
    struct ready_not *not_ready;
};

static int l_ask(lua_State *L) {
    struct asking *a = l_door_given(L, l_ask);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &ready_key) != LUA_TTABLE) return 0;
    lua_rawgeti(L, 1, -a->number);
    a->told = lua_toboolean(L, -1);
    a->is_there = lua_rawgeti(L, 1, a->number) != LUA_TNIL; /* functions, told, function */
    if (!a->is_there) return 0;
    l_callable_where(L, 3, a->not_ready->where, sizeof a->not_ready->where);
    lua_pushboolean(L, true);
    lua_rawseti(L, 1, -a->number);
    interrupt_bound(engine_of(L), "a function of host.ready");
    lua_call(L, 0, 1);
    interrupt_unbound(engine_of(L));
    a->says = lua_toboolean(L, -1);
    lua_pushnil(L);
    lua_rawseti(L, 1, -a->number);
    return 0;
}

bool l_ready_ask(struct engine *e, struct ready_not *not_ready) {
    struct asking a = {.not_ready = not_ready};
    do {
        char *error;
        a = (struct asking){.number = a.number + 1, .not_ready = not_ready};
        if (!door_call(e, l_ask, &a, &error) && !a.told) engine_report(e, error);
        free(error);
    } while (a.says);
    not_ready->number = a.is_there ? a.number : 0;
    return !a.is_there;
}

void l_ready_open(lua_State *L, int table) {
    table = lua_absindex(L, table);
    lua_pushcfunction(L, l_ready);
    lua_setfield(L, table, "ready");
}

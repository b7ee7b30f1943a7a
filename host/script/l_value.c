/* l_value: the module wsbot.value: what the code of `wsbot attach` shows, for the Lua modules that are inside the
 * program. */
#include "script/box.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "script/state.h"
#include "script/value.h"
#include "script/ws/conn.h"
#include <string.h>

/* text(value) -> as people read it */
static int l_text(lua_State *L) {
    struct buf out;
    luaL_checkany(L, 1);
    buf_init(&out, SIZE_MAX);
    value_append(&out, L, 1);
    return l_push_bytes(L, &out);
}

/* connections() -> a list of all that are in use */
static int l_connections(lua_State *L) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (struct conn_box *b = engine_of(L)->boxes; b; b = b->next)
        if (box_push(L, b)) lua_rawseti(L, -2, ++n);
    return 1;
}

/* Not onto the stack of a thread: another one runs now. */
static void add_name(void *arg, const char *name) { buf_append(arg, slice_of(name, strlen(name) + 1)); }

/* states() -> the names that host.state was asked for, each with a NUL behind it */
static int l_states(lua_State *L) {
    struct buf names;
    buf_init(&names, SIZE_MAX);
    state_each(engine_of(L), add_name, &names);
    return l_push_bytes(L, &names);
}

int luaopen_value(lua_State *L) {
    static const luaL_Reg functions[] = {{"text", l_text},
                                         {"connections", l_connections},
                                         {"states", l_states},
                                         {"methods", l_fields_methods},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

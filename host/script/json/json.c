/* json: the module wsbot.json. */
#include "script/json/parts.h"

#include "script/modules.h"

/* array(table): marks it as an array, which an empty table is not else. Returns it. */
static int l_array(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    l_json_push(L, JSON_ARRAY);
    lua_setmetatable(L, 1);
    return 1;
}

/* What cjson has to be set is as it should be here: taken, and nothing changes. */
static int l_setting(lua_State *L) {
    (void)L;
    return 0;
}

int luaopen_json(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"decode", l_json_decode},
        {"encode", l_json_encode},
        {"get", l_json_get},
        {"view", l_json_view},
        {"array", l_array},
        {"new", luaopen_json},
        {"decode_array_with_array_mt", l_setting},
        {"decode_invalid_numbers", l_setting},
        {"decode_max_depth", l_setting},
        {"encode_empty_table_as_object", l_setting},
        {"encode_invalid_numbers", l_setting},
        {"encode_keep_buffer", l_setting},
        {"encode_max_depth", l_setting},
        {"encode_number_precision", l_setting},
        {"encode_sparse_array", l_setting},
        {NULL, NULL},
    };
    luaL_newlibtable(L, functions);
    l_json_push_memory(L);
    luaL_setfuncs(L, functions, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}

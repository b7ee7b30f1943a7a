/* l_number: numbers with a fraction in Lua, printed and read by base/number.h, whatever the locale; and the module
 * wsbot.number for the Lua modules that are inside the program. What a script prints by itself follows its locale. */
#include "base/number.h"
#include "script/modules.h"
#include <string.h>

enum { TEXT_SIZE = 64 };

void l_number_plain(lua_State *L, int index) {
    char text[TEXT_SIZE];
    if (lua_type(L, index) != LUA_TNUMBER || lua_isinteger(L, index)) return;
    index = lua_absindex(L, index);
    number_print(text, sizeof text, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, index));
    bool looks_whole = text[strspn(text, "-0123456789")] == '\0'; /* as Lua does, to show that it is a float */
    lua_pushfstring(L, looks_whole ? "%s.0" : "%s", text);
    lua_replace(L, index);
}

/* text(value): the text that tostring gives in the C locale. */
static int l_text(lua_State *L) {
    lua_settop(L, 1);
    l_number_plain(L, 1);
    luaL_tolstring(L, 1, NULL);
    return 1;
}

/* read(text): the number that tonumber gives, in the C locale, for a decimal number; else nil. */
static int l_read(lua_State *L) {
    double value;
    const char *text = luaL_checkstring(L, 1);
    bool is_whole = text[0] && text[strspn(text, "-+0123456789")] == '\0';
    if (is_whole && lua_stringtonumber(L, text)) return 1;
    if (strlen(text) == lua_rawlen(L, 1) && number_read(text, &value))
        lua_pushnumber(L, value);
    else
        lua_pushnil(L);
    return 1;
}

/* plainly(f, ...): calls f(...) with '.' as the decimal point, and returns what it returns. f must not wait. */
static int l_plainly(lua_State *L) {
    struct number_scope scope;
    number_enter(&scope);
    int rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    number_leave(&scope);
    return rc == LUA_OK ? lua_gettop(L) : lua_error(L);
}

int luaopen_number(lua_State *L) {
    static const luaL_Reg functions[] = {{"text", l_text}, {"read", l_read}, {"plainly", l_plainly}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* help_core: plain tables, made anew for who asks. */
#include "app/help_core.h"

#include "app/cli_table.h"
#include "script/lualib.h"
#include <lauxlib.h>
#include <string.h>

/* Appends the value on the top of the stack to the list below it. */
static void l_add(lua_State *L) { lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1); }

/* Sets a field of the table on the top of the stack; nothing where there is no text. */
static void l_set(lua_State *L, const char *field, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, field);
}

/* "-H, --header" is a short name and a name. */
static void l_set_names(lua_State *L, const char *names) {
    const char *name = strstr(names, "--");
    l_set(L, "name", name);
    if (name == names) return;
    lua_pushlstring(L, names, strcspn(names, ","));
    lua_setfield(L, -2, "short");
}

/* "[PORT]" is a value that may be left out. */
static void l_set_value(lua_State *L, const char *value) {
    bool optional = value[0] == '[';
    lua_pushlstring(L, value + optional, strlen(value) - 2 * optional);
    lua_setfield(L, -2, "value");
    lua_pushboolean(L, optional);
    lua_setfield(L, -2, "optional");
}

static void l_push_option(lua_State *L, const struct option *o) {
    lua_newtable(L);
    if (o->name) l_set_names(L, o->name);
    if (o->value) l_set_value(L, o->value);
    l_set(L, o->name ? "help" : "heading", o->help);
}

static void l_set_options(lua_State *L, int command) {
    lua_newtable(L);
    for (const struct option *o = cli_table; o->commands; o++) {
        if (!(o->commands & 1 << command)) continue;
        l_push_option(L, o);
        l_add(L);
    }
    lua_setfield(L, -2, "options");
}

static void l_set_variables(lua_State *L, int command) {
    lua_newtable(L);
    for (const struct variable *v = cli_variables; v->commands; v++) {
        if (!(v->commands & 1 << command)) continue;
        lua_newtable(L);
        l_set(L, "name", v->name);
        l_set(L, "help", v->help);
        l_add(L);
    }
    lua_setfield(L, -2, "variables");
}

static void l_push_command(lua_State *L, int command) {
    const struct command *c = &cli_commands[command];
    lua_newtable(L);
    l_set(L, "name", c->name);
    l_set(L, "usage", c->usage);
    l_set(L, "summary", c->summary);
    l_set(L, "help", c->help);
    l_set_options(L, command);
    l_set_variables(L, command);
}

static void l_push_texts(lua_State *L, const struct lualib_module *texts) {
    lua_newtable(L);
    for (; texts->name; texts++) {
        lua_newtable(L);
        l_set(L, "name", texts->name);
        lua_pushlstring(L, texts->source, texts->size);
        lua_setfield(L, -2, "text");
        l_add(L);
    }
}

int luaopen_help_core(lua_State *L) {
    lua_newtable(L);
    l_set(L, "version", WSBOT_VERSION);
    lua_newtable(L);
    for (int command = 0; command <= COMMANDS; command++) {
        l_push_command(L, command);
        l_add(L);
    }
    lua_setfield(L, -2, "commands");
    l_push_texts(L, lualib_manual);
    lua_setfield(L, -2, "manual");
    l_push_texts(L, lualib_types);
    lua_setfield(L, -2, "types");
    return 1;
}

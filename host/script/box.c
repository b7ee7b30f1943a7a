/* box: the registry maps the address of an object to its userdata. */
#include "script/box.h"

#include "script/engine.h"
#include <stdlib.h>

/* The userdata, which refers to an object with memory of its own. */
struct reference {
    const struct box_type *type; /* NULL: the object has ended */
    struct box *box;
};

void l_box_type(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    if (meta) luaL_setfuncs(L, meta, 0);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__metatable");
    if (!methods) return;
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
}

/* ---- objects ---- */

static void end(struct engine *e, struct box *b) {
    const struct box_type *type = b->type;
    *b->at = b->next;
    if (b->next) b->next->at = b->at;
    engine_give_back(e, type->size);
    type->end(b);
}

void box_end_all(struct engine *e) {
    while (e->objects) end(e, e->objects);
}

static int l_end(lua_State *L) {
    struct reference *r = lua_touserdata(L, 1);
    bool is_one = r && lua_rawlen(L, 1) == sizeof *r && lua_touserdata(L, lua_upvalueindex(1)) == r->type;
    if (!is_one) return 0;
    r->type = NULL; /* the userdata may be used long after this: l_box_look then gives NULL */
    end(engine_of(L), r->box);
    return 0;
}

static void set_end(lua_State *L, const struct box_type *type, const char *event) {
    lua_pushlightuserdata(L, (void *)type);
    lua_pushcclosure(L, l_end, 1);
    lua_setfield(L, -2, event);
}

void l_box_open(lua_State *L, const struct box_type *type, const luaL_Reg *meta, const luaL_Reg *methods) {
    l_box_type(L, type->name, meta, methods);
    set_end(L, type, "__gc");
    if (type->closes) set_end(L, type, "__close");
    lua_pushboolean(L, 1);
    lua_rawsetp(L, -2, type);
}

void *l_box_new(lua_State *L, const struct box_type *type) {
    struct engine *e = engine_of(L);
    struct reference *r = lua_newuserdatauv(L, sizeof *r, type->values);
    *r = (struct reference){0};
    luaL_setmetatable(L, type->name); /* from here on the collector frees the userdata where this raises */
    l_engine_need(L, e, type->size);
    struct box *b = calloc(1, type->size);
    if (!b) luaL_error(L, "not enough memory");
    account_add(e->account, type->size);
    *b = (struct box){.type = type, .next = e->objects, .at = &e->objects};
    if (b->next) b->next->at = &b->next;
    e->objects = b;
    *r = (struct reference){type, b};
    return b;
}

void *l_box_look(lua_State *L, int index, const struct box_type *type) {
    const struct reference *r = lua_touserdata(L, index);
    return r && lua_rawlen(L, index) == sizeof *r && r->type == type ? r->box : NULL;
}

void *l_box_get(lua_State *L, int index, const struct box_type *type) {
    void *object = l_box_look(L, index, type);
    if (object) return object;
    bool was_one = lua_isuserdata(L, index) && lua_getmetatable(L, index) && lua_rawgetp(L, -1, type) != LUA_TNIL;
    if (!was_one) luaL_typeerror(L, index, type->name);
    luaL_error(L, "%s is gone: its state is being closed", type->name);
    return NULL;
}

/* ---- anchors ---- */

void box_anchor(lua_State *L, int index, void *box) {
    lua_pushvalue(L, index);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box);
}

void box_unanchor(lua_State *L, void *box) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, box); /* assigning nil to a field adds none, so it takes no memory */
}

bool box_is_anchored(lua_State *L, const void *box) {
    bool is = lua_rawgetp(L, LUA_REGISTRYINDEX, box) == LUA_TUSERDATA;
    lua_pop(L, 1);
    return is;
}

bool box_push(lua_State *L, void *box) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, box) == LUA_TUSERDATA) return true;
    lua_pop(L, 1);
    return false;
}

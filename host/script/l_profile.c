/* l_profile: the module wsbot.profile (profile.h says what it has). */
#include "base/flame.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "script/profile.h"
#include <lauxlib.h>
#include <stdlib.h>

struct looking {
    struct box box;
    struct profile *profile; /* NULL: it was stopped */
};

static void end(void *object) {
    profile_end(((struct looking *)object)->profile);
    free(object);
}

static const struct box_type looking_type = {
    .name = "wsbot.profile", .size = sizeof(struct looking), .closes = true, .end = end};

static struct profile *check(lua_State *L) {
    struct profile *p = ((struct looking *)l_box_get(L, 1, &looking_type))->profile;
    if (!p) luaL_error(L, "wsbot.profile: it was stopped");
    return p;
}

static int l_begin(lua_State *L) {
    struct fault fault = {0};
    struct looking *l = l_box_new(L, &looking_type);
    l->profile = profile_begin(&fault);
    return l->profile ? 1 : l_push_failure(L, fault.text, NULL);
}

static int push_text(lua_State *L, struct buf *text, int rc) {
    if (rc == 0) return l_push_bytes(L, text);
    buf_clear(text);
    return luaL_error(L, "not enough memory");
}

static int l_folded(lua_State *L) {
    struct profile *p = check(L);
    struct buf text;
    buf_init(&text, SIZE_MAX);
    return push_text(L, &text, profile_folded(p, &text));
}

static int l_samples(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)profile_samples(check(L)));
    return 1;
}

static int l_stop(lua_State *L) {
    struct looking *l = l_box_get(L, 1, &looking_type);
    profile_end(l->profile);
    l->profile = NULL;
    return 0;
}

static int l_svg(lua_State *L) {
    size_t folded, title;
    const char *lines = luaL_checklstring(L, 1, &folded), *above = luaL_optlstring(L, 2, "", &title);
    struct buf text;
    buf_init(&text, SIZE_MAX);
    return push_text(L, &text, flame_draw(&text, slice_of(lines, folded), slice_of(above, title)));
}

int luaopen_profile(lua_State *L) {
    static const luaL_Reg methods[] = {{"folded", l_folded}, {"samples", l_samples}, {"stop", l_stop}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"begin", l_begin}, {"svg", l_svg}, {NULL, NULL}};
    l_box_open(L, &looking_type, NULL, methods);
    luaL_newlib(L, functions);
    return 1;
}

/* l_cookies: a userdata with one reference to a jar. */
#include "script/l_cookies.h"

#include "script/box.h"
#include "script/engine.h"
#include "script/modules.h"
#include <stdlib.h>

struct jar {
    struct box box;
    struct engine *engine;
    struct cookies *cookies;
    size_t kept; /* bytes that are counted in the account */
};

static void count(struct jar *j) {
    size_t now = j->cookies ? cookies_size(j->cookies) : 0;
    account_add(j->engine->account, now - j->kept);
    j->kept = now;
}

static void end(void *object) {
    struct jar *j = object;
    cookies_release(j->cookies);
    j->cookies = NULL;
    count(j);
    free(j);
}

static const struct box_type jar_type = {.name = "wsbot.http.cookies", .size = sizeof(struct jar), .end = end};

struct cookies *l_cookies_of(lua_State *L, int index) {
    luaL_checkstack(L, 4, NULL);
    lua_pushvalue(L, index);
    if (lua_istable(L, -1)) {
        lua_pushliteral(L, "cookies");
        lua_rawget(L, -2);
        lua_replace(L, -2);
    }
    struct jar *j = l_box_look(L, -1, &jar_type);
    lua_pop(L, 1);
    if (!j) return NULL;
    count(j);
    return j->cookies;
}

/* Pushes an empty jar. */
static int l_jar(lua_State *L) {
    struct jar *j = l_box_new(L, &jar_type);
    j->engine = engine_of(L);
    if (!(j->cookies = cookies_new())) return luaL_error(L, "not enough memory");
    count(j);
    return 1;
}

int luaopen_http_cookies(lua_State *L) {
    l_box_open(L, &jar_type, NULL, NULL);
    lua_pushcfunction(L, l_jar);
    return 1;
}

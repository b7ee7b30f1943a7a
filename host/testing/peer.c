/* peer: the part of testing.server that is C: a listener on loopback. What it accepts are sessions, in session.c.
 */
#include "testing/peer.h"
#include "testing/testing.h"

#include "script/box.h"
#include "script/l_push.h"
#include "script/l_seconds.h"
#include "script/modules.h"
#include "testing/certificate.h"
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void end(void *object);
static const struct box_type peer_type = {
    .name = "wsbot.testing.server core", .size = sizeof(struct peer), .values = PEER_VALUES, .end = end};

static struct peer *check_peer(lua_State *L) { return l_box_get(L, 1, &peer_type); }

/* ---- accepting ---- */

/* Stack: peer, when the wait ends. */
static int l_accepted(lua_State *L, int status, lua_KContext waited) {
    struct peer *p = check_peer(L);
    (void)status;
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, PEER_ARRIVED);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 3);
    if (n > 0) {
        lua_rawgeti(L, 3, 1); /* peer, ends, queue, session */
        for (lua_Integer i = 1; i <= n; i++) {
            lua_rawgeti(L, 3, i + 1);
            lua_rawseti(L, 3, i);
        }
        return 1;
    }
    if (!p->listener) return l_push_failure(L, "closed", NULL);
    if (waited && l_task_timed_out(L)) return l_push_failure(L, "timeout", NULL);
    lua_settop(L, 2);
    uint64_t left = l_seconds_left(L, &p->engine->net->clock);
    return l_task_wait(L, "peer:accept", &p->acceptors, left, 1, l_accepted);
}

static int l_accept(lua_State *L) {
    l_seconds_keep(L, &check_peer(L)->engine->net->clock);
    return l_accepted(L, LUA_OK, 0);
}

static int l_address(lua_State *L) {
    struct peer *p = check_peer(L);
    char text[128] = "";
    if (p->listener) listener_address(p->listener, text, sizeof text);
    lua_pushstring(L, text);
    return 1;
}

/* ---- its certificate ---- */

static const char *const certificate_kinds[] = {
    "right", "expired", "not_yet_valid", "other_name", "unknown_issuer", "self_signed", NULL};
static const char *const certificate_files[] = {"ca.pem", "cert.pem", "key.pem"};

static void path_in(const struct peer *p, const char *file, char *path, size_t size) {
    snprintf(path, size, "%s/%s", p->folder, file);
}

static void remove_folder(struct peer *p) {
    char path[512];
    for (int i = 0; p->folder && i < 3; i++) {
        path_in(p, certificate_files[i], path, sizeof path);
        unlink(path);
    }
    if (p->folder) rmdir(p->folder);
    free(p->folder);
    p->folder = NULL;
}

/* Makes a certificate of this kind, in a folder of its own. */
static void l_make_certificate(lua_State *L, struct peer *p, enum certificate_kind kind) {
    char folder[400] = "", path[512];
    size_t n = sizeof folder - 32;
    struct fault fault = {0};
    if (uv_os_tmpdir(folder, &n) != 0) snprintf(folder, sizeof folder, "/tmp");
    snprintf(folder + strlen(folder), 32, "/wsbot-peer-XXXXXX");
    if (!mkdtemp(folder) || !(p->folder = strdup(folder))) luaL_error(L, "testing.server: no folder %s", folder);
    if (certificate_make(p->folder, kind, &fault) < 0) luaL_error(L, "testing.server: %s", fault.text);
    path_in(p, "cert.pem", path, sizeof path);
    p->tls.cert = strdup(path);
    path_in(p, "key.pem", path, sizeof path);
    p->tls.key = strdup(path);
    if (!p->tls.cert || !p->tls.key) luaL_error(L, "not enough memory");
}

/* ca_file(): the path of the CA's file, where there is one. */
static int l_ca_file(lua_State *L) {
    struct peer *p = check_peer(L);
    char path[512];
    if (!p->folder) return 0;
    path_in(p, "ca.pem", path, sizeof path);
    lua_pushstring(L, path);
    return 1;
}

/* ---- its life ---- */

static void stop(struct peer *p) {
    if (p->listener) listener_close(p->listener);
    p->listener = NULL;
    remove_folder(p);
}

static int l_close(lua_State *L) {
    struct peer *p = check_peer(L);
    stop(p);
    session_end_all(p);
    task_wake_all(&p->acceptors);
    box_unanchor(L, p);
    return 0;
}

static void end(void *object) {
    struct peer *p = object;
    stop(p);
    tls_config_clear(&p->tls);
    free(p->protocols);
    free(p);
}

/* Pops the string on the top and puts it into the list that keeps it alive. Stack: peer, options, kept, ... */
static struct slice keep_string(lua_State *L) {
    size_t n = 0;
    const char *text = lua_tolstring(L, -1, &n);
    lua_rawseti(L, 3, (lua_Integer)lua_rawlen(L, 3) + 1);
    return slice_of(text, n);
}

static struct slice field(lua_State *L, const char *key) {
    if (lua_getfield(L, 2, key) != LUA_TNIL) return keep_string(L);
    lua_pop(L, 1);
    return slice_of(NULL, 0);
}

static bool flag(lua_State *L, const char *key) {
    lua_getfield(L, 2, key);
    bool is_set = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is_set;
}

/* A list that ends with NULL, or NULL where there are none. */
static const char **protocols(lua_State *L) {
    if (lua_getfield(L, 2, "protocols") != LUA_TTABLE) return NULL;
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    const char **list = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof *list, 0); /* Lua's, until it is complete */
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, -2, i + 1);
        luaL_checkstring(L, -1);
        list[i] = (const char *)keep_string(L).p;
    }
    list[n] = NULL;
    const char **mine = malloc(((size_t)n + 1) * sizeof *mine);
    if (!mine) luaL_error(L, "not enough memory");
    return memcpy(mine, list, ((size_t)n + 1) * sizeof *mine);
}

/* answer(options): sets how the next connections are answered. Stack: peer, options, a table that keeps its strings and
 * `choose` */
static int l_answer(lua_State *L) {
    struct peer *p = check_peer(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_newtable(L);
    lua_getfield(L, 2, "choose");
    lua_setfield(L, 3, "choose");
    struct conn_answer answer = {.headers = field(L, "headers"), .refusal = field(L, "refusal")};
    answer.silent = flag(L, "silent");
    bool compression = flag(L, "compression");
    const char **list = protocols(L);
    answer.protocols = list;
    free(p->protocols);
    p->protocols = list;
    p->answer = answer;
    p->compression = compression;
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, 1, PEER_STRINGS);
    return 0;
}

/* serve { certificate = a kind, and what `answer` takes: protocols = list, headers = lines, refusal = a whole answer,
 * compression = boolean, silent = boolean } */
static int l_serve(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    struct fault fault = {0};
    struct peer *p = l_box_new(L, &peer_type);
    p->engine = engine_of(L);
    lua_newtable(L);
    lua_setiuservalue(L, 2, PEER_ARRIVED);
    lua_pushcfunction(L, l_answer);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_call(L, 2, 0);
    lua_getfield(L, 1, "certificate");
    if (!lua_isnil(L, 3))
        l_make_certificate(L, p, (enum certificate_kind)luaL_checkoption(L, 3, NULL, certificate_kinds));
    lua_settop(L, 2);
    struct listener_options o = {.host = "127.0.0.1",
                                 .tls = p->folder ? &p->tls : NULL,
                                 .sink = &session_sink,
                                 .accepted = session_accepted,
                                 .arg = p};
    if (listener_open(&p->listener, p->engine->net, &o, &fault) < 0)
        return luaL_error(L, "testing.server: %s", fault.text);
    listener_unref(p->listener);
    box_anchor(L, 2, p);
    return 1;
}

void l_peer_open(lua_State *L, int table) {
    static const luaL_Reg methods[] = {{"accept", l_accept},   {"address", l_address}, {"answer", l_answer},
                                       {"ca_file", l_ca_file}, {"close", l_close},     {NULL, NULL}};
    l_session_open(L);
    l_box_open(L, &peer_type, NULL, methods);
    lua_pop(L, 1);
    table = lua_absindex(L, table);
    lua_pushcfunction(L, l_serve);
    lua_setfield(L, table, "serve");
}

/* l_compress: wsbot.compress: streams that are inflated and deflated in pieces, or at once. */
#include "base/err.h"
#include "script/box.h"
#include "script/engine.h"
#include "script/l_meant.h"
#include "script/l_push.h"
#include "script/modules.h"
#include "wire/compress.h"
#include <stdlib.h>
#include <string.h>

#define INFLATER_TYPE "wsbot.inflater"
#define DEFLATER_TYPE "wsbot.deflater"
enum {
    MOST = 16 << 20,   /* bytes that a call gives, unless told */
    LIKELY = 64 * 1024 /* that it is likely to give beside what its input tells */
};

struct stream {
    struct box box;
    struct compress c;
    size_t most;
};

static void end(void *object) {
    compress_end(&((struct stream *)object)->c);
    free(object);
}

static const struct box_type inflater_type = {.name = INFLATER_TYPE, .size = sizeof(struct stream), .end = end};
static const struct box_type deflater_type = {.name = DEFLATER_TYPE, .size = sizeof(struct stream), .end = end};

/* ---- options ---- */

struct options {
    enum compress_format format;
    size_t most;
    int level;
    struct slice dictionary; /* of a string in the table */
};

static lua_Integer whole(lua_State *L, int index, const char *name, lua_Integer least, lua_Integer most,
                         lua_Integer usual) {
    int exact = 1;
    lua_Integer n = usual;
    if (lua_getfield(L, index, name) != LUA_TNIL) n = lua_tointegerx(L, -1, &exact);
    if (!exact || n < least || n > most)
        luaL_error(L, "compress: %s must be a whole number from %I to %I", name, least, most);
    lua_pop(L, 1);
    return n;
}

static struct slice read_dictionary(lua_State *L, int index, enum compress_format format) {
    size_t n = 0;
    const char *data = "";
    if (lua_getfield(L, index, "dictionary") != LUA_TNIL) {
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "compress: dictionary must be a string");
        if (format != COMPRESS_RAW) luaL_error(L, "compress: dictionary needs format = \"raw\"");
        data = lua_tolstring(L, -1, &n);
    }
    lua_pop(L, 1);
    return slice_of(data, n);
}

static struct options read_options(lua_State *L, int index) {
    struct options o = {.format = COMPRESS_ZLIB, .most = MOST, .level = -1};
    if (lua_isnoneornil(L, index)) return o;
    static const char *const names[] = {"format", "max", "level", "dictionary", NULL};
    luaL_checktype(L, index, LUA_TTABLE);
    l_meant_only(L, index, "compress", names);
    if (lua_getfield(L, index, "format") != LUA_TNIL) {
        const char *word = lua_tostring(L, -1);
        int i = 0;
        while (compress_names[i] && !(word && strcmp(word, compress_names[i]) == 0)) i++;
        if (!compress_names[i]) luaL_error(L, "compress: format must be \"zlib\", \"gzip\", \"raw\" or \"zstd\"");
        o.format = (enum compress_format)i;
    }
    lua_pop(L, 1);
    o.most = (size_t)whole(L, index, "max", 1, (lua_Integer)1 << 40, MOST);
    o.dictionary = read_dictionary(L, index, o.format);
    o.level = (int)whole(L, index, "level", -1, o.format == COMPRESS_ZSTD ? 19 : 9, -1);
    return o;
}

/* ---- streams ---- */

static struct stream *new_stream(lua_State *L, const struct box_type *type, int options) {
    struct options o = read_options(L, options);
    struct stream *s = l_box_new(L, type);
    s->most = o.most;
    int rc = type == &inflater_type ? compress_begin_inflating(&s->c, o.format)
                                    : compress_begin_deflating(&s->c, o.format, o.level);
    if (rc == 0 && o.dictionary.n) rc = compress_set_dictionary(&s->c, o.dictionary);
    if (rc < 0) luaL_error(L, "compress: %s", s->c.why ? s->c.why : "not enough memory");
    return s;
}

/* Pushes what was written; or nil and why not. */
static int push(lua_State *L, struct stream *s, int rc, struct buf *out) {
    if (rc == 0) return l_push_bytes(L, out);
    buf_clear(out);
    if (rc == ERR_NOMEM) return luaL_error(L, "not enough memory");
    return l_push_failure(L, s->c.why, NULL);
}

static struct slice check_data(lua_State *L, int index) {
    size_t n;
    const char *data = luaL_checklstring(L, index, &n);
    return slice_of(data, n);
}

static int inflate_piece(lua_State *L, struct stream *s, struct slice data, bool whole) {
    struct buf out;
    size_t room = l_engine_room(L, 4 * data.n + LIKELY);
    buf_init(&out, room < s->most ? room : s->most);
    int rc = compress_inflate(&s->c, data, &out);
    if (rc == 0 && whole && (!s->c.began || !compress_is_whole(&s->c))) {
        s->c.why = "the data ends too early";
        rc = ERR_SYNTAX;
    }
    return push(L, s, rc, &out);
}

static int deflate_piece(lua_State *L, struct stream *s, struct slice data, bool flush, bool finish) {
    struct buf out;
    buf_init(&out, l_engine_room(L, data.n + LIKELY));
    return push(L, s, compress_deflate(&s->c, data, flush, finish, &out), &out);
}

static int l_inflater(lua_State *L) {
    new_stream(L, &inflater_type, 1);
    return 1;
}

static int l_deflater(lua_State *L) {
    new_stream(L, &deflater_type, 1);
    return 1;
}

static int l_inflater_push(lua_State *L) {
    struct stream *s = l_box_get(L, 1, &inflater_type);
    return inflate_piece(L, s, check_data(L, 2), false);
}

static int l_deflater_push(lua_State *L) {
    struct stream *s = l_box_get(L, 1, &deflater_type);
    return deflate_piece(L, s, check_data(L, 2), lua_toboolean(L, 3), false);
}

static int l_deflater_finish(lua_State *L) {
    return deflate_piece(L, l_box_get(L, 1, &deflater_type), slice_of("", 0), false, true);
}

/* ---- at once ---- */

static int l_inflate(lua_State *L) {
    struct slice data = check_data(L, 1);
    return inflate_piece(L, new_stream(L, &inflater_type, 2), data, true);
}

static int l_deflate(lua_State *L) {
    struct slice data = check_data(L, 1);
    return deflate_piece(L, new_stream(L, &deflater_type, 2), data, false, true);
}

int luaopen_compress(lua_State *L) {
    static const luaL_Reg functions[] = {{"inflater", l_inflater},
                                         {"deflater", l_deflater},
                                         {"inflate", l_inflate},
                                         {"deflate", l_deflate},
                                         {NULL, NULL}};
    static const luaL_Reg inflater[] = {{"push", l_inflater_push}, {NULL, NULL}};
    static const luaL_Reg deflater[] = {{"push", l_deflater_push}, {"finish", l_deflater_finish}, {NULL, NULL}};
    l_box_open(L, &inflater_type, NULL, inflater);
    l_box_open(L, &deflater_type, NULL, deflater);
    luaL_newlib(L, functions);
    return 1;
}

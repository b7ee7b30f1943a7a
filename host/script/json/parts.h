/* parts: what the files of the module wsbot.json share: reading (decode.c), writing (encode.c), fields in place
 * (view.c, get.c), and what is remembered of texts that look alike (shapes.c). */
#ifndef SCRIPT_JSON_PARTS_H
#define SCRIPT_JSON_PARTS_H

#include "base/json_read.h"
#include <lauxlib.h>

/* Are these bytes the same? Most names are of one letter, or differ in the first. */
static inline bool json_same(const void *a, const void *b, size_t n) {
    if (n == 0) return true;
    return *(const uint8_t *)a == *(const uint8_t *)b && (n == 1 || memcmp(a, b, n) == 0);
}

/* ---- shapes.c: objects that come again ----
 *
 * What a service sends looks alike: the same names in the same order, at the same place of the text. A shape is such a
 * list of names. An object whose names are those of a known shape is given a table of the right size, with the names as
 * strings that Lua has already: each name is one comparison of bytes. */

struct json_shape;

/* A place of texts, where objects and arrays were met. All zero: nothing is known of it. */
struct json_spot {
    struct json_shape *shapes; /* of the objects there, the one met last first */
    struct json_spot *element; /* of the elements of arrays; NULL: none was met */
    uint32_t length;           /* of the array met last */
    uint8_t known, misses;     /* shapes in the list; objects that had none of them since it is full */
};

struct json_member {
    const uint8_t *name; /* the bytes of a string that is kept in the table of names */
    uint32_t size, key;  /* key: its place in that table */
    struct json_spot spot;
};

struct json_shape {
    struct json_shape *next;
    uint32_t count;
    struct json_member members[];
};

/* What a Lua state keeps for the module: a userdata, the first upvalue of each of its functions. */
struct json_memory {
    struct json_spot root;
    uint32_t kept,
        from; /* the last entry of the table of names, which holds shapes as well, and the one before its first */
    struct buf scratch; /* for one call */
};
enum { JSON_SCRATCH_KEPT = 64 * 1024 }; /* bytes of its memory that the next call finds */

/* Its user values: the table of names, the metatables of what is an array though it may be empty and of views, a table
 * that keeps the plans. */
enum json_kept { JSON_NAMES = 1, JSON_ARRAY, JSON_VIEW, JSON_PLANS };

/* Pushes that of the state, for luaopen_json. Raises. */
void l_json_push_memory(lua_State *L);

/* Pushes the metatable that marks what is an array, for code outside of the module. Raises. */
void l_json_push_array(lua_State *L);

/* That of the function that is running. */
static inline struct json_memory *l_json_memory(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }
static inline void l_json_push(lua_State *L, enum json_kept what) {
    lua_getiuservalue(L, lua_upvalueindex(1), (int)what);
}

/* The table of names, on the stack while a text is read: a finalizer that reads another one meanwhile may have all that
 * is remembered forgotten, for a new table. Then this one is as it was, and nothing more is learned. */
struct json_names {
    struct json_memory *memory;
    int index;
    uint32_t from; /* as memory->from was */
};

/* Pushes it. Raises. */
struct json_names l_json_push_names(lua_State *L);

/* The buffer of the state for one call, empty. */
struct buf *json_scratch(lua_State *L);

/* The shape of an object at `spot` whose first name that is; NULL: it is none that is known. */
struct json_shape *json_shape_guess(struct json_spot *spot, const struct json_string *name);

/* One that begins as the first `n` members of `like`, and goes on with that name. */
struct json_shape *json_shape_like(const struct json_spot *spot, const struct json_shape *like, uint32_t n,
                                   const struct json_string *name);

static inline bool json_member_is(const struct json_member *m, const struct json_string *name) {
    return m->size == name->n && json_same(name->p, m->name, m->size);
}

/* Remembers the shape of an object: the text from its first name on, which has been read. Raises where there is no
 * memory. */
void l_json_learn(lua_State *L, const struct json_names *names, struct json_spot *spot, struct slice text);

/* The spot of the elements of arrays at `spot`; NULL: as much is remembered as may be. Raises. */
struct json_spot *l_json_element(lua_State *L, const struct json_names *names, struct json_spot *spot);

/* ---- decode.c ---- */

/* How a text is to be read. */
struct json_reading {
    bool big_as_text; /* numbers that would lose digits are strings */
};

/* Pushes the value at the reader, and goes behind it. False with a fault, and then what is on the stack does not count.
 * Raises where there is no memory. `learns`: texts that look like it are read faster afterwards. */
bool l_json_read(lua_State *L, const struct json_reading *how, bool learns, struct json_reader *r);

/* The same for a string. */
bool l_json_read_string(lua_State *L, struct json_reader *r);

/* Pushes the string; that of a number, true, false or null. */
bool l_json_push_string(lua_State *L, const struct json_string *s, struct json_fault *fault);
const uint8_t *l_json_push_word(lua_State *L, const struct json_reading *how, struct json_source *s, const uint8_t *p);

/* The text of an argument: a string, or that of a view. Behind it is a byte that ends each value: a NUL, a comma, or
 * the end of what it is within. Raises. */
struct slice l_json_check_text(lua_State *L, int index);

/* `ok`: the text has been read up to the reader. Nothing may follow, and all of it must be UTF-8: else raises "NAME:
 * line 1, column 5: why". */
void l_json_check_end(lua_State *L, const char *name, struct slice text, const struct json_reader *r, bool ok);

int l_json_decode(lua_State *L); /* decode(text [, options]) */
int l_json_encode(lua_State *L); /* encode(value [, options]): encode.c */
int l_json_get(lua_State *L);    /* get(text or view, pointer, ...): get.c */
int l_json_view(lua_State *L);   /* view(text): view.c */

/* The text of the value that the view at `index` is of, borrowed; false: there is no view. */
bool json_view_text(lua_State *L, int index, struct slice *text);

/* Makes the metatable of views, for luaopen_json: functions with the memory, at the top, as their upvalue. Raises. */
void l_json_make_view(lua_State *L);

#endif

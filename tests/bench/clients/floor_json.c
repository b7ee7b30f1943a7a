/* floor_json: the least that JSON can cost in Lua: what Lua's API is asked for to make the values, every place known
 * and nothing scanned; default allocator, default collector.
 *
 *     floor_json MODE FILE COUNT SIZE KIND      see ../README.md
 *
 *   decode   the tables of each text, presized, with keys that Lua has already (lua_pushvalue)
 *   encode   each table walked by lua_next, its strings and integers copied to a buffer, which becomes a string
 *   get      three values of each text, given by one call of a C function
 *   view     the same by two userdata and four calls of __index */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>

#include "client.h"

enum { TEXTS_MOST = 64, NODES_MOST = 300, FIELDS = 3, VALUES = 1, READ };

static const char *const keys[] = {"stream", "data", "e", "E", "s", "t", "p", "q", "T", "m", "M", "U", "u", "b", "a"};

/* A value: those within it follow. */
struct node {
    int type, key; /* of Lua; which upvalue the key is */
    int count;     /* of members or elements */
    bool is_list;
    lua_Integer integer; /* or boolean */
    const char *text;
    size_t size;
};

static struct node values[TEXTS_MOST][NODES_MOST], fields[TEXTS_MOST][FIELDS];
static int used, texts, at; /* `at`: the text whose turn it is */

/* ---- what there is to make ---- */

static int key_at(lua_State *L, int index) {
    const char *name = lua_tostring(L, index);
    int i = 0;
    while (strcmp(keys[i], name) != 0) i++;
    return lua_upvalueindex(i + 1);
}

/* The value on the top becomes nodes, and is taken off. */
static void note(lua_State *L, struct node *list, int key) {
    struct node *n = &list[used++];
    *n = (struct node){.type = lua_type(L, -1), .key = key};
    if (n->type == LUA_TSTRING) n->text = lua_tolstring(L, -1, &n->size); /* which VALUES keeps */
    if (n->type == LUA_TNUMBER) n->integer = lua_tointeger(L, -1);
    if (n->type == LUA_TBOOLEAN) n->integer = lua_toboolean(L, -1);
    if (n->type == LUA_TTABLE) {
        n->is_list = lua_rawlen(L, -1) > 0;
        for (lua_pushnil(L); lua_next(L, -2); n->count++) note(L, list, n->is_list ? 0 : key_at(L, -2));
    }
    lua_pop(L, 1);
}

/* By Lua itself: a text as its constructor. */
static const char read_file[] = "local path, kind = ...\n"
                                "local read = ({\n"
                                "  trade = function(d) return { d.p, d.q, d.E } end,\n"
                                "  depth = function(d) return { d.E, d.u, d.b[1][1] } end,\n"
                                "  last = function(d) return { d.u, d.a[1][1], d.a[40][2] } end,\n"
                                "})[kind]\n"
                                "local values, fields = {}, {}\n"
                                "for line in io.lines(path) do\n"
                                "  line = line:gsub('%[', '{'):gsub('%]', '}'):gsub('(\"[^\"]*\"):', '[%1]=')\n"
                                "  values[#values + 1] = load('return ' .. line)()\n"
                                "  fields[#fields + 1] = read(values[#values].data)\n"
                                "end\n"
                                "return values, fields\n";

/* VALUES and READ are what the file has, and stay. */
static void prepare(lua_State *L, const char *path, const char *kind) {
    struct node field[FIELDS + 1];
    if (luaL_loadstring(L, read_file) != LUA_OK) client_die(lua_tostring(L, -1));
    lua_pushstring(L, path);
    lua_pushstring(L, kind);
    if (lua_pcall(L, 2, 2, 0) != LUA_OK) client_die(lua_tostring(L, -1));
    texts = (int)lua_rawlen(L, VALUES);
    for (int i = 0; i < texts; i++) {
        used = 0;
        lua_rawgeti(L, VALUES, i + 1);
        note(L, values[i], 0);
        used = 0;
        lua_rawgeti(L, READ, i + 1);
        note(L, field, 0);
        memcpy(fields[i], field + 1, sizeof fields[i]);
    }
}

/* ---- making it ---- */

static void push_scalar(lua_State *L, const struct node *n) {
    if (n->type == LUA_TSTRING)
        lua_pushlstring(L, n->text, n->size);
    else if (n->type == LUA_TNUMBER)
        lua_pushinteger(L, n->integer);
    else
        lua_pushboolean(L, (int)n->integer);
}

/* Pushes a value; returns the node behind it. */
static const struct node *push(lua_State *L, const struct node *n) {
    const struct node *next = n + 1;
    if (n->type != LUA_TTABLE) return push_scalar(L, n), next;
    lua_createtable(L, n->is_list ? n->count : 0, n->is_list ? 0 : n->count);
    for (int i = 1; i <= n->count; i++) {
        if (!n->is_list) lua_pushvalue(L, next->key);
        next = push(L, next);
        if (n->is_list)
            lua_rawseti(L, -2, i);
        else
            lua_rawset(L, -3);
    }
    return next;
}

static char *put_integer(char *to, lua_Integer value) {
    char digits[24], *from = digits + sizeof digits;
    do *--from = (char)('0' + value % 10);
    while (value /= 10);
    size_t n = (size_t)(digits + sizeof digits - from);
    memcpy(to, from, n);
    return to + n;
}

static char *put_string(lua_State *L, int index, char *to) {
    size_t n;
    const char *text = lua_tolstring(L, index, &n);
    *to++ = '"';
    memcpy(to, text, n);
    to += n;
    *to++ = '"';
    return to;
}

static char *put_word(char *to, const char *word) {
    size_t n = strlen(word);
    memcpy(to, word, n);
    return to + n;
}

/* Writes the value on the top, which stays. */
static char *put(lua_State *L, char *to) {
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: return put_string(L, -1, to);
    case LUA_TNUMBER: return put_integer(to, lua_tointeger(L, -1));
    case LUA_TBOOLEAN: return lua_toboolean(L, -1) ? put_word(to, "true") : put_word(to, "false");
    default: break;
    }
    char *begins = to++;
    bool is_list = false;
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        is_list = lua_type(L, -2) == LUA_TNUMBER;
        if (!is_list) {
            to = put_string(L, -2, to);
            *to++ = ':';
        }
        to = put(L, to);
        *to++ = ',';
    }
    *begins = is_list ? '[' : '{';
    to[-1] = is_list ? ']' : '}';
    return to;
}

/* ---- what Lua calls ---- */

static const struct node *next_fields(void) {
    at = (at + 1) % texts;
    return fields[at];
}

static int l_decode(lua_State *L) {
    at = (at + 1) % texts;
    push(L, values[at]);
    return 1;
}

static int l_encode(lua_State *L) {
    static char out[1 << 16];
    lua_pushlstring(L, out, (size_t)(put(L, out) - out));
    return 1;
}

static int l_get(lua_State *L) {
    const struct node *f = next_fields();
    for (int i = 0; i < FIELDS; i++) push_scalar(L, &f[i]);
    return FIELDS;
}

static void push_view(lua_State *L) {
    *(int *)lua_newuserdatauv(L, 64, 1) = at;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setmetatable(L, -2);
    lua_pushvalue(L, 1); /* what it is of */
    lua_setiuservalue(L, -2, 1);
}

static int l_view(lua_State *L) {
    next_fields();
    push_view(L);
    return 1;
}

/* Of a view by "data", and of that by 1 to 3. */
static int l_index(lua_State *L) {
    if (lua_type(L, 2) == LUA_TSTRING)
        push_view(L);
    else
        push_scalar(L, &fields[*(int *)lua_touserdata(L, 1)][lua_tointeger(L, 2) - 1]);
    return 1;
}

static void set_functions(lua_State *L) {
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) lua_pushstring(L, keys[i]);
    lua_pushcclosure(L, l_decode, sizeof keys / sizeof *keys);
    lua_setglobal(L, "decode");
    lua_register(L, "encode", l_encode);
    lua_register(L, "get", l_get);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcclosure(L, l_view, 1);
    lua_setglobal(L, "view");
}

static const char modes[] =
    "local values, mode = ...\n"
    "local decode, encode, get, view, n, text = decode, encode, get, view, #values, 'text'\n"
    "local modes = {}\n"
    "function modes.decode(count) for i = 1, count do decode(text) end end\n"
    "function modes.encode(count) for i = 1, count do encode(values[i % n + 1]) end end\n"
    "function modes.get(count) for i = 1, count do local a, b, c = get(text, 'a', 'b', 'c') end end\n"
    "function modes.view(count)\n"
    "  for i = 1, count do local data = view(text).data local a, b, c = data[1], data[2], data[3] end\n"
    "end\n"
    "return modes[mode]\n";

static void run(lua_State *L, int mode, size_t count) {
    lua_pushvalue(L, mode);
    lua_pushinteger(L, (lua_Integer)count);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) client_die(lua_tostring(L, -1));
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (argc > 1 && strcmp(argv[1], "start") == 0) return puts("up") < 0;
    if (argc < 6) client_die("floor_json: MODE FILE COUNT SIZE KIND");
    size_t count = strtoul(argv[3], NULL, 10);
    prepare(L, argv[2], argv[5]);
    set_functions(L);
    if (luaL_loadstring(L, modes) != LUA_OK) client_die(lua_tostring(L, -1));
    lua_pushvalue(L, VALUES);
    lua_pushstring(L, argv[1]);
    lua_call(L, 2, 1);
    int mode = lua_gettop(L);
    run(L, mode, count / 10); /* does not count */
    double start = client_cpu();
    run(L, mode, count);
    client_result(client_cpu() - start, count);
    return 0;
}

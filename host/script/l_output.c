/* l_output: print and io.write call Lua's own functions when stdout has room for the text; else the text is queued
 * (net/outlet.h). */
#include "script/l_output.h"

#include "net/outlet.h"
#include "script/engine.h"
#include "script/l_push.h"
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

enum { NUMBER_SIZE = 32, OTHER_SIZE = 64 }; /* most bytes of a number, and of a value without a text of its own */

static struct outlet *outlet_of(lua_State *L) { return &engine_of(L)->net->outlet; }

/* Calls Lua's own function, upvalue 1; it has no upvalues itself. */
static int call_own(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(1))(L); }

/* ---- waiting ---- */

/* A staged script must not wait here: at its first wait it would take over. */
static bool can_wait(lua_State *L) { return l_task_can_wait(L) && !engine_of(L)->staged; }

/* Waits until all is written, then `k` goes on with `ctx`. */
static int wait_until_written(lua_State *L, const char *what, lua_KContext ctx, lua_KFunction k) {
    if (!outlet_is_behind(outlet_of(L))) return k(L, LUA_OK, ctx);
    if (can_wait(L)) return l_task_wait(L, what, &engine_of(L)->behind_output, UINT64_MAX, ctx, k);
    if (outlet_of(L)->held.len > OUTLET_HELD_MOST) outlet_write_all(outlet_of(L));
    return k(L, LUA_OK, ctx);
}

/* Queues the text on the top; where there is no memory for that, it is written at once. */
static void hold(lua_State *L) {
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);
    struct outlet *o = outlet_of(L);
    o->error = 0;
    if (outlet_hold(o, slice_of(text, n)) == 0) return;
    outlet_write_all(o);
    if (fwrite(text, 1, n, stdout) < n) o->error = errno;
}

/* ---- print ---- */

/* Replaces values that have a text of their own (__tostring) by that text, as only then their length is known. */
static size_t size_of_line(lua_State *L, int n) {
    size_t size = (size_t)n + 1, length;
    for (int i = 1; i <= n; i++) {
        if (lua_type(L, i) != LUA_TSTRING && lua_getmetatable(L, i)) {
            lua_pop(L, 1);
            luaL_tolstring(L, i, NULL);
            lua_replace(L, i);
        }
        bool is_text = lua_type(L, i) == LUA_TSTRING;
        size += is_text && lua_tolstring(L, i, &length) ? length : OTHER_SIZE;
    }
    return size;
}

static void push_line(lua_State *L, int n) {
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= n; i++) {
        if (i > 1) luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_addchar(&line, '\n');
    luaL_pushresult(&line);
}

static int l_print(lua_State *L) {
    int n = lua_gettop(L);
    outlet_of(L)->in_line = false;
    if (outlet_takes(outlet_of(L), size_of_line(L, n))) return call_own(L);
    push_line(L, n);
    hold(L);
    return wait_until_written(L, "print", 0, l_push_nothing);
}

/* ---- io.write, file:write ---- */

/* The bytes of the values from index `first` on; SIZE_MAX: one of them is neither a string nor a number, which Lua will
 * refuse. */
static size_t size_of_texts(lua_State *L, int first) {
    size_t size = 0, length;
    for (int i = first; i <= lua_gettop(L); i++) {
        int type = lua_type(L, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER) return SIZE_MAX;
        size += type == LUA_TSTRING && lua_tolstring(L, i, &length) ? length : NUMBER_SIZE;
    }
    return size;
}

/* Appends the texts from index `first` on; numbers are written as by Lua's io.write: 1.0 is 1. */
static void push_texts(lua_State *L, int first) {
    int n = lua_gettop(L);
    char text[NUMBER_SIZE];
    luaL_Buffer all;
    luaL_buffinit(L, &all);
    for (int i = first; i <= n; i++) {
        if (lua_type(L, i) == LUA_TSTRING) {
            lua_pushvalue(L, i);
            luaL_addvalue(&all);
            continue;
        }
        if (lua_isinteger(L, i))
            snprintf(text, sizeof text, LUA_INTEGER_FMT, lua_tointeger(L, i));
        else
            snprintf(text, sizeof text, LUA_NUMBER_FMT, (LUAI_UACNUMBER)lua_tonumber(L, i));
        luaL_addstring(&all, text);
    }
    luaL_pushresult(&all);
}

/* Returns the file (ctx: its index on the stack), or nil and the error. */
static int l_written(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    errno = outlet_of(L)->error;
    if (errno) return luaL_fileresult(L, 0, NULL);
    lua_pushvalue(L, (int)ctx);
    return 1;
}

/* Does the last text or number leave a line unfinished? */
static bool ends_in_line(lua_State *L) {
    size_t n;
    if (lua_type(L, -1) == LUA_TNUMBER) return true;
    const char *text = lua_tolstring(L, -1, &n);
    return n && text[n - 1] != '\n';
}

/* Queues the texts, and waits until they are written; -1: Lua's own function is to write them. Stack: the file at
 * `file`, the texts from `first` on. */
static int write_texts(lua_State *L, const char *what, int file, int first) {
    size_t size = size_of_texts(L, first);
    if (size == SIZE_MAX) return -1;
    if (size) outlet_of(L)->in_line = ends_in_line(L);
    if (outlet_takes(outlet_of(L), size)) return -1;
    push_texts(L, first);
    hold(L);
    return wait_until_written(L, what, file, l_written);
}

/* Is it stdout, and open? */
static bool is_stdout(lua_State *L, int index) {
    const luaL_Stream *s = luaL_testudata(L, index, LUA_FILEHANDLE);
    return s && s->closef && s->f == stdout;
}

static bool push_default(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, "_IO_output"); /* as liolib.c has it */
    if (is_stdout(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}

static int l_write(lua_State *L) {
    if (!push_default(L)) return call_own(L);
    lua_insert(L, 1);
    int n = write_texts(L, "io.write", 1, 2);
    if (n >= 0) return n;
    lua_remove(L, 1);
    return call_own(L);
}

static int l_file_write(lua_State *L) {
    int n = is_stdout(L, 1) ? write_texts(L, "file:write", 1, 2) : -1;
    return n >= 0 ? n : call_own(L);
}

/* ---- programs that are started ---- */

static int l_go_on(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    return call_own(L);
}

static int l_flush(lua_State *L) {
    if (!push_default(L)) return call_own(L);
    lua_pop(L, 1);
    return wait_until_written(L, "io.flush", 0, l_go_on);
}

static int l_file_flush(lua_State *L) {
    return is_stdout(L, 1) ? wait_until_written(L, "file:flush", 0, l_go_on) : call_own(L);
}

/* os.execute and io.popen: what was printed before is written first, as the program that they start writes to stdout as
 * well. */
static int l_start(lua_State *L) {
    struct outlet *o = outlet_of(L);
    if (outlet_is_behind(o) && can_wait(L)) return wait_until_written(L, "os.execute", 0, l_go_on);
    outlet_write_all(o);
    return call_own(L);
}

/* ---- in the place of Lua's own ---- */

/* Puts `by` in the place of a function of Lua's, which becomes its upvalue. Stack: ..., the table. */
static void replace(lua_State *L, const char *name, lua_CFunction by) {
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, by, 1);
    lua_setfield(L, -2, name);
}

/* Replaces the functions that write to stdout, and so may have to wait: print, and those of io and of files. */
static void replace_writers(lua_State *L) {
    lua_pushglobaltable(L);
    replace(L, "print", l_print);
    lua_getfield(L, -1, "io");
    replace(L, "write", l_write);
    replace(L, "flush", l_flush);
    luaL_getmetatable(L, LUA_FILEHANDLE);
    lua_getfield(L, -1, "__index");
    replace(L, "write", l_file_write);
    replace(L, "flush", l_file_flush);
    lua_pop(L, 4);
}

void l_output_open(lua_State *L) {
    if (outlet_of(L)->most != SIZE_MAX) replace_writers(L);
    lua_getglobal(L, "os");
    replace(L, "execute", l_start);
    lua_getglobal(L, "io");
    replace(L, "popen", l_start);
    lua_pop(L, 2);
}

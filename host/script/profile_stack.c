/* profile_stack: finds the threads and functions that run, and their names. */
#include "script/profile_stack.h"

#include "base/shown.h"
#include "script/engine.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <string.h>

enum {
    THREADS = 16,       /* coroutines within coroutines that are followed */
    FIELDS_MOST = 1000, /* fields of a module that are looked at */
    FUNCTIONS = 512,    /* names of functions in C that are remembered, a power of two */
    NAME_SIZE = 48,
};

struct frame {
    lua_State *of;
    lua_Debug at;
};

/* Those that run, the innermost first. */
struct frames {
    struct frame list[PROFILE_DEPTH];
    int count;
    bool deeper; /* there are more, outermost */
};

/* ---- which functions run ---- */

/* The coroutine that the innermost function of this thread, which is in C, was called with first: it has resumed that.
 * NULL: it has none. */
static lua_State *resumed_by(lua_State *L) {
    lua_Debug at;
    if (!lua_checkstack(L, 1) || !lua_getstack(L, 0, &at) || !lua_getlocal(L, &at, 1)) return NULL;
    lua_State *co = lua_tothread(L, -1);
    lua_pop(L, 1);
    return co == L ? NULL : co;
}

/* Lists the threads from that of the task, which has resumed the next and so on, to L. Where it is not known how L was
 * reached, L is the only one. */
static int find_threads(lua_State *L, lua_State *of[THREADS]) {
    const struct task *t = engine_of(L)->tasks.current;
    int n = 0;
    lua_State *co = t ? t->co : NULL;
    while (co && co != L && n < THREADS - 1) {
        of[n++] = co;
        co = resumed_by(co);
    }
    if (co != L) n = 0;
    of[n++] = L;
    return n;
}

static void find_frames(struct frames *f, lua_State *L, int without) {
    lua_State *of[THREADS];
    f->count = 0;
    f->deeper = false;
    for (int i = find_threads(L, of); i-- > 0; without = 0) {
        for (int level = without;; level++) {
            struct frame *next = &f->list[f->count];
            lua_Debug more;
            if (!lua_getstack(of[i], level, f->count < PROFILE_DEPTH ? &next->at : &more)) break;
            if (f->count == PROFILE_DEPTH) {
                f->deeper = true;
                return;
            }
            next->of = of[i];
            lua_getinfo(next->of, "nS", &next->at);
            f->count++;
        }
    }
}

/* ---- names ---- */

/* Appends a text with nothing in it that separates names, or may not be shown. */
static void put_name(struct buf *out, const char *text) {
    size_t before = out->len;
    shown_append(out, slice_str(text), 0);
    for (uint8_t *p = out->base + out->start + before, *end = out->base + out->start + out->len; p < end; p++) {
        if (*p == ' ') *p = '_';
        if (*p == ';') *p = ',';
    }
}

static void put_place(struct buf *out, const lua_Debug *at) {
    put_name(out, at->short_src);
    if (at->linedefined > 0) buf_printf(out, ":%d", at->linedefined);
}

static void put_connection(struct buf *out, const struct conn_box *b) {
    if (b->name)
        put_name(out, b->name);
    else
        buf_printf(out, "#%llu", (unsigned long long)rotation_id(b));
}

/* What functions in C are called: global to the process, as the functions are. */
static struct {
    lua_CFunction function;
    char name[NAME_SIZE]; /* empty: it is in no module */
} known[FUNCTIONS];

/* Is this function the value on the top? Its key below that is its name then. */
static bool is_it(lua_State *L, lua_CFunction function, const char *module, char *name) {
    if (lua_tocfunction(L, -1) != function || lua_type(L, -2) != LUA_TSTRING) return false;
    bool is_global = strcmp(module, LUA_GNAME) == 0;
    snprintf(name, NAME_SIZE, "%s%s%s", is_global ? "" : module, is_global ? "" : ".", lua_tostring(L, -2));
    return true;
}

/* Looks for the function in the module on the top. */
static bool find_in(lua_State *L, lua_CFunction function, const char *module, char *name) {
    int table = lua_gettop(L), left = FIELDS_MOST;
    bool found = false;
    if (!lua_istable(L, table)) return false;
    for (lua_pushnil(L); !found && left-- > 0 && lua_next(L, table); lua_pop(L, 1))
        found = is_it(L, function, module, name);
    lua_settop(L, table);
    return found;
}

/* Finds in which of the loaded modules the function is. Makes no string: those that it looks for are there. */
static void find_name(lua_State *L, lua_CFunction function, char *name) {
    int top = lua_gettop(L);
    bool found = false;
    if (!lua_checkstack(L, 6) || lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) != LUA_TTABLE) {
        lua_settop(L, top);
        return;
    }
    for (lua_pushnil(L); !found && lua_next(L, top + 1); lua_pop(L, 1))
        found = lua_type(L, -2) == LUA_TSTRING && find_in(L, function, lua_tostring(L, -2), name);
    lua_settop(L, top);
}

/* The name of a function in C as scripts know it, "string.gsub"; empty: it is in no module. */
static const char *name_of(lua_State *L, lua_CFunction function) {
    static char passing[NAME_SIZE];
    size_t at = ((uintptr_t)function >> 4) % FUNCTIONS;
    for (size_t i = 0; i < 8; i++, at = (at + 1) % FUNCTIONS) {
        if (known[at].function == function) return known[at].name;
        if (known[at].function) continue;
        known[at].function = function;
        find_name(L, function, known[at].name);
        return known[at].name;
    }
    passing[0] = '\0'; /* all places are taken: its name is that by which it was called */
    return passing;
}

static lua_CFunction function_of(struct frame *f) {
    if (!lua_checkstack(f->of, 1) || !lua_getinfo(f->of, "f", &f->at)) return NULL;
    lua_CFunction function = lua_tocfunction(f->of, -1);
    lua_pop(f->of, 1);
    return function;
}

static void put_function(lua_State *L, struct frame *f, struct buf *out) {
    const char *name = f->at.name ? f->at.name : f->at.what[0] == 'C' ? "[C]" : "function";
    if (f->at.what[0] == 'C') {
        const char *known_as = name_of(L, function_of(f));
        put_name(out, known_as[0] ? known_as : name);
        return;
    }
    put_name(out, f->at.what[0] == 'm' ? "chunk" : name);
    buf_append_byte(out, '(');
    put_place(out, &f->at);
    buf_append_byte(out, ')');
}

void profile_stack_put_task(const struct engine *e, const lua_Debug *first, struct buf *out) {
    const struct task *t = e->tasks.current;
    const char *what = t ? t->what : "(host)", *callback;
    const struct conn_box *b = t ? delivery_of(t, &callback) : NULL;
    bool has_place = first && t && strcmp(what, "main chunk") != 0;
    put_name(out, b ? callback : strcmp(what, "spawned") == 0 ? "host.spawn" : what);
    if (!b && !has_place) return;
    buf_append_byte(out, '(');
    if (b)
        put_connection(out, b);
    else
        put_place(out, first);
    buf_append_byte(out, ')');
}

void profile_stack_put(lua_State *L, int without, struct buf *out) {
    struct frames f;
    const lua_Debug *first = NULL;
    find_frames(&f, L, without);
    while (f.count > 0 && f.list[f.count - 1].at.what[0] == 'C' && !f.list[f.count - 1].at.name)
        f.count--; /* the functions of ours that the task began with */
    if (f.count > 0 && !f.deeper && f.list[f.count - 1].at.what[0] != 'C') first = &f.list[f.count - 1].at;
    profile_stack_put_task(engine_of(L), first, out);
    if (f.deeper) buf_append(out, slice_str(";(deeper)"));
    for (int i = f.count; i-- > 0;) {
        buf_append_byte(out, ';');
        put_function(L, &f.list[i], out);
    }
}

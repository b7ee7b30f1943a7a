/* get: values at JSON Pointers (RFC 6901), in one walk through the text: what no pointer leads to is passed over.
 *
 * The pointers of a call become a plan: a tree of their tokens, in which those that begin alike go together. A bot asks
 * for the same fields of each message, so a plan is kept, and found by the addresses of the pointers, which Lua has
 * once each as long as the plan keeps them. */
#include "script/json/parts.h"

#include <string.h>

enum {
    POINTERS_MOST = 64, /* in one call */
    PLANS_MOST = 64,    /* that are kept */
    PLAN_MOST = 8192,   /* bytes of one that is */
};

/* A token of pointers. */
struct step {
    struct step *within, *next; /* the first step behind this one, and the next that is behind the same */
    struct slice name;          /* without escapes */
    int64_t place;              /* in an array, from 0; -1: it says none */
    int result;                 /* of the call, from 1, where a pointer ends here; else 0 */
};

struct json_plan {
    uint32_t count, used;                /* pointers; steps */
    const void *pointers[POINTERS_MOST]; /* strings that the userdata keeps */
    uint8_t same[POINTERS_MOST];         /* the first result that is the same as this one */
    struct step steps[];                 /* the first is the whole text; behind them are names that had escapes */
};

/* ---- plans ---- */

/* The place in an array that a token says, from 0; -1: it says none. */
static int64_t place_of(const uint8_t *token, size_t size) {
    int64_t place = 0;
    if (size == 0 || size > 15 || (size > 1 && token[0] == '0')) return -1;
    for (size_t i = 0; i < size; i++) {
        if (token[i] < '0' || token[i] > '9') return -1;
        place = place * 10 + (token[i] - '0');
    }
    return place;
}

/* "~1" stands for "/", and "~0" for "~" (RFC 6901 4). */
static size_t unescape(uint8_t *to, const uint8_t *token, size_t size) {
    size_t n = 0;
    for (size_t i = 0; i < size; i++) to[n++] = token[i] != '~' ? token[i] : token[++i] == '1' ? '/' : '~';
    return n;
}

/* The step behind `from` of that name, which is new where there is none. */
static struct step *step_to(struct json_plan *plan, struct step *from, struct slice name) {
    struct step **at = &from->within;
    for (; *at; at = &(*at)->next)
        if (slice_eq((*at)->name, name)) return *at;
    *at = &plan->steps[plan->used++];
    **at = (struct step){.name = name, .place = place_of(name.p, name.n)};
    return *at;
}

/* Adds a pointer. `*names` is where names without escapes go. */
static void add_pointer(struct json_plan *plan, uint32_t i, struct slice pointer, uint8_t **names) {
    struct step *step = plan->steps;
    struct slice rest = slice_skip(pointer, pointer.n > 0), token;
    while (pointer.n && slice_split(&rest, '/', &token)) {
        if (memchr(token.p, '~', token.n)) {
            size_t n = unescape(*names, token.p, token.n);
            token = slice_of(*names, n);
            *names += n;
        }
        step = step_to(plan, step, token);
    }
    if (!step->result) step->result = (int)i + 1;
    plan->same[i] = (uint8_t)(step->result - 1);
}

static struct slice check_pointer(lua_State *L, int index) {
    size_t n;
    const char *p = luaL_checklstring(L, index, &n), *end = p + n;
    if (n && p[0] != '/') luaL_argerror(L, index, "a JSON Pointer is empty, or begins with /");
    for (const char *tilde = p; (tilde = memchr(tilde, '~', (size_t)(end - tilde))); tilde++)
        if (tilde[1] != '0' && tilde[1] != '1') luaL_argerror(L, index, "in a JSON Pointer ~ is followed by 0 or 1");
    return slice_of(p, n);
}

/* Pushes a plan for the pointers from index 2 on: a userdata, which keeps them. */
static struct json_plan *push_new_plan(lua_State *L, uint32_t count) {
    size_t steps = 1, bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct slice pointer = check_pointer(L, (int)i + 2);
        bytes += pointer.n;
        for (size_t k = 0; k < pointer.n; k++) steps += pointer.p[k] == '/';
    }
    struct json_plan *plan = lua_newuserdatauv(L, sizeof *plan + steps * sizeof *plan->steps + bytes, 1);
    uint8_t *names = (uint8_t *)&plan->steps[steps];
    plan->count = count;
    plan->used = 1;
    plan->steps[0] = (struct step){.place = -1};
    lua_createtable(L, (int)count, 0);
    for (uint32_t i = 0; i < count; i++) {
        struct slice pointer = check_pointer(L, (int)i + 2);
        plan->pointers[i] = lua_topointer(L, (int)i + 2);
        add_pointer(plan, i, pointer, &names);
        lua_pushvalue(L, (int)i + 2);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, -2, 1);
    return plan;
}

static bool is_for(const struct json_plan *plan, const void *const pointers[], uint32_t count) {
    if (!plan || plan->count != count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (plan->pointers[i] != pointers[i]) return false;
    return true;
}

/* Where the plan for these pointers is kept, from 1. */
static uint32_t place_for(const void *const pointers[], uint32_t count) {
    uint64_t mixed = count;
    for (uint32_t i = 0; i < count; i++) mixed = (mixed ^ (uintptr_t)pointers[i]) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(mixed >> 32) % PLANS_MOST + 1;
}

/* Pushes the plan for the arguments from index 2 on. */
static const struct json_plan *l_push_plan(lua_State *L, uint32_t count) {
    const void *pointers[POINTERS_MOST];
    for (uint32_t i = 0; i < count; i++) pointers[i] = lua_topointer(L, (int)i + 2);
    uint32_t place = place_for(pointers, count);
    l_json_push(L, JSON_PLANS);
    lua_rawgeti(L, -1, place);
    const struct json_plan *plan = lua_touserdata(L, -1);
    if (is_for(plan, pointers, count)) return plan;
    plan = push_new_plan(L, count);
    if (lua_rawlen(L, -1) > PLAN_MOST) return plan;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, place); /* the one that was there may go */
    return plan;
}

/* ---- the walk ---- */

struct walk {
    lua_State *L;
    const struct json_plan *plan;
    struct json_reader r;
    int results; /* index before the first one */
    bool found;  /* any of them */
};

static bool walk(struct walk *w, const struct step *s);

/* What was found under a name that comes again is gone: the last one counts. */
static void forget(struct walk *w, const struct step *s) {
    for (const struct step *next = s->within; next; next = next->next) forget(w, next);
    if (!s->result) return;
    lua_pushnil(w->L);
    lua_replace(w->L, w->results + s->result);
}

/* The step behind `s` that a name says; NULL: none. */
static inline const struct step *step_by_name(const struct step *s, struct slice name) {
    const struct step *next = s->within;
    while (next && !(next->name.n == name.n && json_same(next->name.p, name.p, name.n))) next = next->next;
    return next;
}

static bool find_by_name(struct walk *w, const struct step *s, const struct json_string *name,
                         const struct step **next) {
    struct slice text = slice_of(name->p, name->n);
    if (name->escapes) {
        struct buf *scratch = json_scratch(w->L);
        int rc = json_unescape(scratch, name, &w->r.source->fault);
        if (rc == ERR_SYNTAX) return false;
        if (rc < 0) luaL_error(w->L, "not enough memory");
        text = buf_slice(scratch);
    }
    *next = step_by_name(s, text);
    return true;
}

static bool walk_object(struct walk *w, const struct step *s) {
    struct json_reader r = w->r; /* in registers, but where a pointer leads on */
    struct json_string name;
    uint8_t close;
    bool more;
    if (!json_enter(&r, &close, &more)) return false;
    while (more) {
        const struct step *next;
        if (!json_name(&r, &name) || !find_by_name(w, s, &name, &next)) return false;
        if (next || json_opens(&r)) {
            w->r = r;
            if (!(next ? walk(w, next) : json_pass(&w->r))) return false;
            r = w->r;
        } else if (!json_pass_scalar(&r)) {
            return false;
        }
        if (!json_more(&r, close, &more)) return false;
    }
    w->r = r;
    return true;
}

/* The step behind `s` to an element, or NULL; `*last`: no later one is asked for. */
static const struct step *step_by_place(const struct step *s, int64_t place, bool *last) {
    const struct step *found = NULL;
    *last = true;
    for (const struct step *next = s->within; next; next = next->next) {
        if (next->place == place) found = next;
        if (next->place > place) *last = false;
    }
    return found;
}

static bool walk_array(struct walk *w, const struct step *s) {
    uint8_t close;
    bool more, last = false;
    if (!json_enter(&w->r, &close, &more)) return false;
    for (int64_t place = 0; more; place++) {
        if (last) return json_pass_rest(&w->r, close);
        const struct step *next = step_by_place(s, place, &last);
        if (!(next ? walk(w, next) : json_pass(&w->r)) || !json_more(&w->r, close, &more)) return false;
    }
    return true;
}

/* The value at the reader becomes a result. */
static bool take(struct walk *w, int result) {
    static const struct json_reading how = {0};
    struct json_reader *r = &w->r;
    if (!(json_opens(r)  ? l_json_read(w->L, &how, false, r)
          : *r->p == '"' ? l_json_read_string(w->L, r)
                         : json_leave(r, l_json_push_word(w->L, &how, r->source, r->p))))
        return false;
    lua_replace(w->L, w->results + result);
    w->found = true;
    return true;
}

/* The same, where others are asked for that are within it: it is read once more. */
static bool take_whole(struct walk *w, int result) {
    struct json_reader here = w->r;
    struct json_source source = *here.source;
    if (!take(w, result)) return false;
    w->r = here;
    *here.source = source;
    return true;
}

/* The value at the reader, where `s` leads to. */
static bool walk(struct walk *w, const struct step *s) {
    if (!s->within) return s->result ? take(w, s->result) : json_pass(&w->r);
    if (w->found) forget(w, s);
    if (s->result && !take_whole(w, s->result)) return false;
    if (!json_opens(&w->r)) return json_pass(&w->r);
    return *w->r.p == '{' ? walk_object(w, s) : walk_array(w, s);
}

/* ---- the call ---- */

int l_json_get(lua_State *L) {
    struct slice text = l_json_check_text(L, 1);
    int count = lua_gettop(L) - 1;
    if (count > POINTERS_MOST) luaL_error(L, "json.get: %d pointers at most", POINTERS_MOST);
    luaL_checkstack(L, count + 10, NULL);
    struct walk w = {.L = L, .plan = l_push_plan(L, (uint32_t)count)};
    struct json_source source;
    w.r = json_begin(&source, text);
    w.results = lua_gettop(L);
    lua_settop(L, w.results + count);
    l_json_check_end(L, "json.get", text, &w.r, walk(&w, &w.plan->steps[0]));
    for (int i = 0; i < count; i++)
        if (w.plan->same[i] != i) lua_copy(L, w.results + 1 + w.plan->same[i], w.results + 1 + i);
    return count;
}

/* get: values at JSON Pointers (RFC 6901), in one walk through the text: what no pointer leads to is passed over. */
#include "script/json/parts.h"

#include <string.h>

enum { POINTERS_MOST = 64 }; /* in one call: a bit for each */

/* A pointer, and how much of it the walk has followed. */
struct pointer {
    const char *at, *end; /* the next token begins at `at`, with its '/'; at the end: the value is here */
};

struct walk {
    lua_State *L;
    const uint8_t *end;
    struct json_fault *fault;
    struct pointer pointers[POINTERS_MOST];
    int results; /* index of the first result */
    unsigned depth;
    struct json_reading how;
};

/* ---- tokens ---- */

static size_t token_size(const struct pointer *p) {
    const char *slash = memchr(p->at + 1, '/', (size_t)(p->end - p->at - 1));
    return (size_t)((slash ? slash : p->end) - p->at - 1);
}

/* Is this the name that the next token says? "~1" stands for "/", and "~0" for "~" (RFC 6901 4). */
static bool is_name(const struct pointer *p, size_t size, struct slice name) {
    const char *token = p->at + 1;
    if (!memchr(token, '~', size)) return size == name.n && memcmp(token, name.p, size) == 0;
    size_t n = 0;
    for (size_t i = 0; i < size; i++, n++) {
        char c = token[i];
        if (c == '~') c = token[++i] == '1' ? '/' : '~';
        if (n >= name.n || name.p[n] != (uint8_t)c) return false;
    }
    return n == name.n;
}

/* The place in an array that the next token says, from 0; -1: it says none. */
static int64_t place_of(const struct pointer *p, size_t size) {
    const char *token = p->at + 1;
    int64_t place = 0;
    if (size == 0 || size > 15 || (size > 1 && token[0] == '0')) return -1;
    for (size_t i = 0; i < size; i++) {
        if (token[i] < '0' || token[i] > '9') return -1;
        place = place * 10 + (token[i] - '0');
    }
    return place;
}

/* ---- the walk ---- */

static const uint8_t *walk(struct walk *w, const uint8_t *p, uint64_t active);

/* The lowest of the bits, which is taken out. */
static unsigned take_first(uint64_t *bits) {
    unsigned first = (unsigned)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return first;
}

/* What was found under a name that comes again is gone: the last one counts. */
static void forget(struct walk *w, uint64_t which) {
    while (which) {
        lua_pushnil(w->L);
        lua_replace(w->L, w->results + (int)take_first(&which));
    }
}

/* The value at `p`, to which the pointers `which` lead by a token each: they are followed into it. */
static const uint8_t *follow(struct walk *w, const uint8_t *p, uint64_t which) {
    if (++w->depth > JSON_DEPTH_MOST) return *w->fault = (struct json_fault){"this is nested too deeply", p}, NULL;
    for (uint64_t rest = which; rest;) {
        struct pointer *q = &w->pointers[take_first(&rest)];
        q->at += 1 + token_size(q);
    }
    p = walk(w, p, which);
    while (which) {
        struct pointer *q = &w->pointers[take_first(&which)];
        while (*--q->at != '/') continue; /* back to where its token began */
    }
    w->depth--;
    return p;
}

/* The name at `p`, a quote: what it says, and behind it. */
static const uint8_t *read_name(struct walk *w, const uint8_t *p, struct slice *name) {
    bool escapes;
    if (*p != '"') return *w->fault = (struct json_fault){"the name of a member must be a string", p}, NULL;
    const uint8_t *close = json_string_end(p + 1, w->end, &escapes, w->fault);
    if (!close) return NULL;
    *name = slice_of(p + 1, (size_t)(close - p - 1));
    if (escapes) {
        struct buf *scratch = l_json_scratch(w->L);
        int rc = json_unescape(scratch, name->p, close, w->fault);
        if (rc == ERR_SYNTAX) return NULL;
        if (rc < 0) luaL_error(w->L, "not enough memory");
        *name = buf_slice(scratch);
    }
    p = json_space(close + 1);
    if (*p != ':') return *w->fault = (struct json_fault){"a colon must follow the name of a member", p}, NULL;
    return json_space(p + 1);
}

/* Behind a value: a comma, and `*more`, or the end of what is open. */
static const uint8_t *go_on(struct walk *w, const uint8_t *p, uint8_t close, bool *more) {
    p = json_space(p);
    *more = *p == ',';
    if (*more) return json_space(p + 1);
    if (*p == close) return p + 1;
    *w->fault = (struct json_fault){"a comma, or the end of what is open, must follow a value", p};
    return NULL;
}

static const uint8_t *walk_object(struct walk *w, const uint8_t *p, uint64_t active) {
    bool more;
    struct slice name;
    p = json_space(p + 1);
    if (*p == '}') return p + 1;
    do {
        uint64_t which = 0;
        p = read_name(w, p, &name);
        if (!p) return NULL;
        for (uint64_t rest = active; rest;) {
            unsigned i = take_first(&rest);
            if (is_name(&w->pointers[i], token_size(&w->pointers[i]), name)) which |= UINT64_C(1) << i;
        }
        if (which) forget(w, which);
        p = which ? follow(w, p, which) : json_skip(p, w->end, w->fault);
        if (!p || !(p = go_on(w, p, '}', &more))) return NULL;
    } while (more);
    return p;
}

static const uint8_t *walk_array(struct walk *w, const uint8_t *p, uint64_t active) {
    bool more;
    p = json_space(p + 1);
    if (*p == ']') return p + 1;
    for (int64_t place = 0;; place++) {
        uint64_t which = 0;
        for (uint64_t rest = active; rest;) {
            unsigned i = take_first(&rest);
            if (place_of(&w->pointers[i], token_size(&w->pointers[i])) == place) which |= UINT64_C(1) << i;
        }
        p = which ? follow(w, p, which) : json_skip(p, w->end, w->fault);
        if (!p || !(p = go_on(w, p, ']', &more))) return NULL;
        if (!more) return p;
    }
}

/* Pushes the value at `p`, and returns what is behind it. */
static const uint8_t *push(struct walk *w, const uint8_t *p) {
    if (*p != '{' && *p != '[') return l_json_read_scalar(w->L, p, w->end, w->fault);
    return l_json_read(w->L, &w->how, false, p, w->end, w->fault);
}

/* The value at `p`: some pointers end here, others go on. */
static const uint8_t *walk(struct walk *w, const uint8_t *p, uint64_t active) {
    uint64_t here = 0;
    const uint8_t *end = NULL;
    for (uint64_t rest = active; rest;) {
        unsigned i = take_first(&rest);
        if (w->pointers[i].at == w->pointers[i].end) here |= UINT64_C(1) << i;
    }
    if (here) {
        end = push(w, p);
        if (!end) return NULL;
        for (uint64_t rest = here; rest;) {
            lua_pushvalue(w->L, -1);
            lua_replace(w->L, w->results + (int)take_first(&rest));
        }
        lua_pop(w->L, 1);
        if (here == active) return end;
    }
    if (*p == '{') return walk_object(w, p, active & ~here);
    if (*p == '[') return walk_array(w, p, active & ~here);
    return end ? end : json_skip(p, w->end, w->fault);
}

/* ---- the call ---- */

static void read_pointer(lua_State *L, int index, struct pointer *p) {
    size_t n;
    p->at = luaL_checklstring(L, index, &n);
    p->end = p->at + n;
    if (n && p->at[0] != '/') luaL_argerror(L, index, "a JSON Pointer is empty, or begins with /");
    for (const char *tilde = p->at; (tilde = memchr(tilde, '~', (size_t)(p->end - tilde))); tilde++)
        if (tilde[1] != '0' && tilde[1] != '1') luaL_argerror(L, index, "in a JSON Pointer ~ is followed by 0 or 1");
}

int l_json_get(lua_State *L) {
    struct json_fault fault;
    struct slice text = l_json_check_text(L, 1);
    struct walk w = {.L = L, .end = text.p + text.n, .fault = &fault};
    int count = lua_gettop(L) - 1;
    if (count > POINTERS_MOST) luaL_error(L, "json.get: %d pointers at most", POINTERS_MOST);
    for (int i = 0; i < count; i++) read_pointer(L, i + 2, &w.pointers[i]);
    luaL_checkstack(L, count + 10, NULL);
    w.results = count + 2;
    for (int i = 0; i < count; i++) lua_pushnil(L);
    const uint8_t *p = json_check_utf8(text, &fault) ? json_space(text.p) : NULL;
    if (p) p = walk(&w, p, count == POINTERS_MOST ? UINT64_MAX : (UINT64_C(1) << count) - 1);
    return json_check_end(p, w.end, &fault) ? count : l_json_refuse(L, "json.get", text.p, &fault);
}

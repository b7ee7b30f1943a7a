/* plain: a memo of addresses, and the words for what is not plain. */
#include "script/plain.h"

#include "base/number.h"
#include "base/reserve.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables that were met ---- */

/* The entry for `table` in `places`, or the free one where it would be. */
static uint32_t *find(const struct plain_memo *m, const void *table) {
    size_t i = (size_t)((uintptr_t)table >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20;
    while (m->places[i &= m->size - 1] && m->met[m->places[i] - 1] != table) i++;
    return &m->places[i];
}

size_t plain_recall(const struct plain_memo *m, const void *table) { return m->size ? *find(m, table) : 0; }

static bool grow(struct plain_memo *m) {
    size_t size = m->size ? 2 * m->size : 256;
    uint32_t *places = size / 2 < UINT32_MAX ? calloc(size, sizeof *places) : NULL;
    const void **met = places ? realloc(m->met, size / 2 * sizeof *met) : NULL;
    if (met) m->met = met;
    if (!met) {
        free(places);
        return false;
    }
    free(m->places);
    m->places = places;
    m->size = size;
    for (size_t i = 0; i < m->used; i++) *find(m, m->met[i]) = (uint32_t)i + 1;
    return true;
}

bool plain_remember(struct plain_memo *m, const void *table) {
    if (2 * m->used >= m->size && !grow(m)) return false;
    uint32_t *place = find(m, table);
    m->met[m->used] = table;
    *place = (uint32_t)++m->used;
    return true;
}

void plain_forget(struct plain_memo *m) {
    free(m->places);
    free(m->met);
    *m = (struct plain_memo){0};
}

/* ---- what is not plain ---- */

static void print_key(FILE *out, lua_State *L, int key) {
    int type = lua_type(L, key);
    if (type == LUA_TSTRING) { /* no conversion, so this takes no memory */
        const char *text = lua_tostring(L, key);
        bool is_name = text[0] && !strchr("0123456789", text[0]) &&
                       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(text);
        fprintf(out, is_name ? ".%.60s" : "[\"%.60s\"]", text);
    } else if (lua_isinteger(L, key)) {
        fprintf(out, "[%lld]", (long long)lua_tointeger(L, key));
    } else if (type == LUA_TNUMBER) {
        char number[32];
        number_print(number, sizeof number, "%g", lua_tonumber(L, key));
        fprintf(out, "[%s]", number);
    } else {
        fprintf(out, "[a %s]", lua_typename(L, type));
    }
}

static void print_path(FILE *out, const struct plain_level *l) {
    if (!l) return;
    print_path(out, l->up);
    print_key(out, l->L, l->key);
}

bool plain_refuse(char **why, const char *name, const struct plain_level *l, const char *what) {
    size_t size;
    FILE *out = open_memstream(why, &size);
    if (!out) {
        *why = reserve_copy("host.state: not enough memory");
        return false;
    }
    fprintf(out, "host.state \"%s\"", name);
    print_path(out, l);
    fprintf(out, " %s", what);
    fclose(out);
    return false;
}

bool plain_take_array_mark(lua_State *L) {
    bool is = false;
    lua_pushnil(L);
    if (lua_next(L, -2)) {
        is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "json.array") == 0;
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return is;
}

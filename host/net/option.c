/* option: one function for each thing that is done to every option, by the way in which it is kept. */
#include "net/option.h"

#include "base/buf.h"
#include "base/text.h"
#include "net/clock.h"
#include "wire/retry.h"
#include <stdlib.h>
#include <string.h>

/* How each kind is kept. */
static const enum store {
    NUMBER,
    NOWHERE,
    TEXT,
    SECRET,
    CODES,
    ROWS,
    SWITCHED,
    URL,
    PROXY,
    BUF,
    COOKIES
} stores[OPTION_KINDS] = {
    [OPTION_TEXT] = TEXT,    [OPTION_SECRET] = SECRET,     [OPTION_LIST] = TEXT,       [OPTION_CODES] = CODES,
    [OPTION_ROWS] = ROWS,    [OPTION_SWITCHED] = SWITCHED, [OPTION_URL] = URL,         [OPTION_PROXY] = PROXY,
    [OPTION_HEADERS] = BUF,  [OPTION_PROTOCOLS] = BUF,     [OPTION_ORIGIN] = BUF,      [OPTION_RESOLVE] = BUF,
    [OPTION_NAME] = NOWHERE, [OPTION_BINARY] = NOWHERE,    [OPTION_COOKIES] = COOKIES,
};

/* ---- numbers ---- */

static size_t bytes_of(double value) {
    const double most = 1e15;
    return value < most ? (size_t)value : (size_t)most;
}

static void put_whole(void *at, size_t size, uint64_t n) {
    if (size == 1) *(uint8_t *)at = (uint8_t)n;
    if (size == 4) *(uint32_t *)at = (uint32_t)n;
    if (size == 8) *(uint64_t *)at = n;
}

void option_put(const struct option *o, void *base, double value) {
    void *at = (char *)base + o->at;
    uint64_t ns;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)at = value != 0; break;
    case OPTION_NOT: *(bool *)at = value == 0; break;
    case OPTION_SECONDS: *(uint64_t *)at = clock_from_seconds(value); break;
    case OPTION_TIMEOUT:
        ns = clock_from_seconds(value);
        *(uint64_t *)at = ns || value <= 0 ? ns : 1; /* 0 is a default alone: none */
        break;
    case OPTION_BYTES: *(size_t *)at = bytes_of(value); break;
    case OPTION_FACTOR: *(double *)at = value; break;
    default: put_whole(at, o->size, (uint64_t)value);
    }
}

void options_usual(const struct option *rows, void *base) {
    for (const struct option *o = rows; o->name; o++) {
        if (stores[o->kind] == NUMBER) option_put(o, base, o->usual);
        if (o->kind == OPTION_SWITCHED) *(bool *)((char *)base + o->at) = o->usual != 0;
        if (o->rows) options_usual(o->rows, (char *)base + o->at);
    }
}

/* ---- comparisons ---- */

/* Are all parts of the two addresses the same? */
static bool same_url(const struct url *a, const struct url *b) {
    return a->scheme == b->scheme && a->port == b->port && a->port_is_default == b->port_is_default &&
           text_is_same(a->host, b->host) && text_is_same(a->zone, b->zone) && text_is_same(a->target, b->target) &&
           text_is_same(a->credentials, b->credentials) && text_is_same(a->socket_path, b->socket_path);
}

static bool same_proxy(const struct option_proxy *a, const struct option_proxy *b) {
    return a->none == b->none && same_url(&a->url, &b->url);
}

static bool same_codes(const struct retry_codes *a, const struct retry_codes *b) {
    return a->count == b->count && (!a->count || memcmp(a->list, b->list, a->count * sizeof *a->list) == 0);
}

static bool same_cookies(const struct option_cookies *a, const struct option_cookies *b) {
    return a->on == b->on && a->jar == b->jar;
}

static bool same(const struct option *o, const void *a, const void *b) {
    switch (stores[o->kind]) {
    case NOWHERE: return true;
    case NUMBER: return memcmp(a, b, o->size) == 0;
    case TEXT:
    case SECRET: return text_is_same(*(char *const *)a, *(char *const *)b);
    case CODES: return same_codes(a, b);
    case SWITCHED:
        if (*(const bool *)a != *(const bool *)b) return false; /* fall through */
    case ROWS: return !options_differ(o->rows, a, b, OPTIONS_ALL);
    case URL: return same_url(a, b);
    case PROXY: return same_proxy(a, b);
    case BUF: return slice_eq(buf_slice(a), buf_slice(b));
    case COOKIES: return same_cookies(a, b);
    }
    return false;
}

const char *options_differ(const struct option *rows, const void *a, const void *b, unsigned applied) {
    for (const struct option *o = rows; o->name; o++) {
        bool counts = !o->applied || (o->applied & applied);
        if (counts && !same(o, (const char *)a + o->at, (const char *)b + o->at)) return o->name;
    }
    return NULL;
}

/* ---- copies ---- */

static bool copy_codes(struct retry_codes *at) {
    if (!at->count) return true;
    size_t size = at->count * sizeof *at->list;
    const uint16_t *list = at->list;
    at->list = malloc(size);
    if (at->list)
        memcpy(at->list, list, size);
    else
        at->count = 0;
    return at->list != NULL;
}

static bool copy_url(struct url *at) {
    struct url from = *at;
    return url_copy(at, &from) == 0;
}

static bool copy_buf(struct buf *at) {
    struct buf from = *at;
    buf_init(at, from.cap);
    return buf_append(at, buf_slice(&from)) == 0;
}

static bool hold_cookies(struct option_cookies *at) {
    if (at->jar) cookies_hold(at->jar);
    return true;
}

static bool copy(const struct option *o, void *at) {
    switch (stores[o->kind]) {
    case NUMBER:
    case NOWHERE: return true;
    case TEXT:
    case SECRET: return text_copy(at, *(char **)at);
    case CODES: return copy_codes(at);
    case ROWS:
    case SWITCHED: return options_copy(o->rows, at);
    case URL: return copy_url(at);
    case PROXY: return copy_url(&((struct option_proxy *)at)->url);
    case BUF: return copy_buf(at);
    case COOKIES: return hold_cookies(at);
    }
    return false;
}

bool options_copy(const struct option *rows, void *to) {
    bool done = true;
    for (const struct option *o = rows; o->name; o++)
        if (!copy(o, (char *)to + o->at)) done = false;
    return done;
}

/* ---- the end ---- */

static void clear_text(char **at, bool is_secret) {
    if (*at && is_secret) explicit_bzero(*at, strlen(*at));
    free(*at);
    *at = NULL;
}

static void clear_codes(struct retry_codes *at) {
    free(at->list);
    *at = (struct retry_codes){0};
}

static void clear_cookies(struct option_cookies *at) {
    cookies_release(at->jar);
    *at = (struct option_cookies){0};
}

static void clear(const struct option *o, void *at) {
    switch (stores[o->kind]) {
    case NUMBER:
    case NOWHERE: break;
    case TEXT:
    case SECRET: clear_text(at, stores[o->kind] == SECRET); break;
    case CODES: clear_codes(at); break;
    case ROWS:
    case SWITCHED: options_clear(o->rows, at); break;
    case URL: url_clear(at); break;
    case PROXY: url_clear(&((struct option_proxy *)at)->url); break;
    case BUF: buf_clear(at); break;
    case COOKIES: clear_cookies(at); break;
    }
}

void options_clear(const struct option *rows, void *base) {
    for (const struct option *o = rows; o->name; o++) clear(o, (char *)base + o->at);
}

/* ---- memory ---- */

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t url_size(const struct url *u) {
    return text_size(u->host) + text_size(u->zone) + text_size(u->target) + text_size(u->credentials) +
           text_size(u->socket_path) + text_size(u->text);
}

static size_t size(const struct option *o, const void *at) {
    switch (stores[o->kind]) {
    case NUMBER:
    case NOWHERE:
    case COOKIES: return 0; /* the jar is its session's */
    case TEXT:
    case SECRET: return text_size(*(char *const *)at);
    case CODES: return ((const struct retry_codes *)at)->count * sizeof(uint16_t);
    case ROWS:
    case SWITCHED: return options_size(o->rows, at);
    case URL: return url_size(at);
    case PROXY: return url_size(&((const struct option_proxy *)at)->url);
    case BUF: return ((const struct buf *)at)->size;
    }
    return 0;
}

size_t options_size(const struct option *rows, const void *base) {
    size_t bytes = 0;
    for (const struct option *o = rows; o->name; o++) bytes += size(o, (const char *)base + o->at);
    return bytes;
}

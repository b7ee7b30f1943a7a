/* page: one listening socket a program, which lives as long as its Lua state. */
#include "app/control/page.h"

#include "net/conn/listener.h"
#include "script/box.h"
#include "script/door.h"
#include "script/l_push.h"
#include "script/lualib.h"
#include "script/ws/conn.h"
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_ASK = 1, PAGE_TAKE, PAGE_VALUES = PAGE_TAKE };

enum {
    HEADS_IN = 10,           /* seconds */
    ASKING_MOST = 128,       /* connections that are no WebSocket */
    MESSAGE_MOST = 1 << 20,  /* bytes of a message, and */
    ANSWERS_MOST = 16 << 20, /* of all that a page has not taken */
};

struct page {
    struct box box;
    struct engine *engine;
    struct listener *listener;
    struct conn *asking[ASKING_MOST]; /* connections that are no WebSocket, in a ring; NULL: a free place */
    size_t next;                      /* the place that was taken the longest ago */
    struct conn_answer answer;        /* to the request that is being answered */
    struct buf text;                  /* of that answer */
};

static void drop(struct conn *c) {
    if (!c) return;
    conn_detach(c);
    conn_destroy(c);
}

static void end_page(void *object) {
    struct page *p = object;
    if (p->listener) listener_close(p->listener);
    for (size_t i = 0; i < ASKING_MOST; i++) drop(p->asking[i]);
    buf_clear(&p->text);
    free(p);
}

static const struct box_type page_type = {
    .name = "wsbot.inspect.core", .size = sizeof(struct page), .values = PAGE_VALUES, .end = end_page};

/* It is one of those that ask. Where there is no room, the oldest goes. */
static void note(struct page *p, struct conn *c) {
    struct conn **place = &p->asking[p->next];
    drop(*place);
    *place = c;
    p->next = (p->next + 1) % ASKING_MOST;
}

static void forget(struct page *p, const struct conn *c) {
    for (size_t i = 0; i < ASKING_MOST; i++)
        if (p->asking[i] == c) p->asking[i] = NULL;
}

struct asked {
    struct page *page;
    struct conn *conn;
    bool is_upgrade;
};

static void push_slice(lua_State *L, struct slice s) { lua_pushlstring(L, (const char *)s.p, s.n); }

static int l_ask(lua_State *L) {
    struct asked *a = l_door_given(L, l_ask);
    const struct conn_head *h = a->conn->head;
    size_t n;
    if (!box_push(L, a->page)) return 0;
    lua_getiuservalue(L, 1, PAGE_ASK);
    push_slice(L, h->parts.method);
    push_slice(L, h->parts.target);
    push_slice(L, buf_slice(&h->text));
    lua_pushboolean(L, a->is_upgrade);
    lua_call(L, 4, 1);
    const char *answer = lua_tolstring(L, -1, &n);
    buf_reset(&a->page->text, SIZE_MAX);
    if (answer && buf_append(&a->page->text, slice_of(answer, n)) < 0) luaL_error(L, "not enough memory");
    if (answer || !a->is_upgrade) return 0;
    lua_getiuservalue(L, 1, PAGE_TAKE);
    l_conn_push_accepted(L, a->conn); /* which has another sink from now on */
    forget(a->page, a->conn);
    lua_call(L, 1, 0);
    return 0;
}

static void ask(struct page *p, struct conn *c, bool is_upgrade) {
    struct asked a = {p, c, is_upgrade};
    buf_reset(&p->text, SIZE_MAX);
    if (!door_call(p->engine, l_ask, &a, NULL)) {
        conn_destroy(c);
    } else if (p->text.len) {
        p->answer = (struct conn_answer){.refusal = buf_slice(&p->text)};
        c->answer = &p->answer;
    }
}

static void on_requested(void *arg, struct conn *c) { ask(arg, c, true); }
static void on_asked(void *arg, struct conn *c) { ask(arg, c, false); }

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    (void)end;
    forget(arg, c);
}

static const struct conn_sink page_sink = {.requested = on_requested, .asked = on_asked, .closed = on_closed};

static void on_accepted(void *arg, struct conn *c) {
    struct page *p = arg;
    struct plan *plan = conn_plan(c);
    note(p, c);
    if (!plan) {
        conn_destroy(c);
        return;
    }
    plan->settings.handshake_timeout = HEADS_IN * CLOCK_SECOND;
    plan->settings.max_message_size = MESSAGE_MOST;
    plan->settings.max_send_buffer = ANSWERS_MOST;
    plan->offer.deflate.on = false; /* the way is short */
}

static int l_listen(lua_State *L) {
    struct fault fault = {0};
    char address[128];
    lua_Integer port = luaL_checkinteger(L, 1);
    luaL_argcheck(L, port >= 0 && port <= 65535, 1, "a port is 0 to 65535");
    struct page *p = l_box_new(L, &page_type);
    p->engine = engine_of(L);
    buf_init(&p->text, SIZE_MAX);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, PAGE_ASK);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, PAGE_TAKE);
    struct listener_options o = {
        .host = "127.0.0.1", .port = (uint16_t)port, .sink = &page_sink, .accepted = on_accepted, .arg = p};
    if (listener_open(&p->listener, p->engine->net, &o, &fault) < 0) return l_push_failure(L, fault.text, NULL);
    box_anchor(L, -1, p);
    listener_address(p->listener, address, sizeof address);
    lua_pushstring(L, address);
    return 1;
}

static int l_file(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const struct lualib_module *f = lualib_page;
    while (f->name && strcmp(f->name, name) != 0) f++;
    if (!f->name) return 0;
    lua_pushlstring(L, f->source, f->size);
    return 1;
}

int luaopen_inspect_core(lua_State *L) {
    static const luaL_Reg functions[] = {{"listen", l_listen}, {"file", l_file}, {NULL, NULL}};
    l_box_open(L, &page_type, NULL, NULL);
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}

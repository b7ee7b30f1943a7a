/* floor_lua: the least that a Lua bot can cost: libuv, frame heads, and one protected Lua call with a string for each
 * message; default allocator, default collector. OpenSSL over memory BIOs for TLS. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/ssl.h>
#include <uv.h>
#include <zlib.h>

#include "client.h"
#include "frames.h"

enum { ROOM = 256 * 1024, CORK = 64 * 1024 };

struct link {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    SSL *ssl;
    bool open;
};

static struct client client;
static enum { TO_RECEIVE, TO_DEFLATE, TO_ANSWER, TO_ECHO, TO_SEND, TO_CONNECT, TO_IDLE } mode;
static const char *const modes[] = {"receive", "deflate", "answer", "echo", "send", "connect", "idle"};
static uv_loop_t *loop;
static lua_State *L;
static SSL_CTX *tls;
static SSL_SESSION *session;
static struct link *current; /* whose bytes are in the buffers below: one at a time is talked to */
static uint8_t *in, sealed[ROOM];
static size_t at, have, room = ROOM; /* in[at..have) is not used yet; `in` has room for one byte more */
static uint8_t *out, *inflight;
static size_t out_n, out_room;
static uv_write_t writing;
static bool busy; /* libuv reads `inflight` */
static z_stream inflater;
static size_t opened, messages;
static double start, memory;

static const char script[] = "local mode, send, size, count = ...\n"
                             "local n, sent, opened, payload = 0, 0, 0, ('x'):rep(size)\n"
                             "local it = {}\n"
                             "function it.receive(s) n = n + 1 end\n"
                             "it.deflate = it.receive\n"
                             "function it.answer(s)\n" /* each field has its place */
                             "  send(s:sub(108, 115) .. ' ' .. s:sub(123, 129) .. ' ' .. s:sub(51, 63))\n"
                             "end\n"
                             "function it.echo(s) n = n + 1 if n < count then send(payload) end end\n"
                             "function it.send() while sent < count and send(payload) do sent = sent + 1 end end\n"
                             "return it[mode], function() opened = opened + 1 end, payload\n";
enum { ON_MESSAGE = 1, ON_OPEN, PAYLOAD }; /* where they lie on the Lua stack, for ever */

static void dial(void);

static void call(int function, const uint8_t *p, size_t n) {
    lua_pushvalue(L, function);
    lua_pushlstring(L, (const char *)p, n);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) client_die(lua_tostring(L, -1));
}

static void finish(size_t units) {
    client_result(client_cpu() - start, units);
    exit(0);
}

/* ---- out ---- */

static void on_written(uv_write_t *w, int status);

static void push_out(const uint8_t *p, size_t n) {
    ssize_t rc = busy ? 0 : uv_try_write((uv_stream_t *)&current->tcp, &(uv_buf_t){.base = (char *)p, .len = n}, 1);
    size_t done = rc > 0 ? (size_t)rc : 0;
    if (done == n) return;
    memcpy(inflight, p + done, n - done);
    busy = true;
    uv_write(&writing, (uv_stream_t *)&current->tcp, &(uv_buf_t){.base = (char *)inflight, .len = n - done}, 1,
             on_written);
}

static void flush_sealed(void) {
    char *p;
    long n = BIO_get_mem_data(SSL_get_wbio(current->ssl), &p);
    if (n > 0) push_out((uint8_t *)p, (size_t)n);
    (void)BIO_reset(SSL_get_wbio(current->ssl));
}

static void flush(void) {
    if (busy || out_n == 0) return;
    if (current->ssl) {
        SSL_write(current->ssl, out, (int)out_n);
        flush_sealed();
    } else {
        push_out(out, out_n);
    }
    out_n = 0;
}

static bool put(uint8_t opcode, const uint8_t *p, size_t n) {
    if (out_n >= CORK) flush();
    if (out_n + n + FRAMES_HEAD_MAX > out_room) return false;
    out_n += frames_put(out + out_n, opcode, p, n);
    return true;
}

static void on_written(uv_write_t *w, int status) {
    (void)w;
    if (status < 0) client_die("floor_lua: write");
    busy = false;
    if (mode == TO_SEND) call(ON_MESSAGE, NULL, 0);
    flush();
}

static int l_send(lua_State *l) {
    size_t n;
    const char *p = lua_tolstring(l, 1, &n);
    lua_pushboolean(l, put(client.text ? FRAMES_TEXT : FRAMES_BINARY, (const uint8_t *)p, n));
    return 1;
}

/* ---- in ---- */

static void say_close(void) { put(FRAMES_CLOSE, (const uint8_t *)"\x03\xE8", 2); }

static void on_open(struct link *l) {
    size_t n;
    l->open = true;
    call(ON_OPEN, NULL, 0);
    opened++;
    if (mode == TO_CONNECT) {
        say_close();
    } else if (mode == TO_IDLE) {
        if (opened == 1) memory = client_memory();
        if (opened <= client.count) {
            dial();
            return;
        }
        client_result(client_memory() - memory, client.count);
        exit(0);
    } else {
        start = client_cpu();
        if (mode == TO_SEND) call(ON_MESSAGE, NULL, 0);
        const char *payload = lua_tolstring(L, PAYLOAD, &n);
        if (mode == TO_ECHO) put(client.text ? FRAMES_TEXT : FRAMES_BINARY, (const uint8_t *)payload, n);
    }
}

static void on_message(const uint8_t *p, size_t n) {
    static uint8_t plain[ROOM];
    if (mode == TO_SEND) finish(client.count);
    if (mode == TO_DEFLATE) {
        inflater.next_in = (Bytef *)p;
        inflater.avail_in = (uInt)n;
        inflater.next_out = plain;
        inflater.avail_out = ROOM;
        inflate(&inflater, Z_SYNC_FLUSH);
        inflater.next_in = (Bytef *)"\0\0\xFF\xFF";
        inflater.avail_in = 4;
        inflate(&inflater, Z_SYNC_FLUSH);
        p = plain;
        n = ROOM - inflater.avail_out;
    }
    messages++;
    call(ON_MESSAGE, p, n);
}

static void on_frames(void) {
    for (;;) {
        uint64_t length = 0;
        size_t head = frames_head(in + at, have - at, &length);
        if (!head) break;
        if (have - at < head + length) {
            if (head + length > room) {
                room = head + (size_t)length;
                in = realloc(in, room + 1);
                if (!in) abort();
            }
            break;
        }
        if ((in[at] & 0xF) != FRAMES_CLOSE)
            on_message(in + at + head, (size_t)length);
        else if (mode != TO_CONNECT)
            finish(messages);
        at += head + (size_t)length;
        if (mode == TO_ECHO && messages == client.count) finish(client.count);
    }
}

/* What is in the buffer is used as far as it goes, and the rest moved to its front. */
static void on_bytes(struct link *l) {
    if (!l->open) {
        long head = frames_answer((char *)in + at, have - at);
        if (head < 0) client_die("floor_lua: refused");
        at += (size_t)head;
        if (head > 0) on_open(l);
    }
    if (l->open) on_frames();
    if (at == 0) return;
    memmove(in, in + at, have - at);
    have -= at;
    at = 0;
}

static void ask(struct link *l) {
    char request[1024];
    size_t n = frames_request(request, sizeof request, client.host, client.port, client.path, mode == TO_DEFLATE);
    at = have = 0;
    if (!l->ssl) {
        push_out((uint8_t *)request, n);
        return;
    }
    SSL_write(l->ssl, request, (int)n);
    flush_sealed();
}

static void on_sealed(struct link *l, size_t n) {
    BIO_write(SSL_get_rbio(l->ssl), sealed, (int)n);
    if (!SSL_is_init_finished(l->ssl)) {
        int rc = SSL_do_handshake(l->ssl);
        if (rc != 1 && SSL_get_error(l->ssl, rc) != SSL_ERROR_WANT_READ) client_die("floor_lua: TLS");
        flush_sealed();
        if (rc != 1) return;
        ask(l);
    }
    int rc;
    while ((rc = SSL_read(l->ssl, in + have, (int)(room - have))) > 0) {
        have += (size_t)rc;
        on_bytes(l);
    }
}

static void on_room(uv_handle_t *h, size_t suggested, uv_buf_t *buf) {
    struct link *l = (struct link *)h;
    (void)suggested;
    *buf = l->ssl ? uv_buf_init((char *)sealed, ROOM) : uv_buf_init((char *)in + have, (unsigned)(room - have));
}

static void on_link_closed(uv_handle_t *h) {
    SSL *ssl = ((struct link *)h)->ssl;
    if (ssl) SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else the session is thrown away */
    SSL_free(ssl);
    free(h);
    if (opened == 1) start = client_cpu();
    if (opened > client.count) finish(client.count);
    dial();
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
    struct link *l = (struct link *)s;
    (void)buf;
    current = l;
    if (n == 0) return;
    if (n < 0) {
        if (mode != TO_CONNECT) client_die("floor_lua: lost");
        uv_close((uv_handle_t *)s, on_link_closed);
        return;
    }
    if (l->ssl) {
        on_sealed(l, (size_t)n);
    } else {
        have += (size_t)n;
        on_bytes(l);
    }
    if (current == l) flush();
}

/* ---- opening ---- */

static void on_connected(uv_connect_t *r, int status) {
    struct link *l = (struct link *)r->handle;
    if (status < 0) client_die("floor_lua: connect");
    current = l;
    uv_tcp_nodelay(&l->tcp, 1);
    uv_read_start((uv_stream_t *)&l->tcp, on_room, on_read);
    if (!l->ssl) {
        ask(l);
        return;
    }
    SSL_do_handshake(l->ssl);
    flush_sealed();
}

static void dial(void) {
    struct sockaddr_in a;
    struct link *l = calloc(1, sizeof *l);
    if (!l) abort();
    if (client.secure) {
        l->ssl = SSL_new(tls);
        SSL_set_bio(l->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(l->ssl);
        SSL_set1_host(l->ssl, client.host);
        if (session) SSL_set_session(l->ssl, session);
    }
    uv_ip4_addr(client.host, client.port, &a);
    uv_tcp_init(loop, &l->tcp);
    uv_tcp_connect(&l->connecting, &l->tcp, (struct sockaddr *)&a, on_connected);
}

static int on_session(SSL *ssl, SSL_SESSION *s) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = s;
    return 1;
}

static void tls_open(void) {
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, on_session);
    if (SSL_CTX_load_verify_locations(tls, client.ca_file, NULL) != 1) client_die("floor_lua: CA file");
}

int main(int argc, char **argv) {
    client = client_read(argc, argv);
    loop = uv_default_loop();
    L = luaL_newstate();
    luaL_openlibs(L);
    if (client_is(&client, "start")) return luaL_dostring(L, "print 'up'");
    while (strcmp(client.mode, modes[mode]) != 0)
        if (++mode > TO_IDLE) return CLIENT_CANNOT;
    if (client.secure) tls_open();
    inflateInit2(&inflater, -15);
    out_room = (mode == TO_ANSWER ? 64 : 1) * CORK + client.size + FRAMES_HEAD_MAX; /* no answer is left out */
    in = malloc(room + 1);
    out = malloc(out_room);
    inflight = malloc(2 * out_room + ROOM);
    if (!in || !out || !inflight || luaL_loadstring(L, script) != LUA_OK) abort();
    lua_pushstring(L, client.mode);
    lua_pushcfunction(L, l_send);
    lua_pushinteger(L, (lua_Integer)client.size);
    lua_pushinteger(L, (lua_Integer)client.count);
    lua_call(L, 4, 3);
    dial();
    uv_run(loop, UV_RUN_DEFAULT);
    return 1;
}

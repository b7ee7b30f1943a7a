/* console: libuv's streams on descriptors of our own; files are read and written directly, since they never make the
 * loop wait. */
#include "app/console.h"

#include "base/reserve.h"
#include "net/conn/record.h"
#include "script/box.h"
#include "script/door.h"
#include "script/engine.h"
#include "script/l_push.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define CONSOLE_TYPE "wsbot.console"
#define TRACER       "wsbot.console trace" /* registry: the function of trace() */

enum {
    READ_SIZE = 64 * 1024,   /* bytes that read() gives at most */
    QUEUE_MOST = 256 * 1024, /* bytes that wait to be written, past which write() waits */
};

/* One end: a stream of libuv, or a file. */
struct port {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tty_t tty;
        uv_pipe_t pipe;
    };
    enum { PORT_NONE, PORT_FILE, PORT_STREAM } kind;
    bool is_terminal;
    int fd; /* the descriptor that the program was started with */
};

struct console {
    struct engine *engine;
    struct port in, out;
    uv_poll_t hangup;
    bool has_hangup;
    uv_signal_t resize;
    bool has_resize, was_resized; /* and resized() has not said so yet */
    unsigned open;                /* handles that are not closed yet */
    struct waiters readers, writers, watchers, resizers;
    char *chunk; /* bytes that were read, until read() takes them */
    size_t chunk_size;
    bool ended;    /* the end of the input was read */
    int failure;   /* of the output, a libuv error; 0: none */
    locale_t utf8; /* whose wcwidth knows UTF-8 */
};

struct writing {
    uv_write_t request;
    struct console *console;
    char text[];
};

static struct console *check(lua_State *L) { return *(struct console **)lua_touserdata(L, lua_upvalueindex(1)); }

/* ---- opening and closing ---- */

/* A new descriptor for the same pipe, with flags of its own: other programs may have the pipe, and not expect
 * O_NONBLOCK. Where that cannot be opened, a duplicate, which shares them. */
static int own_descriptor(int fd, int mode) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return own >= 0 ? own : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int open_pipe(uv_pipe_t *pipe, int fd, int mode) {
    int own = own_descriptor(fd, mode);
    if (own < 0) return uv_translate_sys_error(errno);
    int rc = uv_pipe_open(pipe, own);
    if (rc != 0) close(own);
    return rc;
}

/* libuv opens a terminal anew in the place of the descriptor, for itself alone; so it gets a duplicate, and programs
 * that are started have the one that we were started with. 0 or a libuv error. */
static int open_terminal(uv_loop_t *loop, uv_tty_t *tty, int fd) {
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0) return uv_translate_sys_error(errno);
    int rc = uv_tty_init(loop, tty, own, 0);
    if (rc != 0) close(own);
    return rc;
}

/* 0 or a libuv error. */
static int open_port(struct console *c, struct port *p, int fd, int mode) {
    uv_loop_t *loop = c->engine->net->loop;
    int rc;
    p->fd = fd;
    switch (uv_guess_handle(fd)) {
    case UV_TTY:
        if ((rc = open_terminal(loop, &p->tty, fd)) != 0) return rc;
        p->is_terminal = true;
        break;
    case UV_NAMED_PIPE:
    case UV_TCP: uv_pipe_init(loop, &p->pipe, 0); break; /* cannot fail */
    case UV_FILE: p->kind = PORT_FILE; return 0;
    default: return UV_EINVAL;
    }
    p->kind = PORT_STREAM; /* from here on the handle is to be closed */
    p->handle.data = c;
    c->open++;
    return p->is_terminal ? 0 : open_pipe(&p->pipe, fd, mode);
}

static void on_closed(uv_handle_t *handle) {
    struct console *c = handle->data;
    if (--c->open > 0) return;
    if (c->utf8) freelocale(c->utf8);
    free(c->chunk);
    free(c);
}

static int l_gc(lua_State *L) {
    struct console **at = luaL_checkudata(L, 1, CONSOLE_TYPE), *c = *at;
    if (!c) return 0;
    *at = NULL;
    uv_tty_reset_mode();
    record_unlisten(c->engine->net, c->engine);
    c->open++; /* the last handle that closes frees it */
    if (c->in.kind == PORT_STREAM) uv_close(&c->in.handle, on_closed);
    if (c->out.kind == PORT_STREAM) uv_close(&c->out.handle, on_closed);
    if (c->has_hangup) uv_close((uv_handle_t *)&c->hangup, on_closed);
    if (c->has_resize) uv_close((uv_handle_t *)&c->resize, on_closed);
    on_closed(&(uv_handle_t){.data = c});
    return 0;
}

static void restore_terminal(void) { uv_tty_reset_mode(); }

/* ---- input ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct console *c = handle->data;
    (void)suggested;
    if (!c->chunk) c->chunk = malloc(READ_SIZE);
    *buf = uv_buf_init(c->chunk, c->chunk ? READ_SIZE : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    struct console *c = stream->data;
    (void)buf;
    if (n == 0) return;
    uv_read_stop(stream);
    if (n > 0) c->chunk_size = (size_t)n;
    if (n < 0) c->ended = true;
    task_wake_all(&c->readers);
}

static int l_did_read(lua_State *L, int status, lua_KContext ctx) {
    struct console *c = (struct console *)ctx;
    (void)status;
    if (c->chunk_size == 0) return 0;
    lua_pushlstring(L, c->chunk, c->chunk_size);
    c->chunk_size = 0;
    return 1;
}

static void read_file(struct console *c) {
    ssize_t n;
    if (!c->chunk) c->chunk = reserve_take(READ_SIZE);
    do n = read(c->in.fd, c->chunk, READ_SIZE);
    while (n < 0 && errno == EINTR);
    if (n > 0) c->chunk_size = (size_t)n;
    if (n <= 0) c->ended = true;
}

static int l_read(lua_State *L) {
    struct console *c = check(L);
    if (c->in.kind == PORT_FILE && !c->ended) read_file(c);
    if (c->in.kind != PORT_STREAM || c->ended || c->chunk_size || uv_read_start(&c->in.stream, on_room, on_read) != 0)
        return l_did_read(L, LUA_OK, (lua_KContext)c);
    return l_task_wait(L, "console.read", &c->readers, UINT64_MAX, (lua_KContext)c, l_did_read);
}

/* ---- output ---- */

static void fail(struct console *c, int failure) {
    if (!c->failure) c->failure = failure;
    task_wake_all(&c->writers);
    if (c->failure == UV_EPIPE) task_wake_all(&c->watchers);
}

static size_t queued(const struct console *c) {
    return c->out.kind == PORT_STREAM && !c->failure ? uv_stream_get_write_queue_size(&c->out.stream) : 0;
}

static void on_written(uv_write_t *request, int status) {
    struct writing *w = request->data;
    struct console *c = w->console;
    free(w);
    if (status == UV_ECANCELED) return; /* it is being closed */
    if (status < 0) fail(c, status);
    if (queued(c) <= QUEUE_MOST / 2) task_wake_all(&c->writers);
}

static void write_file(struct console *c, const char *text, size_t n) {
    while (n > 0) {
        ssize_t done = write(c->out.fd, text, n);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) {
            fail(c, -errno);
            return;
        }
        text += done;
        n -= (size_t)done;
    }
}

static void write_stream(struct console *c, const char *text, size_t n) {
    struct writing *w = malloc(sizeof *w + n);
    if (!w) {
        fail(c, UV_ENOMEM);
        return;
    }
    w->request.data = w;
    w->console = c;
    memcpy(w->text, text, n);
    uv_buf_t b = uv_buf_init(w->text, (unsigned)n);
    int rc = uv_write(&w->request, &c->out.stream, &b, 1, on_written);
    if (rc == 0) return;
    free(w);
    fail(c, rc);
}

static int l_put(lua_State *L) {
    struct console *c = check(L);
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    if (n == 0 || c->failure) return 0;
    if (c->out.kind == PORT_FILE) write_file(c, text, n);
    if (c->out.kind == PORT_STREAM) write_stream(c, text, n);
    return 0;
}

static int l_did_write(lua_State *L, int status, lua_KContext most) {
    struct console *c = check(L);
    (void)status;
    if (c->failure) return l_push_failure(L, uv_err_name(c->failure), uv_strerror(c->failure));
    if (queued(c) > (size_t)most) return l_task_wait(L, "console.write", &c->writers, UINT64_MAX, most, l_did_write);
    return l_push_true(L);
}

static int l_write(lua_State *L) {
    l_put(L);
    return l_did_write(L, LUA_OK, QUEUE_MOST);
}

static int l_flush(lua_State *L) { return l_did_write(L, LUA_OK, 0); }

/* ---- when nobody reads the output any more ---- */

static void on_hangup(uv_poll_t *poll, int status, int events) {
    struct console *c = poll->data;
    (void)status; /* UV_EBADF is what libuv makes of EPOLLERR */
    (void)events;
    uv_poll_stop(poll);
    fail(c, UV_EPIPE);
}

/* A pipe reports that its reader has gone, where a descriptor of its own is polled for that. (On a socket the same
 * event may only mean that the other side will not write any more.) */
static void watch_pipe(struct console *c) {
    uv_os_fd_t fd;
    struct stat s;
    if (fstat(c->out.fd, &s) != 0 || !S_ISFIFO(s.st_mode)) return;
    if (uv_fileno(&c->out.handle, &fd) != 0 || (fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) return;
    if (uv_poll_init(c->engine->net->loop, &c->hangup, fd) != 0) {
        close(fd);
        return;
    }
    c->has_hangup = true;
    c->open++;
    c->hangup.data = c;
    uv_poll_start(&c->hangup, UV_DISCONNECT, on_hangup);
    uv_unref((uv_handle_t *)&c->hangup);
}

static int l_hangup(lua_State *L) {
    struct console *c = check(L);
    if (c->failure == UV_EPIPE) return 0;
    return l_task_wait(L, "console.hangup", &c->watchers, UINT64_MAX, 0, l_push_nothing);
}

/* ---- the terminal ---- */

static int l_size(lua_State *L) {
    struct console *c = check(L);
    int columns = 0, rows = 0;
    if (c->out.is_terminal) uv_tty_get_winsize(&c->out.tty, &columns, &rows);
    lua_pushinteger(L, columns > 0 ? columns : 80);
    lua_pushinteger(L, rows > 0 ? rows : 24);
    return 2;
}

static void on_resize(uv_signal_t *signal, int number) {
    struct console *c = signal->data;
    (void)number;
    c->was_resized = true;
    task_wake_all(&c->resizers);
}

static void watch_size(struct console *c) {
    if (uv_signal_init(c->engine->net->loop, &c->resize) != 0) return;
    c->has_resize = true;
    c->open++;
    c->resize.data = c;
    uv_signal_start(&c->resize, on_resize, SIGWINCH);
    uv_unref((uv_handle_t *)&c->resize);
}

static int l_was_resized(lua_State *L, int status, lua_KContext ctx) {
    struct console *c = (struct console *)ctx;
    (void)L;
    (void)status;
    c->was_resized = false;
    return 0;
}

static int l_resized(lua_State *L) {
    struct console *c = check(L);
    if (c->was_resized) return l_was_resized(L, LUA_OK, (lua_KContext)c);
    return l_task_wait(L, "console.resized", &c->resizers, UINT64_MAX, (lua_KContext)c, l_was_resized);
}

static void set_raw(struct console *c, bool on) {
    if (c->in.is_terminal) uv_tty_set_mode(&c->in.tty, on ? UV_TTY_MODE_RAW : UV_TTY_MODE_NORMAL);
}

static int l_raw(lua_State *L) {
    set_raw(check(L), lua_toboolean(L, 1));
    return 0;
}

static int l_suspend(lua_State *L) {
    struct console *c = check(L);
    set_raw(c, false);
    kill(0, SIGTSTP); /* to all processes of the pipeline, as the terminal does it */
    set_raw(c, true);
    return 0;
}

static int l_width(lua_State *L) {
    struct console *c = check(L);
    wchar_t code = (wchar_t)luaL_checkinteger(L, 1);
    if (!c->utf8) c->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = c->utf8 ? uselocale(c->utf8) : (locale_t)0;
    lua_pushinteger(L, c->utf8 ? wcwidth(code) : 1);
    if (c->utf8) uselocale(before);
    return 1;
}

/* ---- what passes on connections ---- */

static int l_tell(lua_State *L) {
    const struct slice *lines = l_door_given(L, l_tell);
    lua_getfield(L, LUA_REGISTRYINDEX, TRACER);
    lua_pushlstring(L, (const char *)lines->p, lines->n);
    lua_call(L, 1, 0);
    return 0;
}

static void on_lines(void *arg, struct slice lines) { door_call(arg, l_tell, &lines, NULL); }

static int l_trace(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, TRACER);
    struct record_listener listener = {.told = on_lines, .arg = engine_of(L), .most = SIZE_MAX};
    record_listen(engine_of(L)->net, &listener);
    return 0;
}

/* ---- the module ---- */

int luaopen_console(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"read", l_read},       {"write", l_write}, {"put", l_put},         {"flush", l_flush},
        {"hangup", l_hangup},   {"size", l_size},   {"resized", l_resized}, {"raw", l_raw},
        {"suspend", l_suspend}, {"width", l_width}, {"trace", l_trace},     {NULL, NULL},
    };
    static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
    luaL_newlibtable(L, functions);
    struct console **at = lua_newuserdatauv(L, sizeof(struct console *), 0), *c;
    *at = NULL;
    l_box_type(L, CONSOLE_TYPE, meta, NULL);
    lua_setmetatable(L, -2);
    if (!(c = *at = calloc(1, sizeof *c))) return luaL_error(L, "not enough memory");
    luaL_setfuncs(L, functions, 1);
    c->engine = engine_of(L);
    int in = open_port(c, &c->in, STDIN_FILENO, O_RDONLY), out = open_port(c, &c->out, STDOUT_FILENO, O_WRONLY);
    if (in < 0 && in != UV_EINVAL) return luaL_error(L, "cannot use standard input: %s", uv_strerror(in));
    if (out < 0) return luaL_error(L, "cannot use standard output: %s", uv_strerror(out));
    if (c->out.kind == PORT_STREAM) watch_pipe(c);
    if (c->in.is_terminal) atexit(restore_terminal);
    if (c->out.is_terminal) watch_size(c);
    l_set_flag(L, "input_is_terminal", c->in.is_terminal);
    l_set_flag(L, "output_is_terminal", c->out.is_terminal);
    l_set_flag(L, "error_is_terminal", isatty(STDERR_FILENO));
    return 1;
}

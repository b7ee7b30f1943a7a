/* stream: the one place that reads, writes and closes sockets. */
#include "net/stream.h"

#include "base/descriptor.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

int stream_new(struct stream **out, struct net *net, bool unix_path) {
    struct stream *s = calloc(1, unix_path ? sizeof *s : offsetof(struct stream, uv) + sizeof s->uv.tcp);
    if (!s) return UV_ENOMEM;
    s->net = net;
    s->unix_path = unix_path;
    int rc = unix_path ? uv_pipe_init(net->loop, &s->uv.pipe, 0) : uv_tcp_init(net->loop, &s->uv.tcp);
    if (rc != 0) {
        free(s);
        return rc;
    }
    s->uv.handle.data = s;
    if (net->beside) uv_unref(&s->uv.handle);
    *out = s;
    return 0;
}

void stream_own(struct stream *s, const struct stream_events *events, void *owner) {
    s->events = events;
    s->owner = owner;
}

/* Requests of libuv are large and rarely under way: each is allocated for that time alone. NULL: there is none. */
static void *new_request(struct stream *s, size_t size) {
    uv_req_t *req = calloc(1, size);
    if (req) req->data = s;
    return req;
}

static void on_connected(uv_connect_t *req, int status) {
    struct stream *s = req->data;
    free(req);
    if (s->owner) s->events->connected(s->owner, s, status);
}

int stream_connect(struct stream *s, const struct sockaddr *to, const struct sockaddr *local) {
    int rc = local ? uv_tcp_bind(&s->uv.tcp, local, 0) : 0;
    if (rc < 0) return rc;
    uv_connect_t *req = new_request(s, sizeof *req);
    if (!req) return UV_ENOMEM;
    rc = uv_tcp_connect(req, &s->uv.tcp, to, on_connected);
    if (rc < 0) {
        free(req);
        return rc;
    }
    stream_read(s, true); /* from the start: later, libuv would have to tell epoll a second time */
    return 0;
}

int stream_connect_path(struct stream *s, const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof to.sun_path) return UV_ENAMETOOLONG;
    memcpy(to.sun_path, path, n);
    bool is_abstract = path[0] == '@';
    if (is_abstract) to.sun_path[0] = '\0'; /* unix(7): its name ends where the address does */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + !is_abstract);
    int fd = descriptor_socket(AF_UNIX, SOCK_STREAM);
    int rc = fd < 0 || connect(fd, (struct sockaddr *)&to, size) != 0 ? uv_translate_sys_error(errno)
                                                                      : uv_pipe_open(&s->uv.pipe, fd);
    if (rc < 0 && fd >= 0) close(fd);
    return rc;
}

int stream_accept(struct stream *s, uv_stream_t *listening) { return uv_accept(listening, &s->uv.stream); }

#ifdef SO_PEERCRED
static bool peer_user(uv_os_fd_t fd, uid_t *user) {
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0) return false;
    *user = peer.uid;
    return true;
}
#else
static bool peer_user(uv_os_fd_t fd, uid_t *user) {
    gid_t group;
    return getpeereid(fd, user, &group) == 0;
}
#endif

bool stream_is_trusted(const struct stream *s) {
    uv_os_fd_t fd;
    uid_t user;
    if (!s->unix_path || uv_fileno(&s->uv.handle, &fd) != 0 || !peer_user(fd, &user)) return false;
    return user == geteuid() || user == 0;
}

/* Not by functions of libuv, which set other options as well, each by a system call. */
static void set_option(uv_os_fd_t fd, int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof value);
}

void stream_hasten(struct stream *s) {
    uv_os_fd_t fd;
    if (!s->unix_path && uv_fileno(&s->uv.handle, &fd) == 0) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

void stream_probe(struct stream *s) {
    uv_os_fd_t fd;
    if (s->unix_path || uv_fileno(&s->uv.handle, &fd) != 0) return;
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
#ifdef TCP_KEEPIDLE
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, STREAM_DEAD_AFTER / 2);
#endif
#ifdef TCP_KEEPINTVL
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, STREAM_DEAD_AFTER / 6);
#endif
#ifdef TCP_USER_TIMEOUT /* limits the probes, too: their number has no effect then */
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, STREAM_DEAD_AFTER * 1000);
#elif defined TCP_KEEPCNT
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
#endif
}

int stream_why_ended(const struct stream *s) {
    uv_os_fd_t fd;
    int error = 0;
    socklen_t size = sizeof error;
    int otherwise = s->write_error ? s->write_error : UV_EOF;
    if (uv_fileno(&s->uv.handle, &fd) != 0) return otherwise;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0) return otherwise;
    return uv_translate_sys_error(error);
}

static void end_reading(struct stream *s, int error) {
    stream_read(s, false);
    s->events->ended(s->owner, error);
}

static void tell_received(struct stream *s, uint8_t *data, size_t n) {
    if (!s->owner || n == 0) return;
    s->received += n;
    if (s->layer)
        s->layer->received(s, data, n);
    else
        s->events->received(s->owner, data, n);
}

/* Reads once, `most` bytes at most: to the owner's place, and by the same call a few bytes behind that. Returns how
 * many; 0: no more is to be read in this turn. */
static size_t read_once(struct stream *s, uv_os_fd_t fd, size_t most) {
    uint8_t *shared = s->net->read_buffer, *at = shared;
    size_t n = s->read_most ? s->read_most : NET_READ_SIZE;
    if (s->events->place && !s->layer && !s->read_most) s->events->place(s->owner, &at, &n);
    if (n > most) n = most;
    struct iovec parts[] = {{at, n}, {shared, STREAM_BEHIND}};
    size_t all = at == shared ? n : n + STREAM_BEHIND;
    ssize_t got = readv(fd, parts, at == shared ? 1 : 2);
    if (got < 0 && errno != EAGAIN && errno != EINTR) end_reading(s, uv_translate_sys_error(errno));
    if (got == 0) end_reading(s, UV_EOF);
    if (got <= 0) return 0;
    size_t here = (size_t)got < n ? (size_t)got : n;
    tell_received(s, at, here);
    tell_received(s, shared, (size_t)got - here);
    bool full = (size_t)got == all && !s->read_most, more = full || s->end_is_near;
    s->end_is_near = false;
    return more ? (size_t)got : 0;
}

/* We read ourselves: libuv cannot read into two places by one call, and would read for ever while the peer is fast, so
 * that others and the clock would wait. libuv says when the socket is readable; an empty buffer has it leave the
 * reading to us. */
static void give_no_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(NULL, 0);
}

static void on_readable(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    struct stream *s = stream->data;
    uv_os_fd_t fd;
    (void)b;
    if (!s->owner || (n == UV_ENOBUFS && net_turn_is_over(s->net))) return; /* libuv calls again in the next turn */
    if (n != UV_ENOBUFS || uv_fileno(&s->uv.handle, &fd) != 0) {
        if (n < 0) end_reading(s, (int)n);
        return;
    }
    size_t left = NET_READ_SIZE, got;
    do {
        got = read_once(s, fd, left);
        left -= got < left ? got : left;
    } while (got && left && s->owner && s->reading);
}

void stream_read_at_most(struct stream *s, uint32_t n) {
    enum { SEGMENT = 64 * 1024 }; /* bytes of a segment of loopback: with less room the sender waits for its timers */
    int kept = n < SEGMENT ? SEGMENT : n < INT32_MAX ? (int)n : INT32_MAX;
    s->read_most = n < NET_READ_SIZE ? n : NET_READ_SIZE;
    uv_recv_buffer_size(&s->uv.handle, &kept);
}

void stream_read(struct stream *s, bool on) {
    if (on == s->reading || uv_is_closing(&s->uv.handle)) return;
    s->reading = on;
    if (on) {
        uv_read_start(&s->uv.stream, give_no_buffer, on_readable);
    } else {
        uv_read_stop(&s->uv.stream);
    }
}

bool stream_has_unread(const struct stream *s) {
    uv_os_fd_t fd;
    int n = 0;
    return uv_fileno(&s->uv.handle, &fd) == 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

static void end_rest(struct stream *s) {
    if (s->net->beside) s->net->beside->beside_writes--;
    net_give_buffer(s->net, &s->rest->bytes);
    buf_clear(&s->rest->bytes);
    free(s->rest);
    s->rest = NULL;
}

/* Shuts the connection down, for the peer as well, after a write that failed: reading then meets the end, behind the
 * peer's last bytes, and stream_why_ended has the error. Where the peer is gone, the error of reading says more. */
static int break_off(struct stream *s, int error) {
    uv_os_fd_t fd;
    if (error != UV_EPIPE && error != UV_ECONNRESET) s->write_error = error;
    if (uv_fileno(&s->uv.handle, &fd) == 0) shutdown(fd, SHUT_RDWR);
    return error;
}

static void on_written(uv_write_t *req, int status) {
    struct stream *s = req->data;
    end_rest(s);
    if (status < 0 && status != UV_ECANCELED) break_off(s, status);
    if (s->layer && s->owner && status == 0) s->layer->flush(s);
    if (s->owner) s->events->written(s->owner, status);
}

int stream_write(struct stream *s, struct buf *b) { return s->layer ? s->layer->write(s, b) : stream_put(s, b); }

int stream_put(struct stream *s, struct buf *b) {
    s->sent += b->len;
    while (b->len) {
        struct slice all = buf_slice(b);
        uv_buf_t part = uv_buf_init((char *)all.p, all.n < INT32_MAX ? (unsigned)all.n : INT32_MAX);
        int n = uv_try_write(&s->uv.stream, &part, 1);
        if (n == UV_EAGAIN) break;
        if (n < 0) return break_off(s, n);
        buf_consume(b, (size_t)n);
        if ((size_t)n < part.len) break;
    }
    if (b->len == 0) return 0;
    if (!(s->rest = new_request(s, sizeof *s->rest))) return break_off(s, UV_ENOMEM);
    if (s->net->beside) s->net->beside->beside_writes++;
    buf_init(&s->rest->bytes, SIZE_MAX);
    buf_swap(b, &s->rest->bytes);
    struct slice rest = buf_slice(&s->rest->bytes);
    uv_buf_t part = {.base = (char *)rest.p, .len = rest.n}; /* uv_buf_init takes less than 4 GB */
    int rc = uv_write(&s->rest->request, &s->uv.stream, &part, 1, on_written);
    if (rc == 0) return 0;
    end_rest(s);
    return break_off(s, rc);
}

static void on_shut(uv_shutdown_t *req, int status) {
    (void)status;
    free(req);
}

void stream_shutdown(struct stream *s) {
    uv_shutdown_t *req = new_request(s, sizeof *req);
    if (!req || uv_shutdown(req, &s->uv.stream, on_shut) < 0) free(req); /* the end comes when it is closed */
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

void stream_close(struct stream *s) {
    err_must(!uv_is_closing(&s->uv.handle));
    s->owner = NULL;
    if (s->layer) s->layer->end(s);
    uv_close(&s->uv.handle, on_closed);
}

void stream_reset(struct stream *s) {
    if (s->layer) s->layer->end(s);
    if (s->unix_path || uv_tcp_close_reset(&s->uv.tcp, on_closed) != 0)
        stream_close(s);
    else
        s->owner = NULL;
}

union address stream_local_address(const struct stream *s) {
    return s->unix_path ? (union address){0} : address_bound(&s->uv.tcp);
}

union address stream_remote_address(const struct stream *s) {
    return s->unix_path ? (union address){.any.sa_family = AF_UNIX} : address_of_peer(&s->uv.tcp);
}

/* stream: the one place that reads, writes and closes sockets. */
#include "net/stream.h"

#include "net/stream_tls.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct stream *stream_new(struct net *net, bool unix_path) {
    struct stream *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->net = net;
    s->unix_path = unix_path;
    buf_init(&s->inflight, SIZE_MAX);
    int rc = unix_path ? uv_pipe_init(net->loop, &s->uv.pipe, 0) : uv_tcp_init(net->loop, &s->uv.tcp);
    if (rc != 0) {
        free(s);
        return NULL;
    }
    s->uv.handle.data = s;
    return s;
}

void stream_own(struct stream *s, const struct stream_events *events, void *owner) {
    s->events = events;
    s->owner = owner;
}

/* Requests of libuv are large and rarely under way: each has its own memory while it is. */
static void *new_request(struct stream *s, size_t size) {
    uv_req_t *req = calloc(1, size);
    if (!req) abort();
    req->data = s;
    return s->request = req;
}

static void end_request(struct stream *s) {
    free(s->request);
    s->request = NULL;
}

static void on_connected(uv_connect_t *req, int status) {
    struct stream *s = req->data;
    end_request(s);
    if (s->owner) s->events->connected(s->owner, s, status);
}

int stream_connect(struct stream *s, const struct sockaddr *to, const struct sockaddr *local) {
    int rc = local ? uv_tcp_bind(&s->uv.tcp, local, 0) : 0;
    if (rc == 0) rc = uv_tcp_connect(new_request(s, sizeof(uv_connect_t)), &s->uv.tcp, to, on_connected);
    if (rc < 0) end_request(s);
    return rc;
}

void stream_connect_path(struct stream *s, const char *path) {
    uv_pipe_connect(new_request(s, sizeof(uv_connect_t)), &s->uv.pipe, path, on_connected);
}

int stream_accept(struct stream *s, uv_stream_t *listening) { return uv_accept(listening, &s->uv.stream); }

void stream_tune(struct stream *s) {
    if (s->unix_path) return;
    uv_tcp_nodelay(&s->uv.tcp, 1);
    uv_tcp_keepalive(&s->uv.tcp, 1, STREAM_DEAD_AFTER / 2);
#ifdef TCP_KEEPINTVL
    uv_os_fd_t fd;
    if (uv_fileno(&s->uv.handle, &fd) != 0) return;
    int interval = STREAM_DEAD_AFTER / 6, count = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
#ifdef TCP_USER_TIMEOUT
    unsigned silence = STREAM_DEAD_AFTER * 1000;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence, sizeof silence);
#endif
#endif
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)suggested;
    struct stream *s = handle->data;
    *out = uv_buf_init((char *)s->net->read_buffer, s->read_most ? s->read_most : NET_READ_SIZE);
}

/* libuv calls it an end when the connection was reset behind the last bytes; the system knows better. */
static int why_ended(const struct stream *s, int n) {
    uv_os_fd_t fd;
    int error = 0;
    socklen_t size = sizeof error;
    if (n != UV_EOF || uv_fileno(&s->uv.handle, &fd) != 0) return n;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == 0) return n;
    return uv_translate_sys_error(error);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b) {
    struct stream *s = stream->data;
    if (!s->owner) return;
    if (n > 0) {
        s->received += (uint64_t)n;
        if (s->tls)
            stream_tls_received(s, (uint8_t *)b->base, (size_t)n);
        else
            s->events->received(s->owner, (uint8_t *)b->base, (size_t)n);
    } else if (n < 0) {
        stream_read(s, false);
        s->events->ended(s->owner, why_ended(s, (int)n));
    }
}

void stream_read_at_most(struct stream *s, uint32_t n) {
    enum { SEGMENT = 64 * 1024 }; /* of loopback: with less room than that the sender waits for its timers */
    int kept = n < SEGMENT ? SEGMENT : n < INT32_MAX ? (int)n : INT32_MAX;
    s->read_most = n < NET_READ_SIZE ? n : NET_READ_SIZE;
    uv_recv_buffer_size(&s->uv.handle, &kept);
}

void stream_read(struct stream *s, bool on) {
    if (on == s->reading || uv_is_closing(&s->uv.handle)) return;
    s->reading = on;
    if (on) {
        uv_read_start(&s->uv.stream, give_buffer, on_read);
    } else {
        uv_read_stop(&s->uv.stream);
    }
}

static void on_written(uv_write_t *req, int status) {
    struct stream *s = req->data;
    end_request(s);
    net_give_buffer(s->net, &s->inflight);
    if (s->tls && s->owner && status == 0) stream_tls_flush(s);
    if (s->owner) s->events->written(s->owner, status);
}

int stream_write(struct stream *s, struct buf *b) { return s->tls ? stream_tls_write(s, b) : stream_put(s, b); }

int stream_put(struct stream *s, struct buf *b) {
    s->sent += b->len;
    while (b->len) {
        struct slice all = buf_slice(b);
        uv_buf_t part = uv_buf_init((char *)all.p, all.n < INT32_MAX ? (unsigned)all.n : INT32_MAX);
        int n = uv_try_write(&s->uv.stream, &part, 1);
        if (n == UV_EAGAIN) break;
        if (n < 0) return n;
        buf_consume(b, (size_t)n);
        if ((size_t)n < part.len) break;
    }
    if (b->len == 0) return 0;
    buf_swap(b, &s->inflight);
    struct slice rest = buf_slice(&s->inflight);
    uv_buf_t part = uv_buf_init((char *)rest.p, rest.n < UINT32_MAX ? (unsigned)rest.n : UINT32_MAX);
    int rc = uv_write(new_request(s, sizeof(uv_write_t)), &s->uv.stream, &part, 1, on_written);
    if (rc < 0) end_request(s);
    return rc;
}

static void on_shut(uv_shutdown_t *req, int status) {
    (void)status;
    free(req);
}

void stream_shutdown(struct stream *s) {
    uv_shutdown_t *req = calloc(1, sizeof *req);
    if (!req) abort();
    if (uv_shutdown(req, &s->uv.stream, on_shut) < 0) free(req);
}

static void on_closed(uv_handle_t *handle) {
    struct stream *s = handle->data;
    buf_clear(&s->inflight);
    free(s);
}

void stream_close(struct stream *s) {
    s->owner = NULL;
    if (s->tls) stream_tls_end(s);
    uv_close(&s->uv.handle, on_closed);
}

void stream_reset(struct stream *s) {
    if (s->tls) stream_tls_end(s);
    if (s->unix_path || uv_tcp_close_reset(&s->uv.tcp, on_closed) != 0)
        stream_close(s);
    else
        s->owner = NULL;
}

void stream_address_text(const struct sockaddr *address, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN + 1] = "";
    if (size) text[0] = '\0';
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        uv_ip4_name(in, host, sizeof host);
        snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)address;
        uv_ip6_name(in, host, sizeof host);
        snprintf(text, size, "[%s]:%u", host, ntohs(in->sin6_port));
    }
}

static void address_of(const struct stream *s, bool remote, char *text, size_t size) {
    if (size) text[0] = '\0';
    if (s->unix_path) {
        size_t n = size;
        if ((remote ? uv_pipe_getpeername(&s->uv.pipe, text, &n) : uv_pipe_getsockname(&s->uv.pipe, text, &n)) != 0)
            n = 0;
        if (n < size) text[n] = '\0';
        return;
    }
    struct sockaddr_storage address;
    int n = sizeof address;
    int rc = remote ? uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&address, &n)
                    : uv_tcp_getsockname(&s->uv.tcp, (struct sockaddr *)&address, &n);
    if (rc == 0) stream_address_text((struct sockaddr *)&address, text, size);
}

void stream_remote_address(const struct stream *s, char *text, size_t size) { address_of(s, true, text, size); }
void stream_local_address(const struct stream *s, char *text, size_t size) { address_of(s, false, text, size); }

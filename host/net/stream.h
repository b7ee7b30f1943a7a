/* stream: one socket, TCP or of the file system, as bytes in and bytes out. It closes in its own time and frees itself
 * after: once stream_close is called its owner hears nothing more. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "net/net.h"

struct stream;
struct tls;

/* What the owner hears. After `ended` nothing follows. */
struct stream_events {
    void (*connected)(void *owner, struct stream *s, int status); /* of _connect_*, _tls_start: 0 or a libuv error */
    void (*received)(void *owner, uint8_t *data, size_t n);       /* lives until the return; may be written to */
    void (*ended)(void *owner, int error);                        /* UV_EOF, or what reading met */
    void (*written)(void *owner, int error); /* what stream_write kept is gone: 0 or a libuv error */
};

/* New, not connected; NULL where the system gives no handle. */
struct stream *stream_new(struct net *net, bool unix_path);

/* Puts an owner in place. */
void stream_own(struct stream *s, const struct stream_events *events, void *owner);

/* Starts to connect; `connected` tells the result. 0 or a libuv error, and then nothing is told. `local` may be NULL.
 */
int stream_connect(struct stream *s, const struct sockaddr *to, const struct sockaddr *local);
void stream_connect_path(struct stream *s, const char *path);

/* Takes a connection from a listening handle. 0 or a libuv error. */
int stream_accept(struct stream *s, uv_stream_t *listening);

/* No delay for small writes, probes and a limit for silence, so that a dead link ends within STREAM_DEAD_AFTER seconds.
 */
enum { STREAM_DEAD_AFTER = 60 };
void stream_tune(struct stream *s);

/* From now on `received` gets at most `n` bytes at a time, and the system keeps little more: for a slow reader. */
void stream_read_at_most(struct stream *s, uint32_t n);

/* Start and stop `received`; each may be called in any state. */
void stream_read(struct stream *s, bool on);

/* Writes all of `b`: at once what the kernel takes; what is left moves into the stream, and `written` tells when it is
 * gone. 0, or a libuv error. Not while stream_busy. */
int stream_write(struct stream *s, struct buf *b);
/* The same, below TLS: for stream_tls.c. */
int stream_put(struct stream *s, struct buf *b);
static inline bool stream_busy(const struct stream *s);
static inline size_t stream_waiting(const struct stream *s); /* bytes kept by stream_write */

/* Says that we send no more (FIN), after what was written. */
void stream_shutdown(struct stream *s);

/* Closes at once; what was not written is dropped. `s` is gone for the caller. */
void stream_close(struct stream *s);

/* The same, with RST where that can be. */
void stream_reset(struct stream *s);

/* The addresses as "127.0.0.1:80", "[::1]:80" or a path; empty where there is none. */
void stream_remote_address(const struct stream *s, char *text, size_t size);
void stream_local_address(const struct stream *s, char *text, size_t size);

/* Writes a socket address the same way. */
void stream_address_text(const struct sockaddr *address, char *text, size_t size);

struct stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct net *net;
    const struct stream_events *events;
    void *owner;         /* NULL: nobody listens */
    void *request;       /* of libuv, on its own: to connect, or to write; NULL: none is under way */
    struct buf inflight; /* libuv's until `written` */
    struct tls *tls;     /* NULL: none within (net/stream_tls.h) */
    bool unix_path, reading, tls_is_up;
    uint32_t read_most;      /* bytes at a time; 0: what the buffer holds */
    uint64_t sent, received; /* bytes; `sent`: those given to stream_write */
};

static inline bool stream_busy(const struct stream *s) { return s->inflight.len > 0; }
static inline size_t stream_waiting(const struct stream *s) { return s->inflight.len; }

#endif

/* stream: one socket, TCP or Unix domain, as bytes in and bytes out. It frees itself after libuv has closed it: once
 * stream_close is called, its owner hears nothing more. */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/buf.h"
#include "net/address.h"
#include "net/net.h"

struct stream;

enum { STREAM_BEHIND = 4 * 1024 };

/* What the owner hears. After `ended` nothing follows. */
struct stream_events {
    /* of stream_connect, and of stream_tls_start: 0 or a libuv error */
    void (*connected)(void *owner, struct stream *s, int status);
    /* Asks where to read to next, and how many bytes at most: it may change `*at` and `*n`. NULL: it never does. Behind
     * a place of the owner's up to STREAM_BEHIND bytes more are read; they come in a second `received`. */
    void (*place)(void *owner, uint8_t **at, size_t *n);
    void (*received)(void *owner, uint8_t *data, size_t n); /* valid until return; writable */
    void (*ended)(void *owner, int error);                  /* UV_EOF (see stream_why_ended), or the error of reading */
    void (*written)(void *owner, int error);                /* what stream_write kept is written: 0 or a libuv error */
};

/* New, not connected. 0 or a libuv error. */
int stream_new(struct stream **out, struct net *net, bool unix_path);

/* Sets the owner, and what it is told. */
void stream_own(struct stream *s, const struct stream_events *events, void *owner);

/* Starts to connect; `connected` tells the result, and what comes then is read, as by stream_read. 0 or a libuv error,
 * and then nothing is told. `local` may be NULL. */
int stream_connect(struct stream *s, const struct sockaddr *to, const struct sockaddr *local);

/* Connects to a Unix domain socket, or for "@name" to an abstract one of Linux. That takes no time: 0 or a libuv error;
 * nothing is told. */
int stream_connect_path(struct stream *s, const char *path);

/* Takes a connection from a listening handle. 0 or a libuv error. */
int stream_accept(struct stream *s, uv_stream_t *listening);

/* Is it a Unix domain socket whose other end was opened by a process of this user, or of root? */
bool stream_is_trusted(const struct stream *s);

/* No delay for small writes (TCP_NODELAY). */
void stream_hasten(struct stream *s);

/* Turns on TCP keepalive, and limits the time without an acknowledgement: from now on a dead link ends within
 * STREAM_DEAD_AFTER seconds. */
enum { STREAM_DEAD_AFTER = 60 };
void stream_probe(struct stream *s);

/* From now on `received` gets at most `n` bytes at a time, and the system buffers little more (SO_RCVBUF): for a slow
 * reader. */
void stream_read_at_most(struct stream *s, uint32_t n);

/* Start and stop `received`; each may be called in any state. */
void stream_read(struct stream *s, bool on);

/* Why reading has ended: UV_EOF, or the error by which the connection broke right behind the last bytes, or that of
 * writing. */
int stream_why_ended(const struct stream *s);

/* The peer is about to close: the next read is followed by another one at once, to find the end; at worst one read is
 * in vain. */
static inline void stream_expect_end(struct stream *s);

/* Has the system bytes that were not read yet? */
bool stream_has_unread(const struct stream *s);

/* Writes all of `b`: at once what the kernel takes; what is left moves into the stream, and `written` tells when it is
 * gone. 0, or a libuv error. Not while stream_busy. */
int stream_write(struct stream *s, struct buf *b);
/* The same, below the layer: for the bytes that the layer makes. */
int stream_put(struct stream *s, struct buf *b);
static inline bool stream_busy(const struct stream *s);
static inline size_t stream_waiting(const struct stream *s); /* bytes kept by stream_write */

/* Says that we send no more (FIN), after what was written. */
void stream_shutdown(struct stream *s);

/* Closes at once; what was not written is dropped. `s` is gone for the caller. */
void stream_close(struct stream *s);

/* The same, with RST where that can be. */
void stream_reset(struct stream *s);

/* The addresses of its two ends. A Unix domain socket has AF_UNIX alone, without a path. */
union address stream_remote_address(const struct stream *s);
union address stream_local_address(const struct stream *s);

/* A protocol between the socket and the owner: TLS to a proxy (net/tls/stream_tls.h). */
struct stream_layer {
    void (*received)(struct stream *s, uint8_t *data, size_t n); /* from the socket; the plaintext goes to the owner */
    int (*write)(struct stream *s, struct buf *plain);           /* as stream_write, by stream_put */
    void (*flush)(struct stream *s); /* the system has taken all output: that of the layer itself may follow */
    void (*end)(struct stream *s);   /* the stream closes: frees the layer */
};

/* What the kernel has not taken yet: libuv's until `written`. */
struct stream_rest {
    uv_write_t request;
    struct buf bytes;
};

struct stream {
    struct net *net;
    const struct stream_events *events;
    void *owner;                /* NULL: nobody is told */
    struct stream_rest *rest;   /* NULL: all was written */
    struct stream_layer *layer; /* NULL: none */
    bool unix_path, reading;
    bool end_is_near;        /* stream_expect_end */
    uint32_t read_most;      /* bytes at a time; 0: as many as the buffer has room for */
    int write_error;         /* the libuv error of a write that failed; 0: none */
    uint64_t sent, received; /* bytes; `sent`: those given to stream_write */
    union {                  /* last in the struct: for TCP, memory is allocated for uv_tcp_t alone */
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

static inline void stream_expect_end(struct stream *s) { s->end_is_near = true; }
static inline bool stream_busy(const struct stream *s) { return s->rest != NULL; }
static inline size_t stream_waiting(const struct stream *s) { return s->rest ? s->rest->bytes.len : 0; }

#endif

/* stream: one socket, TCP or of the file system, as bytes in and bytes out. It closes in its own time and frees itself
 * after: once stream_close is called its owner hears nothing more. */
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
    /* Where to read next, and how much at most: it may change what is there. NULL: it never does. Behind its own place
     * up to STREAM_BEHIND bytes more are read; they are received by themselves, after. */
    void (*place)(void *owner, uint8_t **at, size_t *n);
    void (*received)(void *owner, uint8_t *data, size_t n); /* lives until the return; may be written to */
    void (*ended)(void *owner, int error);                  /* UV_EOF (see stream_why_ended), or what reading met */
    void (*written)(void *owner, int error);                /* what stream_write kept is gone: 0 or a libuv error */
};

/* New, not connected. 0 or a libuv error. */
int stream_new(struct stream **out, struct net *net, bool unix_path);

/* Puts an owner in place. */
void stream_own(struct stream *s, const struct stream_events *events, void *owner);

/* Starts to connect; `connected` tells the result, and what comes then is read, as by stream_read. 0 or a libuv error,
 * and then nothing is told. `local` may be NULL. */
int stream_connect(struct stream *s, const struct sockaddr *to, const struct sockaddr *local);

/* Connects to a socket of the file system, or to Linux' abstract one of a "@name". That takes no time: 0 or a libuv
 * error; nothing is told. */
int stream_connect_path(struct stream *s, const char *path);

/* Takes a connection from a listening handle. 0 or a libuv error. */
int stream_accept(struct stream *s, uv_stream_t *listening);

/* No delay for small writes. */
void stream_hasten(struct stream *s);

/* Probes, and a limit for silence: from now on a dead link ends within STREAM_DEAD_AFTER seconds. */
enum { STREAM_DEAD_AFTER = 60 };
void stream_probe(struct stream *s);

/* From now on `received` gets at most `n` bytes at a time, and the system keeps little more: for a slow reader. */
void stream_read_at_most(struct stream *s, uint32_t n);

/* Start and stop `received`; each may be called in any state. */
void stream_read(struct stream *s, bool on);

/* Why reading met an end: UV_EOF, or how the connection broke right behind the last bytes, or what writing met. */
int stream_why_ended(const struct stream *s);

/* The end is about to come: it is looked for once, right behind what is being read; at worst that is a read too many.
 */
static inline void stream_expect_end(struct stream *s);

/* Has the system bytes that were not read yet? */
bool stream_has_unread(const struct stream *s);

/* Writes all of `b`: at once what the kernel takes; what is left moves into the stream, and `written` tells when it is
 * gone. 0, or a libuv error. Not while stream_busy. */
int stream_write(struct stream *s, struct buf *b);
/* The same, below what speaks within it. */
int stream_put(struct stream *s, struct buf *b);
static inline bool stream_busy(const struct stream *s);
static inline size_t stream_waiting(const struct stream *s); /* bytes kept by stream_write */

/* Says that we send no more (FIN), after what was written. */
void stream_shutdown(struct stream *s);

/* Closes at once; what was not written is dropped. `s` is gone for the caller. */
void stream_close(struct stream *s);

/* The same, with RST where that can be. */
void stream_reset(struct stream *s);

/* Where the ends are: one in the file system is AF_UNIX, and its other end has no address. */
union address stream_remote_address(const struct stream *s);
union address stream_local_address(const struct stream *s);

/* What speaks between the socket and the owner: TLS to a proxy (net/tls/stream_tls.h). */
struct stream_layer {
    void (*received)(struct stream *s, uint8_t *data, size_t n); /* from the socket: what is in it goes to the owner */
    int (*write)(struct stream *s, struct buf *plain);           /* as stream_write, by stream_put */
    void (*flush)(struct stream *s); /* the system has taken what it was given: what it has to say itself may follow */
    void (*end)(struct stream *s);   /* the stream closes: frees it */
};

/* What the kernel has not taken yet: libuv's until `written`. */
struct stream_rest {
    uv_write_t request;
    struct buf bytes;
};

struct stream {
    struct net *net;
    const struct stream_events *events;
    void *owner;                /* NULL: nobody listens */
    struct stream_rest *rest;   /* NULL: all was written */
    struct stream_layer *layer; /* NULL: none */
    bool unix_path, reading;
    bool end_is_near;        /* stream_expect_end */
    uint32_t read_most;      /* bytes at a time; 0: what the buffer holds */
    int write_error;         /* of libuv, for which it was broken off; 0: none */
    uint64_t sent, received; /* bytes; `sent`: those given to stream_write */
    union {                  /* the last: of TCP there is no more of it than of uv_tcp_t */
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

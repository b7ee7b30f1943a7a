/* server_parts: what the two files of a web server share: the server (server.c) and its connections
 * (caller.c). */
#ifndef NET_HTTP_SERVER_PARTS_H
#define NET_HTTP_SERVER_PARTS_H

#include "net/http/server.h"
#include "net/incoming.h"

struct http_server {
    uv_tcp_t tcp;
    struct net *net;
    union address address;
    const struct http_server_sink *sink; /* NULL: it has no owner */
    void *arg;
    struct account *account; /* its own reference */
    size_t kept;             /* bytes that are counted there */
    size_t max_body;
    bool patient;
    bool listens;
    bool closing, closed, ended;       /* http_server_close was called; `tcp` is closed; no connection is left */
    TAILQ_HEAD(, http_caller) callers; /* the one that has been idle for the longest is the first that is idle */
    unsigned count;
    struct incoming incoming;
    struct deadline late;         /* refuses what is not answered after the grace */
    LIST_ENTRY(http_server) link; /* of the same net */
};

/* The list has one reference; functions that work with it hold one more. */
struct http_caller {
    struct http_server *server;
    struct stream *stream; /* NULL: closed */
    TAILQ_ENTRY(http_caller) link;
    unsigned references;
    enum {
        CALLER_HEAD,      /* it is idle, or a head is being received */
        CALLER_BODY,      /* of that request */
        CALLER_WAITS,     /* a whole request that nobody has taken */
        CALLER_TAKEN,     /* it is being answered */
        CALLER_ANSWERING, /* the answer is written */
        CALLER_LEAVING,   /* the last answer is written: the client has time to read it */
        CALLER_CLOSED,
    } state;
    bool begun;     /* something of a request has come */
    bool ended;     /* the client has sent FIN */
    size_t scanned; /* of the head */
    struct buf in, out;
    struct http_asked *asked;  /* from CALLER_BODY to CALLER_TAKEN */
    bool keeps;                /* the connection, after what is written */
    void (*left)(void *taker); /* of CALLER_TAKEN */
    void *taker;
    struct deadline due; /* a limit, or the next turn */
    size_t kept;         /* bytes that are counted */
    size_t unwritten;    /* bytes of the answer, at the last look */
    size_t dropped;      /* bytes that came after the last answer */
};

/* Begins a connection, whose stream is accepted. False without memory; then the stream is still the caller's. */
bool http_caller_new(struct http_server *s, struct stream *stream);

/* Ends it at once; it may be gone on return. */
void http_caller_end(struct http_caller *c);

/* Is it idle: is no request being received, waiting or answered? */
bool http_caller_is_idle(const struct http_caller *c);

/* Its server closes. It ends where it is idle; a request that was sent already and not read yet has
 * HTTP_SERVER_HEAD_S. */
void http_caller_close(struct http_caller *c);

/* Refuses its request, where one was not answered. */
void http_caller_give_up(struct http_caller *c);

/* Puts it at the end of its server's list, of which the oldest is the first. */
void http_server_link(struct http_server *s, struct http_caller *c);
void http_server_unlink(struct http_caller *c);

/* Where the server is closing and has no connection left, it ends in the next turn of the loop. */
void http_server_settle(struct http_server *s);

/* Counts that `*kept` bytes have become `now`, and sets `*kept`. */
void http_server_count(struct http_server *s, size_t *kept, size_t now);

#endif

/* server: a web server: a socket that listens, and the connections it has accepted. Whole requests go to its owner, one
 * of each connection at a time, who answers at once or later. It knows nothing of paths and handlers.
 *
 * An owner may be replaced by another: the socket, the connections and the requests that were not answered stay. One
 * client cannot delay the others: what each may send ahead, how long each step may take, and how many there are is
 * limited, and each has one request in a turn of the loop. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/account.h"
#include "base/err.h"
#include "net/address.h"
#include "net/net.h"
#include "net/stream.h"
#include "wire/serve.h"

enum {
    HTTP_SERVER_MOST = 1024,        /* connections; a new one replaces the one that has been idle for the longest */
    HTTP_SERVER_HEAD_S = 10,        /* seconds for a head, from its first byte, and for the first request to begin */
    HTTP_SERVER_BODY_S = 30,        /* for a body */
    HTTP_SERVER_IDLE_S = 60,        /* between two requests */
    HTTP_SERVER_WRITE_S = 30,       /* in which so much of an answer must be taken: */
    HTTP_SERVER_WRITE = 16384,      /* bytes, or all of it */
    HTTP_SERVER_STOP_S = 5,         /* for requests that are under way when the program ends */
    HTTP_SERVER_PATIENCE_S = 86400, /* for each of these, see http_server_be_patient */
};

struct http_server;
struct http_caller;

struct http_server_sink {
    /* A whole request came. The owner may call http_caller_take; if not, the request waits, and http_server_offer tells
     * of it again. */
    void (*requested)(void *arg, struct http_caller *c);
    /* It was closed, and its last connection has ended: it is gone. */
    void (*closed)(void *arg);
};

/* A request; lives until it is answered or refused, or its client has gone, and until nobody holds it. */
struct http_asked {
    unsigned references;
    struct serve_request parts; /* point into `text` */
    struct serve_body reader;
    struct buf text, body;
    struct http1_head head; /* the last: little of it is touched */
};

/* Reads an address to listen on; "localhost" is one of them. ERR_SYSTEM with `fault` where it is none. */
int http_server_read_address(union address *out, const char *host, uint16_t port, struct fault *fault);

/* Takes the address; port 0: a free one. No connection is accepted before http_server_listen. ERR_SYSTEM with `fault`,
 * also where another socket has the address. */
int http_server_bind(struct http_server **out, struct net *net, const union address *address, struct fault *fault);
int http_server_listen(struct http_server *s, struct fault *fault);

/* From now on requests, those that wait included, are for this owner; what is kept of them is counted in `account`. */
void http_server_own(struct http_server *s, const struct http_server_sink *sink, void *arg, struct account *account,
                     size_t max_body);

/* Its deadlines are a day, and it does not keep the loop alive: for tests. */
void http_server_be_patient(struct http_server *s);

/* Tells the owner again of requests that wait. */
void http_server_offer(struct http_server *s);

/* Stops listening. Idle connections end, the others once their request is answered, or without an answer after `grace`
 * nanoseconds (UINT64_MAX: never). */
void http_server_close(struct http_server *s, uint64_t grace);

/* The same, without an owner from now on: requests that it has not answered are refused, and it is told nothing
 * more. */
void http_server_disown(struct http_server *s);

/* All servers of a net are closed, as above. */
void http_server_stop_all(struct net *net, uint64_t grace);

/* The listening server at this address, or at this port of any address; NULL: there is none. */
struct http_server *http_server_at(const struct net *net, const union address *address);
struct http_server *http_server_on(const struct net *net, uint16_t port);
/* The `arg` of its owner, where that has this sink; else NULL. */
void *http_server_owner(const struct http_server *s, const struct http_server_sink *sink);
const union address *http_server_address(const struct http_server *s);

/* ---- one request ---- */

/* What is asked. Who runs code that may answer it, or close its server, while it is read holds it meanwhile. */
struct http_asked *http_caller_hold_asked(struct http_caller *c);
void http_asked_release(struct http_asked *a); /* NULL: nothing */

/* Takes the request, which must be answered, refused or given back; `left(taker)` is called if the client goes before
 * that. */
void http_caller_take(struct http_caller *c, void (*left)(void *taker), void *taker);

void http_caller_answer(struct http_caller *c, const struct serve_answer *a);

/* `why`: one line, for the client. */
void http_caller_refuse(struct http_caller *c, unsigned status, const char *why);

/* In the next turn the request is told again to the server's owner. */
void http_caller_give_back(struct http_caller *c);

#endif

/* server: a web server: a socket that listens, and the connections it has accepted. Whole requests go to its
 * owner, one of each connection at a time, who answers at once or later. It knows nothing of paths and handlers.
 *
 * An owner may give way to another: the socket, the connections and the requests that were not answered stay. One
 * client cannot hold up the others: what each may send ahead, how long each step may take, and how many there are is
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
    HTTP_SERVER_MOST = 1024,        /* connections; the one that is idle for the longest makes place */
    HTTP_SERVER_HEAD_S = 10,        /* seconds for a head, from its first byte, and for the first request to begin */
    HTTP_SERVER_BODY_S = 30,        /* for a body */
    HTTP_SERVER_IDLE_S = 60,        /* between two requests */
    HTTP_SERVER_WRITE_S = 30,       /* in which so much of an answer must be taken: */
    HTTP_SERVER_WRITE = 16384,      /* bytes, or all of it */
    HTTP_SERVER_STOP_S = 5,         /* for requests that are under way when the program ends */
    HTTP_SERVER_PATIENCE_S = 86400, /* for each of these, of a server that is patient */
};

struct http_server;
struct http_caller;

struct http_server_sink {
    /* A whole request came. It is the owner's once http_caller_take was called; where it was not, it waits for
     * http_server_offer. */
    void (*requested)(void *arg, struct http_caller *c);
    /* It was closed, and its last connection has ended: it is gone. */
    void (*closed)(void *arg);
};

/* A request; lives until it is answered, given back or left, and until nobody holds it. */
struct http_asked {
    unsigned references;
    struct serve_request parts; /* point into `text` */
    struct serve_body reader;
    struct buf text, body;
    struct http1_head head; /* the last: little of it is touched */
};

/* Reads an address to listen on; "localhost" is one of them. ERR_SYSTEM with `fault` where it is none. */
int http_server_read_address(union address *out, const char *host, uint16_t port, struct fault *fault);

/* Takes the address; port 0: a free one. Nobody is accepted before http_server_listen. ERR_SYSTEM with `fault`, also
 * where somebody else has it. */
int http_server_bind(struct http_server **out, struct net *net, const union address *address, struct fault *fault);
int http_server_listen(struct http_server *s, struct fault *fault);

/* From now on requests, those that wait included, are for this owner; what is kept of them is counted in `account`. */
void http_server_own(struct http_server *s, const struct http_server_sink *sink, void *arg, struct account *account,
                     size_t max_body);

/* Its deadlines are a day, and it does not keep the loop alive: for tests. */
void http_server_be_patient(struct http_server *s);

/* Those requests that wait are told again. */
void http_server_offer(struct http_server *s);

/* Listens no more: connections that nothing is going on with end, the others when their request is answered; after
 * `grace` nanoseconds (UINT64_MAX: never) without an answer. */
void http_server_close(struct http_server *s, uint64_t grace);

/* The same, and the owner is gone: what he has not answered is refused, and he is told nothing any more. */
void http_server_disown(struct http_server *s);

/* All servers of a net are closed, as above. */
void http_server_stop_all(struct net *net, uint64_t grace);

/* Of those that listen, the one at this address, or on this port of any; NULL: there is none. */
struct http_server *http_server_at(const struct net *net, const union address *address);
struct http_server *http_server_on(const struct net *net, uint16_t port);
/* Its owner, where that one has this sink. */
void *http_server_owner(const struct http_server *s, const struct http_server_sink *sink);
const union address *http_server_address(const struct http_server *s);

/* ---- one request ---- */

/* What is asked. Who runs code that may answer it, or close its server, while it is read holds it meanwhile. */
struct http_asked *http_caller_hold_asked(struct http_caller *c);
void http_asked_release(struct http_asked *a); /* NULL: nothing */

/* It will be answered, refused or given back; `left(taker)` is called where the client has gone before that. */
void http_caller_take(struct http_caller *c, void (*left)(void *taker), void *taker);

void http_caller_answer(struct http_caller *c, const struct serve_answer *a);

/* `why`: one line, for the client. */
void http_caller_refuse(struct http_caller *c, unsigned status, const char *why);

/* It is told again, in the next turn, to whoever owns the server then. */
void http_caller_give_back(struct http_caller *c);

#endif

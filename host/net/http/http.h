/* http: requests to web servers, on libcurl, which runs in a thread of its own: what it does takes no time from the
 * loop. The thread is started, and the library opened there, by the first request, since it brings some 25 others
 * along. A net has one client, whose connections are kept for the next requests to the same place. */
#ifndef NET_HTTP_HTTP_H
#define NET_HTTP_HTTP_H

#include "base/err.h"
#include "base/slice.h"
#include "net/cookies.h"
#include "net/net.h"

struct http_client;
struct http_transfer;

/* A request. Borrowed while http_start runs, which copies it. NULL and 0: the default of the server, the environment or
 * libcurl. */
struct http_request {
    const char *url; /* http:// or https:// */
    const char *method;
    const char *const *headers; /* lines, "Name: value" or, without a value, "Name;"; then NULL */
    struct slice body;          /* `p` NULL: none */
    const char *user, *password;
    uint64_t connect_timeout; /* nanoseconds: the name, TCP, the proxy, TLS */
    uint64_t timeout;         /* nanoseconds for all of it: the caller enforces it; see http_is_under_way */
    size_t max_size;          /* bytes of the body, after decompression */
    size_t room;              /* bytes of the bodies of all requests under way, together */
    long max_redirects;       /* that are followed; 0: none */
    bool redirect_headers;    /* headers and body are sent to another origin as well, but for credentials and cookies */
    const char *proxy;        /* "": none; NULL: as the environment says */
    const char *local_address;
    bool stream;             /* the answer is taken in pieces; max_size and room are not looked at */
    struct cookies *cookies; /* a jar that is shared, or NULL */
    int64_t now;             /* a wall clock in seconds, for them */
    struct {
        const char *ca_file, *ca_path, *cert, *key, *key_password;
        bool no_verify, only_1_3;
    } tls;
};

/* What came, when the transfer has ended without a fault. Lives as long as the transfer. */
struct http_answer {
    unsigned status;
    const char *reason; /* may be empty: HTTP/2 has none */
    const char *url;    /* after redirects */
    struct slice body;
};

/* Starts a request. `done` is called once, in a later turn of the loop, unless http_free came first; until then the
 * loop is kept alive. NULL with `fault` where it cannot start, as when libcurl is known to be missing. */
struct http_transfer *http_start(struct net *net, const struct http_request *r, void (*done)(void *arg), void *arg,
                                 struct fault *fault);

/* Has it ended? Then either with a fault ("dns", "connect", "proxy", "tls", "timeout", "too_big", "reset", "http", and
 * where a script must be wrong "url", or "library": there is no libcurl) or with an answer. */
bool http_is_done(const struct http_transfer *t);
const struct fault *http_fault(const struct http_transfer *t);
struct http_answer http_answer(const struct http_transfer *t);

/* The header lines of the answer, one after the other: `*at` starts as NULL. False when there is none left. The strings
 * live until the next call. */
bool http_header_next(const struct http_transfer *t, void **at, const char **name, const char **value);

/* ---- streams: requests with `stream` ----
 * `done` is called whenever there is something new: the head, bytes of the body, the end. */

enum { HTTP_STREAM_AHEAD = 256 * 1024 }; /* bytes that nobody has taken, with which the server has to wait */

/* Is the head there? Then http_answer and http_header_next have it, without the body. */
bool http_stream_has_head(const struct http_transfer *t);

/* Moves all bytes that have come to `to`, which is empty. Once in a turn of the loop: afterwards there are none until
 * `done` is called again, or it is done. */
void http_stream_take(struct http_transfer *t, struct buf *to);

/* Counts that `more` tasks wait for bytes of streams, which keeps the loop alive. */
void http_listen(struct net *net, int more);

/* Is an answer still to be expected? For tests, whose clock is stopped: requests whose timeout would have passed by a
 * real clock do not count, nor as many as servers of this process have taken, whose handlers may wait for the clock
 * themselves. */
bool http_is_under_way(const struct net *net);

/* How many bytes it keeps: of the request, and once it has ended, of the answer. */
size_t http_size(const struct http_transfer *t);

/* Writes how far it has come, for the text of a timeout. */
void http_describe(const struct http_transfer *t, char *text, size_t size);

/* Ends it, if it has not ended, and frees it; waits for nothing. Not within `done`. */
void http_free(struct http_transfer *t);

#endif

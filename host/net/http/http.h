/* http: requests to web servers, on libcurl, which runs in a thread of its own: what it does takes no time from the
 * loop. The thread is started, and the library opened there, by the first request, since it brings some 25 others
 * along. A net has one client, whose connections are kept for the next requests to the same place. */
#ifndef NET_HTTP_HTTP_H
#define NET_HTTP_HTTP_H

#include "base/err.h"
#include "base/slice.h"
#include "net/net.h"

struct http_client;
struct http_transfer;

/* What is asked for. Borrowed while http_start runs, copied there. NULL and 0: as the server, the environment or
 * libcurl have it. */
struct http_request {
    const char *url; /* http:// or https:// */
    const char *method;
    const char *const *headers; /* lines, "Name: value" or, without a value, "Name;"; then NULL */
    struct slice body;          /* `p` NULL: none */
    const char *user, *password;
    uint64_t connect_timeout; /* nanoseconds: the name, TCP, the proxy, TLS */
    uint64_t timeout;         /* nanoseconds: of all of it, which who asks sees to; see http_is_under_way */
    size_t max_size;          /* bytes of the body, after decompression */
    size_t room;              /* bytes of the bodies of all requests that are under way */
    long max_redirects;       /* that are followed; 0: none */
    bool redirect_headers;    /* headers and body go to another origin as well, but for credentials and cookies */
    const char *proxy;        /* "": none; NULL: as the environment says */
    const char *local_address;
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
 * loop is kept alive. NULL with `fault` where it cannot even start, as with no library that is known to be missing. */
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

/* Is one under way whose answer is to be expected, with the clock stopped? Not one whose time would be over by a real
 * clock, nor as many as servers of this process have taken, whose handlers may wait for the clock themselves. */
bool http_is_under_way(const struct net *net);

/* How many bytes it keeps: of the request, and when it has ended of the answer. */
size_t http_size(const struct http_transfer *t);

/* How far it has come, for the message of a deadline. */
void http_describe(const struct http_transfer *t, char *text, size_t size);

/* Ends it, if it has not ended, and gives everything back; waits for nothing. Not within `done`. */
void http_free(struct http_transfer *t);

#endif

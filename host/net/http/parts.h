/* parts: what the files that make up http (http.c, transfer.c, redirect.c) share. Nobody else includes
 * it. */
#ifndef NET_HTTP_PARTS_H
#define NET_HTTP_PARTS_H

#include "base/buf.h"
#include "net/address.h"
#include "net/http/curl.h"
#include "net/http/http.h"
#include <stdatomic.h>

enum { HTTP_REASON_MAX = 128 }; /* bytes of a reason that are kept, with a NUL */

struct queue {
    struct http_transfer *first, *last;
};

struct http_client {
    uv_thread_t thread;
    uv_async_t arrived; /* there is something in `back`; keeps the loop alive while an answer is awaited */
    unsigned awaited;
    unsigned listening; /* tasks that wait for bytes of streams: they keep the loop alive, too */
    uint64_t patience;  /* by uv_hrtime: when the last timeout of those awaited passes */
    bool warned;        /* that verification is off */
    bool joined;
    bool forgets_names; /* the thread's: no address answered lately, so libcurl must not use cached ones */

    struct curl curl;
    struct queue active; /* the thread's: begun */
    atomic_size_t held;  /* bytes of bodies received, of transfers that are not back yet */

    uv_mutex_t lock; /* for what follows */
    uv_cond_t has_ended;
    struct queue fresh, back;
    struct http_transfer *stirred; /* streams with something new */
    CURLM *multi;                  /* the thread's, but for multi_wakeup; NULL: not made yet */
    struct fault fault;            /* there is no library: nothing comes into `fresh` any more */
    bool ending, ended;            /* of the thread; once it is ending, it does not wake the loop */
};

/* Memory that is freed with a transfer. */
struct kept {
    struct kept *next;
    char data[];
};

enum far { NO_CONNECTION, NO_ANSWER, NO_BODY };

/* Where redirects have led, and whether the answer being received is another one that is followed. */
struct http_way {
    unsigned status; /* of the answer being received */
    bool in_head, leads;
    size_t skipped; /* bytes of its body that were dropped */
    long redirects;
    bool led_away;   /* to another origin than the request was for, even if another led back */
    bool became_get; /* by a redirect, and lost its body */
};

/* Of a transfer that is a stream. The lock is for all but the loop's. */
struct http_stream {
    struct buf ahead; /* bytes that nobody has taken */
    bool paused;      /* libcurl waits for http_stream_go_on */
    bool headed;      /* what follows is there, and stays as it is */
    struct buf head;
    unsigned status;
    bool stirred; /* on the list of those with something new */
    struct http_transfer *next_stirred;
    bool is_headed, news; /* the loop's: it was told of the head, and of bytes that it has not taken */
};

struct http_transfer {
    struct http_client *client;
    struct http_transfer *next;  /* in its queue */
    struct http_request request; /* with copies of all that it borrowed */
    struct kept *kept;
    size_t kept_size; /* bytes in all of these */
    void (*done)(void *arg);
    void *arg;
    bool is_done;    /* it is back from the thread */
    bool is_awaited; /* counted in `awaited` */

    atomic_bool cancelled; /* http_free was called */
    atomic_int far;
    atomic_size_t received; /* bytes of the body */

    struct http_stream stream;
    struct http_way way; /* of redirects */
    struct {
        char *host; /* as connections have it: an IPv6 address with its zone */
        char *path; /* libcurl's */
        bool secure;
    } place;    /* where the request goes, if it has cookies */
    CURL *easy; /* NULL: it has not begun */
    bool over;
    struct curl_slist *headers;
    struct buf body;
    size_t head_size;
    char reason[HTTP_REASON_MAX];
    struct fault fault;
    char error[CURL_ERROR_SIZE];
};

/* The functions below run in the thread. */

/* Begins it; it is `over` where that fails. */
void http_transfer_begin(struct http_transfer *t);

/* libcurl has ended it with `code`. Where a redirect is followed, it goes on. */
void http_transfer_finish(struct http_transfer *t, CURLcode code);

/* Notes the first option that libcurl refuses. */
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        CURLcode set = curl->easy_setopt(t->easy, option, value);                                                      \
        if (set != CURLE_OK) fault_put(&t->fault, FAULT_HTTP, "%s: %s", #option, curl->easy_strerror(set));            \
    } while (0)

/* Writes the host of a url and its zone, "fe80::1%eth0"; nothing where it is no IPv6 address. */
void http_transfer_write_ipv6(const struct curl *curl, CURLU *url, char text[ADDRESS_TEXT]);

/* Checks that the zone of a link-local host (net/address.h) is one of our interfaces. Where not, the transfer has a
 * fault. */
void http_transfer_check_zone(struct http_transfer *t, CURLU *url);

/* Sets the header lines of the request that may be sent to where it goes now. */
void http_transfer_set_headers(struct http_transfer *t);

/* Starts to send it, unless it has a fault. */
void http_transfer_add(struct http_transfer *t);

/* ---- redirect.c ---- */

/* A line of a head came. True: it is the last one, and the answer that follows is no redirect. */
bool http_redirect_note(struct http_transfer *t, struct slice line);

/* Drops `n` bytes of the body of a redirect that is followed. False: there are too many to read on. */
bool http_redirect_skip(struct http_transfer *t, size_t n);

/* Is the answer that ended with `code` a redirect that is followed? Then the transfer goes on there, or has a fault. */
bool http_redirect_follow(struct http_transfer *t, CURLcode code);

/* ---- stream.c ---- */

/* The head has come. False: it cannot be kept, which is the transfer's fault. */
bool http_stream_head(struct http_transfer *t);

/* Bytes of the body have come. Returns what libcurl's write function has to. */
size_t http_stream_body(struct http_transfer *t, struct slice data);

/* Has libcurl go on, where it was told to pause and there is room again. */
void http_stream_go_on(struct http_transfer *t);

/* The loop's: as http_answer and http_header_next. */
struct http_answer http_stream_answer(const struct http_transfer *t);
bool http_stream_header_next(const struct http_transfer *t, void **at, const char **name, const char **value);

/* ---- jar.c ---- */

/* Notes where the request goes now. */
void http_jar_place(struct http_transfer *t, CURLU *url);

/* A line of a head came: keeps the cookie that it sets. */
void http_jar_note(struct http_transfer *t, struct slice line);

/* Makes the Cookie line of the request, of the script's own cookies (`p` NULL: none) and those of the jar; to be freed.
 * NULL: there are none, or there is no memory for it, which is the transfer's fault. */
char *http_jar_line(struct http_transfer *t, struct slice own);

#endif

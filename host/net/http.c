/* http: libcurl's multi interface in a thread of its own, for it may take long over things: GnuTLS reads all CAs for
 * each new connection. Two queues lie between the threads. A transfer goes to the thread by one of them, and always
 * comes back by the other, ended or cancelled; between the two it is the thread's, but for what is atomic. Only then
 * the loop reads what came, and frees it. Nothing of a script ever runs in the thread. */
#include "net/http.h"

#include "base/buf.h"
#include "base/log.h"
#include "net/curl.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    HEADERS_MAX = 256 * 1024, /* bytes of the headers of one answer */
    KEPT_CONNECTIONS = 16,    /* idle ones, for the next requests */
    REASON_MAX = 128,         /* bytes of it that are kept, with a NUL */
    NAP = 60 * 1000,          /* milliseconds: of the thread, when nothing wakes it */
    END_LIMIT = 250,          /* milliseconds: in which the thread is expected to end */
};

struct queue {
    struct http_transfer *first, *last;
};

struct http_client {
    uv_thread_t thread;
    uv_async_t arrived; /* there is something in `back`; keeps the loop alive while an answer is awaited */
    unsigned awaited;
    bool warned; /* that verification is off */
    bool joined;

    struct curl curl;
    struct queue active; /* what the thread has */

    uv_mutex_t lock; /* for what follows */
    uv_cond_t has_ended;
    struct queue fresh, back;
    CURLM *multi;       /* the thread's, but to be woken; NULL: it is not there yet */
    struct fault fault; /* there is no library: nothing comes into `fresh` any more */
    bool ending, ended; /* the thread; one that is ending leaves the loop alone */
};

/* Memory that goes with a transfer. */
struct kept {
    struct kept *next;
    char data[];
};

enum far { NO_CONNECTION, NO_ANSWER, NO_BODY };

struct http_transfer {
    struct http_client *client;
    struct http_transfer *next;  /* in its queue */
    struct http_request request; /* with copies of all that it borrowed */
    struct kept *kept;
    void (*done)(void *arg);
    void *arg;
    bool is_done; /* it is back */

    atomic_bool cancelled; /* nobody awaits it any more */
    atomic_int far;
    atomic_size_t received; /* bytes of the body */

    CURL *easy; /* NULL: it has not begun */
    bool over;
    struct curl_slist *headers;
    struct buf body;
    size_t head_size;
    char reason[REASON_MAX];
    struct fault fault;
    char error[CURL_ERROR_SIZE];
};

static void put(struct queue *q, struct http_transfer *t) {
    t->next = NULL;
    *(q->last ? &q->last->next : &q->first) = t;
    q->last = t;
}

static struct http_transfer *take(struct queue *q) {
    struct http_transfer *t = q->first;
    if (t && !(q->first = t->next)) q->last = NULL;
    return t;
}

static struct queue take_all(struct queue *q) {
    struct queue all = *q;
    *q = (struct queue){0};
    return all;
}

/* ---- what comes ---- */

static int on_connected(void *arg, char *their_ip, char *our_ip, int their_port, int our_port) {
    (void)their_ip, (void)our_ip, (void)their_port, (void)our_port;
    ((struct http_transfer *)arg)->far = NO_ANSWER;
    return CURL_PREREQFUNC_OK;
}

/* One line of a head, status lines among them. Those of earlier answers (100 Continue, redirects) come here, too. */
static size_t on_head(char *line, size_t one, size_t n, void *arg) {
    struct http_transfer *t = arg;
    (void)one;
    t->far = NO_BODY;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        struct slice rest = slice_of(line, n), part;
        slice_split(&rest, ' ', &part); /* the version, then the status */
        slice_split(&rest, ' ', &part);
        while (rest.n && (rest.p[rest.n - 1] == '\r' || rest.p[rest.n - 1] == '\n')) rest.n--;
        snprintf(t->reason, sizeof t->reason, "%.*s", SLICE_ARGS(rest));
        t->head_size = 0;
    }
    t->head_size += n;
    if (t->head_size <= HEADERS_MAX) return n;
    fault_put(&t->fault, "too_big", "the headers of the answer are over %d KB", HEADERS_MAX / 1024);
    return 0;
}

static size_t on_body(char *data, size_t one, size_t n, void *arg) {
    struct http_transfer *t = arg;
    curl_off_t announced = -1;
    (void)one;
    if (t->body.len == 0) t->client->curl.easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0 && (uint64_t)announced > t->body.cap) {
        fault_put(&t->fault, "too_big", "the body is of %lld bytes, and max_size is %zu", (long long)announced,
                  t->body.cap);
        return 0;
    }
    int rc = buf_append(&t->body, slice_of(data, n));
    if (rc == ERR_FULL) fault_put(&t->fault, "too_big", "the body is over max_size, which is %zu bytes", t->body.cap);
    if (rc == ERR_NOMEM) fault_put(&t->fault, "too_big", "no memory for a body of over %zu bytes", t->body.len);
    t->received = t->body.len;
    return rc == 0 ? n : 0;
}

/* ---- the end ---- */

static long info(const struct http_transfer *t, CURLINFO what) {
    long value = 0;
    t->client->curl.easy_getinfo(t->easy, what, &value);
    return value;
}

static const char *word_of(const struct http_transfer *t, CURLcode code) {
    long tunnel = info(t, CURLINFO_HTTP_CONNECTCODE); /* what the proxy said to CONNECT */
    if (tunnel != 0 && tunnel / 100 != 2) return "proxy";
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "dns";
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY: return "proxy";
    case CURLE_INTERFACE_FAILED: return "connect";
    case CURLE_COULDNT_CONNECT: return t->request.proxy && t->request.proxy[0] ? "proxy" : "connect";
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_PEER_FAILED_VERIFICATION: return "tls";
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return "reset";
    default: return "http";
    }
}

/* Says what is wrong with a certificate. GnuTLS tells it in bits, which libcurl hands on (gnutls_certificate_status_t);
 * where there are none the name is wrong. */
static const char *why_unverified(long bits) {
    static const struct {
        unsigned bit;
        const char *text;
    } reasons[] = {
        {10, "it has expired"}, {9, "it is not valid yet"},    {6, "no CA that is trusted has signed it"},
        {5, "it was revoked"},  {7, "its signer is not a CA"}, {8, "it is signed by an insecure algorithm"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (bits & 1L << reasons[i].bit) return reasons[i].text;
    return NULL;
}

static void finish(struct http_transfer *t, CURLcode code) {
    t->over = true;
    if (code == CURLE_OK) return;
    const char *word = word_of(t, code), *text = t->error[0] ? t->error : t->client->curl.easy_strerror(code);
    const char *why =
        code == CURLE_PEER_FAILED_VERIFICATION ? why_unverified(info(t, CURLINFO_SSL_VERIFYRESULT)) : NULL;
    if (why)
        fault_put(&t->fault, word, "the server's certificate is refused: %s", why);
    else
        fault_put(&t->fault, word, "%s", text);
}

bool http_is_done(const struct http_transfer *t) { return t->is_done; }
const struct fault *http_fault(const struct http_transfer *t) { return &t->fault; }

struct http_answer http_answer(const struct http_transfer *t) {
    const char *url = NULL;
    t->client->curl.easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
    return (struct http_answer){
        .status = (unsigned)info(t, CURLINFO_RESPONSE_CODE),
        .reason = t->reason,
        .url = url ? url : "",
        .body = buf_slice(&t->body),
    };
}

bool http_header_next(const struct http_transfer *t, void **at, const char **name, const char **value) {
    struct curl_header *h = t->client->curl.easy_nextheader(t->easy, CURLH_HEADER | CURLH_TRAILER, -1, *at);
    if (!h) return false;
    *at = h;
    *name = h->name;
    *value = h->value;
    return true;
}

void http_describe(const struct http_transfer *t, char *text, size_t size) {
    static const char *const texts[] = {"no connection came about", "no answer came", "no body came"};
    size_t received = t->received;
    int far = t->far;
    if (received)
        snprintf(text, size, "%zu bytes of the body came", received);
    else
        snprintf(text, size, "%s", texts[far]);
}

/* ---- the start ---- */

/* Notes the first option that libcurl refuses. */
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        CURLcode set = curl->easy_setopt(t->easy, option, value);                                                      \
        if (set != CURLE_OK) fault_put(&t->fault, "http", "%s: %s", #option, curl->easy_strerror(set));                \
    } while (0)

static void check_readable(const char *option, const char *file, struct fault *fault) {
    if (file && access(file, R_OK) != 0) fault_put(fault, "tls", "tls.%s: %s: %s", option, file, strerror(errno));
}

static void set_tls(struct http_transfer *t) {
    const struct http_request *r = &t->request;
    const struct curl *curl = &t->client->curl;
    const char *file = r->tls.ca_file, *path = r->tls.ca_path;
    check_readable("ca_file", file, &t->fault);
    check_readable("ca_path", path, &t->fault);
    check_readable("cert", r->tls.cert, &t->fault);
    check_readable("key", r->tls.key, &t->fault);
    if (!file && !path) {
        file = getenv("SSL_CERT_FILE");
        path = getenv("SSL_CERT_DIR");
    }
    if (file || path) { /* instead of the system's */
        SET(CURLOPT_CAINFO, file);
        SET(CURLOPT_CAPATH, path);
    }
    if (r->tls.cert) SET(CURLOPT_SSLCERT, r->tls.cert);
    if (r->tls.key) SET(CURLOPT_SSLKEY, r->tls.key);
    if (r->tls.key_password) SET(CURLOPT_KEYPASSWD, r->tls.key_password);
    SET(CURLOPT_SSLVERSION, (long)(r->tls.only_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    if (!r->tls.no_verify) return;
    SET(CURLOPT_SSL_VERIFYPEER, 0L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
}

static void set_method(struct http_transfer *t) {
    const struct http_request *r = &t->request;
    const struct curl *curl = &t->client->curl;
    bool has_body = r->body.p != NULL;
    if (has_body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        SET(CURLOPT_POSTFIELDS, r->body.p); /* makes it a POST */
    }
    if (strcmp(r->method, "HEAD") == 0 && !has_body)
        SET(CURLOPT_NOBODY, 1L);
    else if (strcmp(r->method, has_body ? "POST" : "GET") != 0)
        SET(CURLOPT_CUSTOMREQUEST, r->method);
}

static void add_header(struct http_transfer *t, const char *line) {
    struct curl_slist *list = t->client->curl.slist_append(t->headers, line);
    if (!list) abort();
    t->headers = list;
}

/* Headers that libcurl would add by itself, and that only get in the way: a line without a value takes them out. */
static void set_headers(struct http_transfer *t) {
    const struct http_request *r = &t->request;
    const struct curl *curl = &t->client->curl;
    bool has_type = false;
    for (const char *const *line = r->headers; line && *line; line++) {
        struct slice rest = slice_str(*line), name;
        slice_split(&rest, ':', &name);
        has_type = has_type || slice_eq_nocase(name, slice_str("Content-Type"));
        add_header(t, *line);
    }
    add_header(t, "Expect:");
    if (!has_type) add_header(t, "Content-Type:");
    SET(CURLOPT_HTTPHEADER, t->headers);
}

static void set_all(struct http_transfer *t) {
    const struct http_request *r = &t->request;
    const struct curl *curl = &t->client->curl;
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* one that ends during a look-up does not wait for the look-up */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_USERAGENT, "wsbot/" WSBOT_VERSION);
    SET(CURLOPT_ACCEPT_ENCODING, "");                                     /* all that it can decode */
    if (strncasecmp(r->url, "https:", 6) == 0) SET(CURLOPT_PIPEWAIT, 1L); /* perhaps one connection serves many */
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_FOLLOWLOCATION, (long)(r->max_redirects > 0));
    SET(CURLOPT_MAXREDIRS, r->max_redirects);
    long ms = (long)(r->connect_timeout / CLOCK_MS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, ms > 0 ? ms : 1L);
    if (r->user) SET(CURLOPT_USERNAME, r->user);
    if (r->password) SET(CURLOPT_PASSWORD, r->password);
    if (r->proxy) {
        SET(CURLOPT_PROXY, r->proxy);
        SET(CURLOPT_NOPROXY, ""); /* NO_PROXY is about the environment's */
    }
    if (r->local_address) SET(CURLOPT_INTERFACE, r->local_address);
    set_method(t);
    set_headers(t);
    set_tls(t);
}

static void check_url(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    CURLU *parts = curl->url();
    if (!parts) abort();
    CURLUcode rc = curl->url_set(parts, CURLUPART_URL, t->request.url, 0);
    curl->url_cleanup(parts);
    if (rc != CURLUE_OK) fault_put(&t->fault, "url", "%s", curl->url_strerror(rc));
}

static void begin(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (!(t->easy = c->curl.easy_init())) abort();
    check_url(t);
    if (!fault_set(&t->fault)) set_all(t);
    if (!fault_set(&t->fault)) {
        CURLMcode rc = c->curl.multi_add_handle(c->multi, t->easy);
        if (rc != CURLM_OK) fault_put(&t->fault, "http", "libcurl refuses another request (%d)", (int)rc);
    }
    t->over = fault_set(&t->fault);
}

/* ---- the thread ---- */

/* Begins what is new. False: it is the end. */
static bool receive(struct http_client *c) {
    struct http_transfer *t;
    uv_mutex_lock(&c->lock);
    struct queue fresh = take_all(&c->fresh);
    bool ending = c->ending;
    uv_mutex_unlock(&c->lock);
    while ((t = take(&fresh))) {
        put(&c->active, t);
        begin(t);
    }
    return !ending;
}

/* Lets go of those that are over or cancelled. */
static void give_back(struct http_client *c) {
    struct http_transfer *t;
    struct queue all = take_all(&c->active);
    while ((t = take(&all))) {
        if (!t->over && !t->cancelled) {
            put(&c->active, t);
            continue;
        }
        c->curl.multi_remove_handle(c->multi, t->easy); /* does nothing to one that was never added */
        uv_mutex_lock(&c->lock);
        put(&c->back, t);
        if (!c->ending) uv_async_send(&c->arrived);
        uv_mutex_unlock(&c->lock);
    }
}

static void see_finished(struct http_client *c) {
    int left;
    for (CURLMsg *m; (m = c->curl.multi_info_read(c->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        struct http_transfer *t = NULL;
        c->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(t, m->data.result);
    }
}

static void work(struct http_client *c) {
    int left;
    while (receive(c)) {
        give_back(c); /* who is cancelled goes no further */
        c->curl.multi_perform(c->multi, &left);
        see_finished(c);
        give_back(c);
        c->curl.multi_poll(c->multi, NULL, 0, NAP, NULL);
    }
}

static void refuse(struct http_client *c) {
    for (struct http_transfer *t; (t = take(&c->fresh));) {
        t->fault = c->fault;
        put(&c->back, t);
    }
    if (!c->ending) uv_async_send(&c->arrived);
}

static void run(void *arg) {
    struct http_client *c = arg;
    struct fault fault = {0};
    CURLM *multi = NULL;
    if (curl_load(&c->curl, &fault)) {
        if (c->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(multi = c->curl.multi_init())) abort();
        c->curl.multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    }
    uv_mutex_lock(&c->lock);
    c->multi = multi;
    c->fault = fault;
    if (!multi) refuse(c);
    uv_mutex_unlock(&c->lock);
    if (multi) work(c);
    uv_mutex_lock(&c->lock);
    c->ended = true;
    uv_cond_signal(&c->has_ended);
    uv_mutex_unlock(&c->lock);
}

/* With the lock held. */
static void wake(struct http_client *c) {
    if (c->multi) c->curl.multi_wakeup(c->multi);
}

bool http_client_end(struct http_client *c) {
    if (!c) return true;
    uint64_t now, until = uv_hrtime() + END_LIMIT * CLOCK_MS;
    uv_mutex_lock(&c->lock);
    c->ending = true;
    wake(c);
    while (!c->ended && (now = uv_hrtime()) < until) uv_cond_timedwait(&c->has_ended, &c->lock, until - now);
    bool ended = c->ended;
    uv_mutex_unlock(&c->lock);
    if (ended && !c->joined) c->joined = uv_thread_join(&c->thread) == 0;
    return ended;
}

/* ---- the loop's side ---- */

static void free_transfer(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->easy) c->curl.easy_cleanup(t->easy);
    if (t->headers) c->curl.slist_free_all(t->headers);
    for (struct kept *k = t->kept, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    buf_clear(&t->body);
    free(t);
}

/* So many more answers are awaited. */
static void await(struct http_client *c, int more) {
    c->awaited += (unsigned)more;
    if (c->awaited > 0)
        uv_ref((uv_handle_t *)&c->arrived);
    else
        uv_unref((uv_handle_t *)&c->arrived);
}

static void on_arrived(uv_async_t *async) {
    struct http_client *c = async->data;
    uv_mutex_lock(&c->lock);
    struct queue back = take_all(&c->back);
    uv_mutex_unlock(&c->lock);
    for (struct http_transfer *t; (t = take(&back));) {
        if (t->cancelled) {
            free_transfer(t);
            continue;
        }
        t->is_done = true;
        await(c, -1);
        t->done(t->arg);
    }
}

static void destroy(struct http_client *c) {
    uv_cond_destroy(&c->has_ended);
    uv_mutex_destroy(&c->lock);
    free(c);
}

static void on_closed(uv_handle_t *handle) { destroy(handle->data); }

static struct http_client *client_of(struct net *net, struct fault *fault) {
    if (net->http) return net->http;
    struct http_client *c = calloc(1, sizeof *c);
    if (!c || uv_mutex_init(&c->lock) != 0 || uv_cond_init(&c->has_ended) != 0) abort();
    sigset_t all, before;
    sigfillset(&all);
    uv_mutex_lock(&c->lock);                     /* the thread waits until `arrived` is there, too */
    pthread_sigmask(SIG_SETMASK, &all, &before); /* as it is for the thread: signals are the loop's */
    int rc = uv_thread_create(&c->thread, run, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0 && uv_async_init(net->loop, &c->arrived, on_arrived) != 0) abort();
    uv_mutex_unlock(&c->lock);
    if (rc != 0) {
        fault_put(fault, "http", "cannot start a thread: %s", uv_strerror(rc));
        destroy(c);
        return NULL;
    }
    c->arrived.data = c;
    await(c, 0);
    net->http = c;
    return c;
}

void http_client_free(struct http_client *c) {
    if (!c || !http_client_end(c)) return; /* a thread that does not end is left alone: the program is left */
    for (struct http_transfer *t; (t = take(&c->fresh)) || (t = take(&c->active)) || (t = take(&c->back));)
        free_transfer(t);
    if (c->multi) {
        c->curl.multi_cleanup(c->multi);
        c->curl.global_cleanup();
    }
    uv_close((uv_handle_t *)&c->arrived, on_closed);
}

static void *keep(struct http_transfer *t, const void *data, size_t size) {
    struct kept *k = malloc(sizeof *k + size);
    if (!k) abort();
    k->next = t->kept;
    t->kept = k;
    return memcpy(k->data, data, size);
}

static void keep_request(struct http_transfer *t) {
    struct http_request *r = &t->request;
    const char **texts[] = {
        &r->url,         &r->method,      &r->user,     &r->password, &r->proxy,           &r->local_address,
        &r->tls.ca_file, &r->tls.ca_path, &r->tls.cert, &r->tls.key,  &r->tls.key_password};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i]) *texts[i] = keep(t, *texts[i], strlen(*texts[i]) + 1);
    if (r->body.p) r->body.p = keep(t, r->body.p, r->body.n);
    if (!r->headers) return;
    size_t n = 0;
    while (r->headers[n]) n++;
    const char **lines = keep(t, r->headers, (n + 1) * sizeof *lines);
    for (size_t i = 0; i < n; i++) lines[i] = keep(t, lines[i], strlen(lines[i]) + 1);
    r->headers = lines;
}

static void warn(struct http_client *c) {
    if (c->warned) return;
    c->warned = true;
    log_line(LOG_WARN, "tls.verify = false: certificates are NOT checked, anyone between here and the server can "
                       "read and change what is sent");
}

struct http_transfer *http_start(struct net *net, const struct http_request *r, void (*done)(void *arg), void *arg,
                                 struct fault *fault) {
    struct http_client *c = client_of(net, fault);
    if (!c) return NULL;
    struct http_transfer *t = calloc(1, sizeof *t);
    if (!t) abort();
    t->client = c;
    t->done = done;
    t->arg = arg;
    t->request = *r;
    keep_request(t);
    buf_init(&t->body, r->max_size);
    if (r->tls.no_verify) warn(c);
    uv_mutex_lock(&c->lock);
    *fault = c->fault;
    if (!fault_set(fault)) put(&c->fresh, t);
    wake(c);
    uv_mutex_unlock(&c->lock);
    if (fault_set(fault)) {
        free_transfer(t);
        return NULL;
    }
    await(c, 1);
    return t;
}

void http_free(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->is_done) {
        free_transfer(t);
        return;
    }
    await(c, -1);
    t->cancelled = true; /* it comes back soon, and on_arrived frees it */
    uv_mutex_lock(&c->lock);
    wake(c);
    uv_mutex_unlock(&c->lock);
}

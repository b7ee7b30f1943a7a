/* http: libcurl tells which sockets to watch and when to call it again; it is called from the loop, and answers by
 * on_body and on_head, which only store. Nothing of a script ever runs within a call of libcurl. */
#include "net/http.h"

#include "base/buf.h"
#include "base/log.h"
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* The flavour without OpenSSL, whose libssl shares symbols with wolfSSL. */
#define LIBRARY "libcurl-gnutls.so.4"

enum {
    LEAST_VERSION = 0x075700, /* 7.87.0, which has CURLOPT_QUICK_EXIT */
    HEADERS_MAX = 256 * 1024, /* bytes of the headers of one answer */
    KEPT_CONNECTIONS = 16,    /* idle ones, for the next requests */
    REASON_MAX = 128,         /* bytes of it that are kept, with a NUL */
};

#define FUNCTIONS(F)                                                                                                   \
    F(global_init)                                                                                                     \
    F(global_cleanup)                                                                                                  \
    F(version_info)                                                                                                    \
    F(slist_append)                                                                                                    \
    F(slist_free_all)                                                                                                  \
    F(url)                                                                                                             \
    F(url_set)                                                                                                         \
    F(url_cleanup)                                                                                                     \
    F(url_strerror)                                                                                                    \
    F(easy_init)                                                                                                       \
    F(easy_cleanup)                                                                                                    \
    F(easy_setopt)                                                                                                     \
    F(easy_getinfo)                                                                                                    \
    F(easy_nextheader)                                                                                                 \
    F(easy_strerror)                                                                                                   \
    F(multi_init)                                                                                                      \
    F(multi_cleanup)                                                                                                   \
    F(multi_setopt)                                                                                                    \
    F(multi_add_handle)                                                                                                \
    F(multi_remove_handle)                                                                                             \
    F(multi_socket_action)                                                                                             \
    F(multi_assign)                                                                                                    \
    F(multi_info_read)

struct functions {
#define FUNCTION(name) __typeof__(curl_##name) *(name);
    FUNCTIONS(FUNCTION)
#undef FUNCTION
};

struct http_client {
    struct net *net;
    struct functions curl;
    CURLM *multi;
    struct deadline due; /* the one that libcurl asks for */
    bool warned;         /* that verification is off */
};

/* A socket that libcurl has us watch. */
struct watched {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

struct http_transfer {
    struct http_client *client;
    CURL *easy;
    bool added, has_proxy;
    void (*done)(void *arg);
    void *arg;
    struct curl_slist *headers;
    struct buf body;
    size_t head_size;
    char reason[REASON_MAX];
    struct fault fault;
    char error[CURL_ERROR_SIZE];
};

/* ---- the library ---- */

static bool load_functions(struct functions *f, struct fault *fault) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays: what it brings along cannot be unloaded */
    if (!library) {
        fault_put(fault, "library", "libcurl is missing: install libcurl3-gnutls (%s)", dlerror());
        return false;
    }
    const struct {
        const char *name;
        void **at;
    } wanted[] = {
#define FUNCTION(name) {"curl_" #name, (void **)&f->name},
        FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if ((*wanted[i].at = dlsym(library, wanted[i].name))) continue;
        fault_put(fault, "library", "%s is too old: it has no %s", LIBRARY, wanted[i].name);
        return false;
    }
    const curl_version_info_data *info = f->version_info(CURLVERSION_NOW);
    if (info->version_num >= LEAST_VERSION) return true;
    fault_put(fault, "library", "%s is version %s: 7.87.0 is needed", LIBRARY, info->version);
    return false;
}

/* ---- libcurl and the loop ---- */

static void finish(struct http_transfer *t, CURLcode code);

/* Tells those whose transfers have ended. */
static void collect(struct http_client *c) {
    int left;
    for (CURLMsg *m; (m = c->curl.multi_info_read(c->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        struct http_transfer *t = NULL;
        CURLcode code = m->data.result; /* the message goes with the handle */
        c->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        finish(t, code);
    }
}

static void on_due(struct deadline *d) {
    struct http_client *c = (struct http_client *)((char *)d - offsetof(struct http_client, due));
    int running;
    c->curl.multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(c);
}

static int on_deadline(CURLM *multi, long ms, void *arg) {
    (void)multi;
    struct http_client *c = arg;
    struct clock *clock = &c->net->clock;
    if (ms < 0)
        clock_cancel(clock, &c->due);
    else
        clock_set(clock, &c->due, clock_now(clock) + (uint64_t)ms * CLOCK_MS, on_due);
    return 0;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct watched *w = (struct watched *)poll;
    struct http_client *c = w->client; /* `w` may be gone after the call */
    int what = 0, running;
    if (status < 0) what = CURL_CSELECT_ERR;
    if (events & UV_READABLE) what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) what |= CURL_CSELECT_OUT;
    c->curl.multi_socket_action(c->multi, w->fd, what, &running);
    collect(c);
}

static void on_unwatched(uv_handle_t *handle) { free(handle); /* the poll is the first member of its struct */ }

/* `arg` is the client, `old` what was assigned to the socket before. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *old) {
    (void)easy;
    struct http_client *c = arg;
    struct watched *w = old;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        c->curl.multi_assign(c->multi, fd, NULL);
        uv_close((uv_handle_t *)&w->poll, on_unwatched); /* lets go of the socket at once */
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w) abort();
        w->client = c;
        w->fd = fd;
        if (uv_poll_init_socket(c->net->loop, &w->poll, fd) != 0) {
            free(w);
            return -1;
        }
        c->curl.multi_assign(c->multi, fd, w);
    }
    uv_poll_start(&w->poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
                  on_ready);
    return 0;
}

static struct http_client *client_of(struct net *net, struct fault *fault) {
    if (net->http) return net->http;
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->net = net;
    if (!load_functions(&c->curl, fault)) {
        free(c);
        return NULL;
    }
    if (c->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->multi = c->curl.multi_init())) abort();
    c->curl.multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    c->curl.multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    c->curl.multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_deadline);
    c->curl.multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    c->curl.multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    net->http = c;
    return c;
}

void http_client_free(struct http_client *c) {
    if (!c) return;
    c->curl.multi_cleanup(c->multi);
    c->curl.global_cleanup();
    clock_cancel(&c->net->clock, &c->due);
    free(c);
}

/* ---- what comes ---- */

/* One line of a head, status lines among them. Those of earlier answers (100 Continue, redirects) come here, too. */
static size_t on_head(char *line, size_t one, size_t n, void *arg) {
    struct http_transfer *t = arg;
    (void)one;
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
    case CURLE_COULDNT_CONNECT: return t->has_proxy ? "proxy" : "connect";
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
    const struct functions *curl = &t->client->curl;
    curl->multi_remove_handle(t->client->multi, t->easy);
    t->added = false;
    if (code != CURLE_OK) {
        const char *word = word_of(t, code), *text = t->error[0] ? t->error : curl->easy_strerror(code);
        const char *why =
            code == CURLE_PEER_FAILED_VERIFICATION ? why_unverified(info(t, CURLINFO_SSL_VERIFYRESULT)) : NULL;
        if (why)
            fault_put(&t->fault, word, "the server's certificate is refused: %s", why);
        else
            fault_put(&t->fault, word, "%s", text);
    }
    t->done(t->arg);
}

bool http_is_done(const struct http_transfer *t) { return !t->added; }
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
    char *address = NULL;
    t->client->curl.easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &address);
    if (t->body.len)
        snprintf(text, size, "%zu bytes of the body came", t->body.len);
    else if (info(t, CURLINFO_RESPONSE_CODE))
        snprintf(text, size, "no body came");
    else
        snprintf(text, size, "%s", address && address[0] ? "no answer came" : "no connection came about");
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

static void set_tls(struct http_transfer *t, const struct http_request *r) {
    const struct functions *curl = &t->client->curl;
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
    if (t->client->warned) return;
    t->client->warned = true;
    log_line(LOG_WARN, "tls.verify = false: certificates are NOT checked, anyone between here and the server can "
                       "read and change what is sent");
}

static void set_method(struct http_transfer *t, const struct http_request *r) {
    const struct functions *curl = &t->client->curl;
    bool has_body = r->body.p != NULL;
    if (has_body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
        SET(CURLOPT_COPYPOSTFIELDS, r->body.p); /* makes it a POST */
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
static void set_headers(struct http_transfer *t, const struct http_request *r) {
    const struct functions *curl = &t->client->curl;
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

static void set_all(struct http_transfer *t, const struct http_request *r) {
    const struct functions *curl = &t->client->curl;
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
    set_method(t, r);
    set_headers(t, r);
    set_tls(t, r);
}

static bool check_url(struct http_client *c, const char *url, struct fault *fault) {
    CURLU *parts = c->curl.url();
    if (!parts) abort();
    CURLUcode rc = c->curl.url_set(parts, CURLUPART_URL, url, 0);
    c->curl.url_cleanup(parts);
    if (rc != CURLUE_OK) fault_put(fault, "url", "%s", c->curl.url_strerror(rc));
    return rc == CURLUE_OK;
}

struct http_transfer *http_start(struct net *net, const struct http_request *r, void (*done)(void *arg), void *arg,
                                 struct fault *fault) {
    struct http_client *c = client_of(net, fault);
    if (!c || !check_url(c, r->url, fault)) return NULL;
    struct http_transfer *t = calloc(1, sizeof *t);
    if (!t || !(t->easy = c->curl.easy_init())) abort();
    t->client = c;
    t->done = done;
    t->arg = arg;
    t->has_proxy = r->proxy && r->proxy[0];
    buf_init(&t->body, r->max_size);
    set_all(t, r);
    if (!fault_set(&t->fault)) {
        CURLMcode rc = c->curl.multi_add_handle(c->multi, t->easy);
        t->added = rc == CURLM_OK;
        if (!t->added) fault_put(&t->fault, "http", "libcurl refuses another request (%d)", (int)rc);
    }
    if (t->added) return t;
    *fault = t->fault;
    http_free(t);
    return NULL;
}

void http_free(struct http_transfer *t) {
    const struct functions *curl = &t->client->curl;
    if (t->added) curl->multi_remove_handle(t->client->multi, t->easy);
    curl->easy_cleanup(t->easy);
    curl->slist_free_all(t->headers);
    buf_clear(&t->body);
    free(t);
}

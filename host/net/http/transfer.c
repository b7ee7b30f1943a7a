/* transfer: one request within libcurl: its options, what is received, and how it ended. All of it runs in the thread,
 * but for the functions that describe the answer afterwards. */
#include "net/http/parts.h"

#include "net/address.h"
#include "wire/secret.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { HEADERS_MAX = 256 * 1024 }; /* bytes of the headers of one answer */

/* ---- what comes ---- */

static int on_connected(void *arg, char *their_ip, char *our_ip, int their_port, int our_port) {
    (void)their_ip, (void)our_ip, (void)their_port, (void)our_port;
    ((struct http_transfer *)arg)->far = NO_ANSWER;
    return CURL_PREREQFUNC_OK;
}

/* Receives one line of a head, status lines included; heads of earlier answers (100 Continue, redirects), too. */
static size_t on_head(char *line, size_t one, size_t n, void *arg) {
    struct http_transfer *t = arg;
    (void)one;
    t->far = NO_BODY;
    http_jar_note(t, slice_of(line, n));
    bool last = http_redirect_note(t, slice_of(line, n));
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        struct slice rest = slice_of(line, n), part;
        slice_split(&rest, ' ', &part); /* the version, then the status */
        slice_split(&rest, ' ', &part);
        while (rest.n && (rest.p[rest.n - 1] == '\r' || rest.p[rest.n - 1] == '\n')) rest.n--;
        snprintf(t->reason, sizeof t->reason, "%.*s", SLICE_ARGS(rest));
        t->head_size = 0;
    }
    t->head_size += n;
    if (t->head_size > HEADERS_MAX) {
        fault_put(&t->fault, FAULT_TOO_BIG, "the headers of the answer are over %d KB", HEADERS_MAX / 1024);
        return 0;
    }
    return last && t->request.stream && !http_stream_head(t) ? 0 : n;
}

static size_t keep_body(struct http_transfer *t, const char *data, size_t n) {
    curl_off_t announced = -1;
    if (t->body.len == 0) t->client->curl.easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced > 0 && (uint64_t)announced > t->body.cap) {
        fault_put(&t->fault, FAULT_TOO_BIG, "the body is of %lld bytes, and max_size is %zu", (long long)announced,
                  t->body.cap);
        return 0;
    }
    if (t->client->held + n > t->request.room) {
        fault_put(&t->fault, FAULT_TOO_BIG, "no memory for the body, of which %zu bytes had come (--max-memory)",
                  t->body.len);
        return 0;
    }
    int rc = buf_append(&t->body, slice_of(data, n));
    if (rc == 0) t->client->held += n;
    if (rc == ERR_FULL)
        fault_put(&t->fault, FAULT_TOO_BIG, "the body is over max_size, which is %zu bytes", t->body.cap);
    if (rc == ERR_NOMEM) fault_put(&t->fault, FAULT_TOO_BIG, "no memory for a body of over %zu bytes", t->body.len);
    t->received = t->body.len;
    return rc == 0 ? n : 0;
}

static size_t on_body(char *data, size_t one, size_t n, void *arg) {
    struct http_transfer *t = arg;
    (void)one;
    if (t->way.leads) return http_redirect_skip(t, n) ? n : 0;
    return t->request.stream ? http_stream_body(t, slice_of(data, n)) : keep_body(t, data, n);
}

/* ---- the end ---- */

static long info(const struct http_transfer *t, CURLINFO what) {
    long value = 0;
    t->client->curl.easy_getinfo(t->easy, what, &value);
    return value;
}

/* libcurl calls a header over 100 KB a want of memory; from 8.6 on CURLE_TOO_LARGE, which older ones do not know. */
enum { TOO_LARGE = 100 };

static bool is_in_head(const struct http_transfer *t) { return t->far == NO_ANSWER || t->way.in_head; }

static enum fault_kind kind_of(const struct http_transfer *t, CURLcode code) {
    long tunnel = info(t, CURLINFO_HTTP_CONNECTCODE); /* what the proxy said to CONNECT */
    if (tunnel != 0 && tunnel / 100 != 2) return FAULT_PROXY;
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST: return FAULT_DNS;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY: return FAULT_PROXY;
    case CURLE_INTERFACE_FAILED: return FAULT_CONNECT;
    case CURLE_COULDNT_CONNECT: return t->request.proxy && t->request.proxy[0] ? FAULT_PROXY : FAULT_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: return FAULT_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_PEER_FAILED_VERIFICATION: return FAULT_TLS;
    case TOO_LARGE:
    case CURLE_OUT_OF_MEMORY: return is_in_head(t) ? FAULT_TOO_BIG : FAULT_HTTP;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return FAULT_RESET;
    default: return FAULT_HTTP;
    }
}

/* Says what is wrong with a certificate. GnuTLS gives bits (gnutls_certificate_status_t), which libcurl passes on;
 * where none is set, the name is wrong. */
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

void http_transfer_finish(struct http_transfer *t, CURLcode code) {
    if (http_redirect_follow(t, code)) return;
    t->over = true;
    if (code == CURLE_OK && t->way.in_head)
        fault_put(&t->fault, FAULT_RESET, "the server ended the connection within the head of its answer");
    if (code == CURLE_OK) return;
    if (t->far == NO_CONNECTION) t->client->forgets_names = true;
    enum fault_kind kind = kind_of(t, code);
    const char *text = t->error[0] ? t->error : t->client->curl.easy_strerror(code);
    const char *why =
        code == CURLE_PEER_FAILED_VERIFICATION ? why_unverified(info(t, CURLINFO_SSL_VERIFYRESULT)) : NULL;
    if (kind == FAULT_TOO_BIG) text = "a header of the answer is over 100 KB";
    if (why)
        fault_put(&t->fault, kind, "the server's certificate is refused: %s", why);
    else
        fault_put(&t->fault, kind, "%s", text);
}

const struct fault *http_fault(const struct http_transfer *t) { return &t->fault; }

struct http_answer http_answer(const struct http_transfer *t) {
    const char *url = NULL;
    if (t->request.stream) return http_stream_answer(t);
    t->client->curl.easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
    return (struct http_answer){
        .status = (unsigned)info(t, CURLINFO_RESPONSE_CODE),
        .reason = t->reason,
        .url = url ? url : "",
        .body = buf_slice(&t->body),
    };
}

bool http_header_next(const struct http_transfer *t, void **at, const char **name, const char **value) {
    if (t->request.stream) return http_stream_header_next(t, at, name, value);
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

static void check_readable(const char *option, const char *file, struct fault *fault) {
    if (file && access(file, R_OK) != 0) fault_put(fault, FAULT_TLS, "tls.%s: %s: %s", option, file, strerror(errno));
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

static void refuse_for_memory(struct http_transfer *t) { fault_put(&t->fault, FAULT_HTTP, "not enough memory"); }

static void add_header(struct http_transfer *t, const char *line) {
    struct curl_slist *list = t->client->curl.slist_append(t->headers, line);
    if (list)
        t->headers = list;
    else
        refuse_for_memory(t);
}

/* May the line be sent to where the request goes now? Headers that describe a body are sent only with a body. */
static bool may_go(const struct http_transfer *t, struct slice name) {
    if (t->way.became_get && slice_eq_nocase(slice_head(name, 8), slice_str("Content-"))) return false;
    return !t->way.led_away || secret_header_may_leave(name, t->request.redirect_headers);
}

/* Adds the one line of cookies, of those of the script that may be sent there, and those of the jar. */
static void add_cookies(struct http_transfer *t, struct slice own) {
    char *line = http_jar_line(t, own);
    if (line) add_header(t, line);
    free(line);
}

/* A line without a value (Expect, Content-Type) removes a header that libcurl would add by itself. */
void http_transfer_set_headers(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    struct curl_slist *before = t->headers;
    struct slice own = slice_of(NULL, 0); /* the script's cookies, which go with those of the jar */
    bool has_type = false;
    t->headers = NULL;
    for (const char *const *line = t->request.headers; line && *line; line++) {
        struct slice name = slice_head(slice_str(*line), strcspn(*line, ":;"));
        if (!may_go(t, name)) continue;
        has_type = has_type || slice_eq_nocase(name, slice_str("Content-Type"));
        bool is_own = t->request.cookies && !own.p && slice_eq_nocase(name, slice_str("Cookie"));
        if (is_own)
            own = slice_trim(slice_skip(slice_str(*line), name.n + 1));
        else
            add_header(t, *line);
    }
    if (t->request.cookies) add_cookies(t, own);
    add_header(t, "Expect:");
    if (!has_type) add_header(t, "Content-Type:");
    SET(CURLOPT_HTTPHEADER, t->headers);
    if (before) curl->slist_free_all(before);
}

/* Gives libcurl the NO_PROXY of the environment, with "*.example.org" as ".example.org": libcurl does not know the
 * first form. */
static void set_no_proxy(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    const char *list = getenv("no_proxy");
    if (!list) list = getenv("NO_PROXY");
    if (!list || !strstr(list, "*.")) return;
    char *plain = strdup(list), *to = plain;
    if (!plain) {
        refuse_for_memory(t);
        return;
    }
    for (const char *p = list; *p; p++) {
        bool begins = p == list || strchr(", \t", p[-1]);
        if (!begins || p[0] != '*' || p[1] != '.') *to++ = *p;
    }
    *to = '\0';
    SET(CURLOPT_NOPROXY, plain);
    free(plain);
}

/* libcurl takes no zone here: instead, the name of the interface stands for its link-local address. */
static void set_local(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    const char *text = t->request.local_address, *zone = address_zone(text);
    union address address;
    char name[IF_NAMESIZE], device[IF_NAMESIZE + sizeof "if!"];
    if (*zone == '\0' || address_read(&address, text, 0) == ADDRESS_NONE) {
        SET(CURLOPT_INTERFACE, text);
    } else if (if_indextoname(address.v6.sin6_scope_id, name)) {
        snprintf(device, sizeof device, "if!%s", name);
        SET(CURLOPT_INTERFACE, device);
    } else {
        fault_put(&t->fault, FAULT_CONNECT, "cannot connect from local_address %s: there is no interface %s", text,
                  zone);
    }
}

/* A stream is not asked for compressed, as a few bytes may become very many, and has a connection of its own: one of
 * HTTP/2 that waits would hold up others. */
static void set_stream(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    if (!t->request.stream) return;
    SET(CURLOPT_ACCEPT_ENCODING, NULL);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FRESH_CONNECT, 1L);
}

static void set_all(struct http_transfer *t) {
    const struct http_request *r = &t->request;
    const struct curl *curl = &t->client->curl;
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* a transfer that ends during a look-up does not wait for it */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_USERAGENT, "wsbot/" WSBOT_VERSION);
    SET(CURLOPT_ACCEPT_ENCODING, "");                                     /* all that it can decode */
    if (strncasecmp(r->url, "https:", 6) == 0) SET(CURLOPT_PIPEWAIT, 1L); /* one connection may serve many requests */
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_FOLLOWLOCATION, 0L); /* it would send all headers along: see redirect.c */
    long ms = (long)(r->connect_timeout / CLOCK_MS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, ms > 0 ? ms : 1L);
    if (r->user) SET(CURLOPT_USERNAME, r->user);
    if (r->password) SET(CURLOPT_PASSWORD, r->password);
    if (t->client->forgets_names) SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    t->client->forgets_names = false;
    if (r->proxy) {
        SET(CURLOPT_PROXY, r->proxy);
        SET(CURLOPT_NOPROXY, ""); /* NO_PROXY is for proxies of the environment */
    } else {
        set_no_proxy(t);
    }
    if (r->local_address) set_local(t);
    set_method(t);
    set_stream(t);
    http_transfer_set_headers(t);
    set_tls(t);
}

void http_transfer_write_ipv6(const struct curl *curl, CURLU *url, char text[ADDRESS_TEXT]) {
    char *host = NULL, *zone = NULL;
    text[0] = '\0';
    curl->url_get(url, CURLUPART_HOST, &host, 0);
    curl->url_get(url, CURLUPART_ZONEID, &zone, 0);
    size_t n = host ? strlen(host) : 0;
    if (n > 2 && n < ADDRESS_TEXT && host[0] == '[')
        snprintf(text, ADDRESS_TEXT, "%.*s%s%s", (int)n - 2, host + 1, zone ? "%" : "", zone ? zone : "");
    curl->free(host);
    curl->free(zone);
}

void http_transfer_check_zone(struct http_transfer *t, CURLU *url) {
    char text[ADDRESS_TEXT];
    union address address;
    if (t->request.proxy && t->request.proxy[0]) return; /* the proxy connects from links of its own */
    http_transfer_write_ipv6(&t->client->curl, url, text);
    enum address_kind kind = address_read(&address, text, 0);
    if (kind == ADDRESS_ASTRAY)
        fault_put(&t->fault, FAULT_CONNECT, "cannot connect to [%s]: there is no interface %s", text,
                  address_zone(text));
    if (kind == ADDRESS_FINE && address_lacks_zone(&address))
        fault_put(&t->fault, FAULT_CONNECT,
                  "cannot connect to [%s]: a link-local address needs its interface behind it, as fe80::1%%eth0", text);
}

static void check_url(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    CURLU *parts = curl->url();
    if (!parts) {
        refuse_for_memory(t);
        return;
    }
    CURLUcode rc = curl->url_set(parts, CURLUPART_URL, t->request.url, 0);
    if (rc != CURLUE_OK)
        fault_put(&t->fault, FAULT_URL, "%s", curl->url_strerror(rc));
    else
        http_transfer_check_zone(t, parts);
    http_jar_place(t, parts);
    curl->url_cleanup(parts);
}

void http_transfer_add(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (!fault_set(&t->fault)) {
        CURLMcode rc = c->curl.multi_add_handle(c->multi, t->easy);
        if (rc != CURLM_OK) fault_put(&t->fault, FAULT_HTTP, "libcurl refuses another request (%d)", (int)rc);
    }
    t->over = fault_set(&t->fault);
}

void http_transfer_begin(struct http_transfer *t) {
    struct http_client *c = t->client;
    if ((t->easy = c->curl.easy_init()))
        check_url(t);
    else
        refuse_for_memory(t);
    if (!fault_set(&t->fault)) set_all(t);
    http_transfer_add(t);
}

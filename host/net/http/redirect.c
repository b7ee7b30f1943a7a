/* redirect: a redirect is another request, which is made here and not by libcurl: libcurl would send all headers to
 * wherever it is redirected. What the script gave for one origin is sent to that alone; once a redirect has led to
 * another one, it is not sent again (as in conn/redirect.c). */
#include "net/http/parts.h"

#include "net/address.h"
#include "wire/handshake.h"
#include "wire/secret.h"
#include <stdlib.h>
#include <string.h>

enum { SKIP_MOST = 64 * 1024 }; /* bytes of a body that are read so that the connection can be used again */

/* ---- the answer that leads elsewhere ---- */

bool http_redirect_note(struct http_transfer *t, struct slice line) {
    static const char start[] = "HTTP/", location[] = "Location:";
    struct http_way *w = &t->way;
    if (slice_eq(slice_head(line, sizeof start - 1), slice_str(start))) {
        struct slice version;
        w->status = 0;
        w->leads = false;
        w->in_head = true;
        slice_split(&line, ' ', &version);
        for (; line.n && line.p[0] >= '0' && line.p[0] <= '9' && w->status < 100; line = slice_skip(line, 1))
            w->status = w->status * 10 + (line.p[0] - '0');
    } else if (line.n <= 2) {
        bool last = w->in_head && w->status >= 200 && !w->leads;
        w->in_head = false; /* lines behind the body are trailers, not of a head */
        return last;
    } else if (w->in_head && slice_eq_nocase(slice_head(line, sizeof location - 1), slice_str(location))) {
        w->leads = t->request.max_redirects > 0 && handshake_is_redirect(w->status);
    }
    return false;
}

bool http_redirect_skip(struct http_transfer *t, size_t n) {
    t->way.skipped += n;
    return t->way.skipped <= SKIP_MOST;
}

/* ---- where it leads ---- */

/* The request's own url, and where it goes next. */
struct course {
    const struct curl *curl;
    CURLU *home, *to;
};

/* A part of a url, to be given to curl->free; NULL: it has none. */
static char *part_of(const struct course *c, CURLU *url, CURLUPart part) {
    char *text = NULL;
    unsigned flags = part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0;
    return c->curl->url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

static bool same_part(const struct course *c, CURLUPart part) {
    char *a = part_of(c, c->home, part), *b = part_of(c, c->to, part);
    bool same = a && b && slice_eq_nocase(slice_str(a), slice_str(b));
    c->curl->free(a);
    c->curl->free(b);
    return same;
}

static bool has_zone(const struct course *c, CURLU *url) {
    char *zone = part_of(c, url, CURLUPART_ZONEID);
    c->curl->free(zone);
    return zone != NULL;
}

static bool same_zone(const struct course *c) {
    return same_part(c, CURLUPART_ZONEID) || (!has_zone(c, c->home) && !has_zone(c, c->to));
}

static bool same_origin(const struct course *c) {
    return same_part(c, CURLUPART_SCHEME) && same_part(c, CURLUPART_HOST) && same_zone(c) &&
           same_part(c, CURLUPART_PORT);
}

/* A server does not know our interfaces: a link-local host without a zone gets the zone of the server's own address. */
static void lend_zone(const struct course *c, const char *zone) {
    union address address;
    char *host = part_of(c, c->to, CURLUPART_HOST); /* "[fe80::1]" */
    size_t n = host ? strlen(host) : 0;
    if (zone && n > 2 && !has_zone(c, c->to)) {
        host[n - 1] = '\0';
        if (address_read(&address, host + 1, 0) == ADDRESS_FINE && address_lacks_zone(&address))
            c->curl->url_set(c->to, CURLUPART_ZONEID, zone, 0);
    }
    c->curl->free(host);
}

static bool is_of_web(const struct course *c) {
    char *scheme = part_of(c, c->to, CURLUPART_SCHEME);
    bool web = scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    c->curl->free(scheme);
    return web;
}

/* Copies the user and password of the request's url (`along`), or removes them. */
static void copy_login(const struct course *c, bool along) {
    static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *text = along ? part_of(c, c->home, parts[i]) : NULL;
        c->curl->url_set(c->to, parts[i], text, 0);
        c->curl->free(text);
    }
}

/* ---- the next request ---- */

/* Goes on by GET, as browsers do (RFC 9110 15.4). */
static void become_get(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    t->way.became_get = true;
    t->request.body = slice_of(NULL, 0);
    SET(CURLOPT_HTTPGET, 1L);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
}

static void leave(struct http_transfer *t) {
    const struct curl *curl = &t->client->curl;
    t->way.led_away = true;
    SET(CURLOPT_USERNAME, NULL);
    SET(CURLOPT_PASSWORD, NULL);
    SET(CURLOPT_SSLCERT, NULL);
    SET(CURLOPT_SSLKEY, NULL);
    SET(CURLOPT_KEYPASSWD, NULL);
}

static void go(struct http_transfer *t, const struct course *c) {
    const struct curl *curl = c->curl;
    struct http_way *w = &t->way;
    bool is_post = t->request.body.p || strcmp(t->request.method, "POST") == 0;
    if (is_post && !w->became_get && w->status <= 303) become_get(t);
    if (!same_origin(c)) leave(t);
    copy_login(c, !w->led_away);
    if (w->led_away && t->request.body.p && !t->request.redirect_headers)
        fault_put(&t->fault, FAULT_HTTP,
                  "status %u asks for the body to be sent to another origin, which is done with "
                  "redirect_headers = true alone",
                  w->status);
    http_transfer_check_zone(t, c->to);
    http_jar_place(t, c->to);
    char *url = part_of(c, c->to, CURLUPART_URL);
    SET(CURLOPT_URL, url);
    curl->free(url);
    http_transfer_set_headers(t);
    w->redirects++;
    w->leads = false;
    w->skipped = 0;
    t->far = NO_CONNECTION;
    curl->multi_remove_handle(t->client->multi, t->easy);
    http_transfer_add(t);
}

static void refuse(struct http_transfer *t, const char *to, const char *why) {
    char shown[SECRET_SHOWN_SIZE];
    fault_put(&t->fault, FAULT_HTTP, "the server redirects to '%s': %s", secret_shown(slice_str(to), shown), why);
}

/* Finds where the Location leads from where the answer came. False: it is no address. */
static bool resolve(const struct http_transfer *t, const struct course *c, const char *location) {
    const char *from = NULL;
    c->curl->easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &from);
    if (!from || c->curl->url_set(c->to, CURLUPART_URL, from, 0) != CURLUE_OK) return false;
    char *zone = part_of(c, c->to, CURLUPART_ZONEID);
    bool good = c->curl->url_set(c->to, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                c->curl->url_set(c->home, CURLUPART_URL, t->request.url, 0) == CURLUE_OK;
    if (good) lend_zone(c, zone);
    c->curl->free(zone);
    return good;
}

static void follow(struct http_transfer *t, const struct course *c) {
    struct curl_header *h;
    bool found = c->curl->easy_header(t->easy, "Location", 0, CURLH_HEADER, -1, &h) == CURLHE_OK;
    const char *location = found ? h->value : "";
    if (t->way.redirects >= t->request.max_redirects)
        fault_put(&t->fault, FAULT_HTTP, "the server redirects once more than max_redirects allows (%ld)",
                  t->request.max_redirects);
    else if (!resolve(t, c, location))
        refuse(t, location, "it is not an address");
    else if (!is_of_web(c))
        refuse(t, location, "it is not of http or https");
    else
        go(t, c);
    t->over = fault_set(&t->fault);
}

bool http_redirect_follow(struct http_transfer *t, CURLcode code) {
    const struct curl *curl = &t->client->curl;
    if (!t->way.leads || fault_set(&t->fault) || (code != CURLE_OK && t->way.skipped <= SKIP_MOST)) return false;
    struct course c = {.curl = curl, .home = curl->url(), .to = curl->url()};
    if (c.home && c.to) {
        follow(t, &c);
    } else {
        fault_put(&t->fault, FAULT_HTTP, "no memory to follow a redirect");
        t->over = true;
    }
    curl->url_cleanup(c.home);
    curl->url_cleanup(c.to);
    return true;
}

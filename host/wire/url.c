/* url: one pass from left to right, each part checked where it is cut off. */
#include "wire/url.h"

#include "base/text.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { ZONE_MOST = 32 }; /* bytes: names of interfaces are shorter everywhere */

static int hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A percent-decoded copy of `s`. NULL with `*bad` set when one is malformed or a NUL. */
static char *decode(struct slice s, bool *bad) {
    char *text = text_of(s), *to = text;
    *bad = false;
    for (size_t i = 0; text && i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '%') {
            int high = i + 2 < s.n ? hex(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex(s.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                *bad = true;
                free(text);
                return NULL;
            }
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        *to++ = (char)c;
    }
    if (text) *to = '\0';
    return text;
}

/* A copy of a path and query, bytes above ASCII written as %XX. `prefix` goes in front. */
static char *encode_target(const char *prefix, struct slice s) {
    size_t front = strlen(prefix);
    char *text = malloc(front + s.n * 3 + 1), *to = text;
    if (!text) return NULL;
    memcpy(to, prefix, front);
    to += front;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x80) {
            *to++ = (char)s.p[i];
        } else {
            *to++ = '%';
            *to++ = "0123456789ABCDEF"[s.p[i] >> 4];
            *to++ = "0123456789ABCDEF"[s.p[i] & 15];
        }
    }
    *to = '\0';
    return text;
}

static int refuse(struct fault *fault, const char *why) {
    fault_put(fault, FAULT_URL, "%s", why);
    return ERR_SYNTAX;
}

/* Takes `prefix`, in any case, off the front. */
static bool take(struct slice *s, const char *prefix) {
    size_t n = strlen(prefix);
    if (s->n < n || !slice_eq_nocase(slice_head(*s, n), slice_str(prefix))) return false;
    *s = slice_skip(*s, n);
    return true;
}

static int parse_port(struct slice s, struct url *out, struct fault *fault) {
    unsigned long port = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || port > 65535)
            return refuse(fault, "the port must be a number from 1 to 65535");
        port = port * 10 + (s.p[i] - '0');
    }
    if (port < 1 || port > 65535) return refuse(fault, "the port must be a number from 1 to 65535");
    out->port_is_default = port == out->port;
    out->port = (uint16_t)port;
    return 0;
}

/* A dot at the end makes no empty label: it says that the name is fully qualified (RFC 1034 3.1). */
static bool has_empty_label(struct slice host) {
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == '.' && (i == 0 || host.p[i - 1] == '.')) return true;
    return false;
}

static int parse_host(struct slice s, struct url *out, struct fault *fault) {
    if (s.n == 0) return refuse(fault, "it has no host");
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c >= 0x80) return refuse(fault, "the host has letters beyond ASCII: write it in Punycode (xn--...)");
        if (!isalnum(c) && c != '-' && c != '.' && c != '_' && c != '~')
            return refuse(fault, "the host has a character that no host name has");
    }
    if (s.n > 255) return refuse(fault, "the host is longer than a name can be");
    if (has_empty_label(s)) return refuse(fault, "the host has an empty label (a '.' in front, or two in a row)");
    out->host = text_of(s);
    return out->host ? 0 : ERR_NOMEM;
}

static bool is_good_zone(const char *zone) {
    if (strlen(zone) > ZONE_MOST) return false;
    for (const char *p = zone; *p; p++)
        if (*p <= ' ' || *p >= 0x7F || *p == '%' || *p == '/' || *p == '[' || *p == ']') return false;
    return *zone;
}

/* "%eth0", or as RFC 6874 has it "%25eth0", with other letters as %XX. */
static int parse_zone(struct slice s, struct url *out, struct fault *fault) {
    bool bad = false;
    bool encoded = s.n > 3 && slice_eq(slice_head(s, 3), slice_str("%25"));
    s = slice_skip(s, encoded ? 3 : 1);
    out->zone = encoded ? decode(s, &bad) : text_of(s);
    if (!out->zone && !bad) return ERR_NOMEM;
    if (bad || !is_good_zone(out->zone))
        return refuse(fault, "what stands behind the '%' of its address is no name of an interface");
    return 0;
}

/* What stands between brackets. */
static int parse_ipv6(struct slice s, struct url *out, struct fault *fault) {
    uint8_t address[16];
    const uint8_t *percent = s.n ? memchr(s.p, '%', s.n) : NULL;
    struct slice zone = percent ? slice_skip(s, (size_t)(percent - s.p)) : slice_of(NULL, 0);
    if (s.n > 255) return refuse(fault, "the host is longer than a name can be");
    s.n -= zone.n;
    out->host_is_ipv6 = true;
    if (!(out->host = text_of(s))) return ERR_NOMEM;
    if (strlen(out->host) != s.n || inet_pton(AF_INET6, out->host, address) != 1)
        return refuse(fault, s.n ? "what stands in [ ] is no IPv6 address" : "it has no host");
    return percent ? parse_zone(zone, out, fault) : 0;
}

/* "user:password", where the password may be missing: then it is empty (RFC 7617 2). Where both are missing there are
 * no credentials. */
static int parse_credentials(struct slice s, struct url *out, struct fault *fault) {
    bool bad;
    if (s.n == 0 || slice_eq(s, slice_str(":"))) return 0;
    char *text = out->credentials = decode(s, &bad);
    if (!text) return bad ? refuse(fault, "the user or password has a wrong %XX") : ERR_NOMEM;
    if (strchr(text, ':')) return 0;
    size_t n = strlen(text);
    if (!(text = realloc(text, n + 2))) return ERR_NOMEM;
    memcpy(text + n, ":", 2);
    out->credentials = text;
    return 0;
}

static int parse_authority(struct slice s, struct url *out, struct fault *fault) {
    for (size_t i = s.n; i-- > 0;) {
        if (s.p[i] != '@') continue;
        int rc = parse_credentials(slice_head(s, i), out, fault);
        if (rc < 0) return rc;
        s = slice_skip(s, i + 1);
        break;
    }
    struct slice host = s, port = {0};
    bool has_port = false, is_ipv6 = s.n && s.p[0] == '[';
    if (is_ipv6) {
        const uint8_t *end = memchr(s.p, ']', s.n);
        if (!end) return refuse(fault, "the '[' of an IPv6 address is not closed");
        host = slice_of(s.p + 1, (size_t)(end - s.p) - 1);
        port = slice_skip(s, host.n + 2);
        if (port.n && port.p[0] != ':') return refuse(fault, "something stands between ']' and the port");
        has_port = port.n > 0;
    } else {
        const uint8_t *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
        if (colon) {
            host = slice_of(s.p, (size_t)(colon - s.p));
            port = slice_skip(s, host.n);
            has_port = true;
        }
    }
    if (has_port) port = slice_skip(port, 1);
    int rc = is_ipv6 ? parse_ipv6(host, out, fault) : parse_host(host, out, fault);
    if (rc == 0 && has_port && port.n) rc = parse_port(port, out, fault); /* "host:" is allowed by RFC 3986 3.2.3 */
    return rc;
}

static int parse_target(struct slice s, struct url *out) {
    out->target = encode_target(s.n && s.p[0] == '/' ? "" : "/", s);
    return out->target ? 0 : ERR_NOMEM;
}

static int parse_unix(struct slice s, struct url *out, struct fault *fault) {
    take(&s, "//");
    const uint8_t *colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    struct slice path = colon ? slice_of(s.p, (size_t)(colon - s.p)) : s;
    struct slice target = colon ? slice_skip(s, path.n + 1) : slice_of(NULL, 0);
    if (path.n == 0 || slice_eq(path, slice_str("@")))
        return refuse(fault, "it has no socket path (ws+unix:///run/app.sock:/uri)");
    bool bad;
    out->socket_path = decode(path, &bad);
    if (!out->socket_path) return bad ? refuse(fault, "the socket path has a wrong %XX") : ERR_NOMEM;
    if (strlen(out->socket_path) > 100) return refuse(fault, "the socket path is longer than 100 bytes");
    out->host = text_of(slice_str("localhost"));
    return out->host ? parse_target(target, out) : ERR_NOMEM;
}

/* What no address may have, whatever its scheme. */
static int check_letters(struct slice s, struct fault *fault) {
    if (s.n > URL_MAX) return refuse(fault, "it is longer than 16 KB");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] == 0x7F)
            return refuse(fault, "it has a space or control character (write %20 for a space)");
        if (s.p[i] == '#') return refuse(fault, "a #fragment has no meaning here (write %23 for a '#')");
    }
    return 0;
}

/* How much of `s` is user, password, host and port. */
static size_t authority_size(struct slice s) {
    size_t n = 0;
    while (n < s.n && s.p[n] != '/' && s.p[n] != '?') n++;
    return n;
}

static int parse(struct slice s, struct url *out, struct fault *fault) {
    int rc = check_letters(s, fault);
    if (rc < 0) return rc;
    out->port_is_default = true;
    if (take(&s, "ws+unix:")) {
        out->scheme = URL_UNIX;
        out->port = 80;
        return parse_unix(s, out, fault);
    }
    if (take(&s, "wss://")) {
        out->scheme = URL_WSS;
        out->port = 443;
    } else if (take(&s, "ws://")) {
        out->scheme = URL_WS;
        out->port = 80;
    } else {
        return refuse(fault, take(&s, "https:")  ? "write wss:// for https://"
                             : take(&s, "http:") ? "write ws:// for http://"
                                                 : "it must begin with ws://, wss:// or ws+unix:");
    }
    size_t n = authority_size(s);
    rc = parse_authority(slice_head(s, n), out, fault);
    return rc < 0 ? rc : parse_target(slice_skip(s, n), out);
}

static int parse_proxy(struct slice s, struct url *out, struct fault *fault) {
    static const struct {
        const char *prefix;
        enum url_scheme scheme;
        uint16_t port;
    } schemes[] = {
        {"http://", URL_HTTP, 80},
        {"https://", URL_HTTPS, 443},
        {"socks5://", URL_SOCKS5, 1080},
        {"socks5h://", URL_SOCKS5H, 1080},
    };
    int rc = check_letters(s, fault);
    if (rc < 0) return rc;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && !out->port; i++) {
        if (!take(&s, schemes[i].prefix)) continue;
        out->scheme = schemes[i].scheme;
        out->port = schemes[i].port;
    }
    if (!out->port) return refuse(fault, "it must begin with http://, https://, socks5:// or socks5h://");
    out->port_is_default = true;
    size_t n = authority_size(s);
    struct slice behind = slice_skip(s, n);
    if ((rc = parse_authority(slice_head(s, n), out, fault)) < 0) return rc;
    if (behind.n > 1 || (behind.n && behind.p[0] != '/')) return refuse(fault, "a proxy has no path");
    if (out->credentials && out->scheme >= URL_SOCKS5) {
        size_t user = strcspn(out->credentials, ":"), password = strlen(out->credentials + user);
        if (user > URL_SOCKS_LOGIN || password > 1 + URL_SOCKS_LOGIN)
            return refuse(fault, "user and password may have 255 bytes each (RFC 1929)");
    }
    return 0;
}

int url_parse(struct slice text, struct url *out, struct fault *fault) {
    *out = (struct url){0};
    int rc = parse(text, out, fault);
    if (rc == 0 && !(out->text = text_of(text))) rc = ERR_NOMEM;
    if (rc < 0) url_clear(out);
    return rc;
}

int url_parse_proxy(struct slice text, struct url *out, struct fault *fault) {
    *out = (struct url){0};
    int rc = parse_proxy(text, out, fault);
    if (rc < 0) url_clear(out);
    return rc;
}

err_lists_all(struct url, 64);

int url_copy(struct url *to, const struct url *from) {
    *to = *from;
    bool text = text_copy(&to->text, from->text), host = text_copy(&to->host, from->host);
    bool target = text_copy(&to->target, from->target), path = text_copy(&to->socket_path, from->socket_path);
    bool zone = text_copy(&to->zone, from->zone);
    if (text_copy(&to->credentials, from->credentials) && text && host && zone && target && path) return 0;
    url_clear(to);
    return ERR_NOMEM;
}

void url_place(const struct url *u, char text[URL_PLACE_SIZE]) {
    char host[URL_PLACE_SIZE];
    snprintf(text, URL_PLACE_SIZE, u->host_is_ipv6 ? "[%.255s]:%u" : "%.255s:%u", url_host(u, host), u->port);
}

const char *url_host(const struct url *u, char text[URL_PLACE_SIZE]) {
    if (!u->zone) return u->host;
    snprintf(text, URL_PLACE_SIZE, "%s%%%s", u->host, u->zone);
    return text;
}

void url_clear(struct url *u) {
    free(u->text);
    free(u->host);
    free(u->zone);
    free(u->target);
    free(u->credentials);
    free(u->socket_path);
    *u = (struct url){0};
}

/* ---- references ---- */

/* Ends the path before its last segment. */
static size_t parent(const char *path, size_t n) {
    while (n && path[n - 1] != '/') n--;
    return n;
}

/* Takes "." and ".." out of a path that begins with '/' (RFC 3986 5.2.4). */
static void remove_dots(char *path) {
    size_t n = 1; /* bytes that stay, the last of them a '/' */
    for (const char *from = path + 1; *from;) {
        size_t size = strcspn(from, "/");
        bool dot = size == 1 && from[0] == '.', dots = size == 2 && from[0] == '.' && from[1] == '.';
        if (dots && n > 1) n = parent(path, n - 1);
        if (!dot && !dots) {
            memmove(path + n, from, size);
            n += size;
            if (from[size]) path[n++] = '/';
        }
        from += size + (from[size] != '\0');
    }
    path[n] = '\0';
}

/* The target that a reference without scheme and authority names. NULL without memory. */
static char *merge_target(const struct url *base, struct slice reference) {
    size_t before = strcspn(base->target, "?"), query = 0;
    while (query < reference.n && reference.p[query] != '?') query++;
    if (query > 0) before = reference.p[0] == '/' ? 0 : parent(base->target, before);
    if (reference.n == 0) before = strlen(base->target);
    char *text = malloc(before + reference.n + 1);
    if (!text) return NULL;
    memcpy(text, base->target, before);
    if (query) memcpy(text + before, reference.p, query);
    text[before + query] = '\0';
    if (query) remove_dots(text);
    size_t n = strlen(text);
    if (query < reference.n) memcpy(text + n, reference.p + query, reference.n - query);
    text[n + reference.n - query] = '\0';
    return text;
}

/* The same place with another target. */
static int retarget(const struct url *base, struct slice reference, struct url *out) {
    char *target = merge_target(base, reference);
    if (!target || url_copy(out, base) < 0) {
        free(target);
        return ERR_NOMEM;
    }
    free(out->credentials);
    out->credentials = NULL;
    free(out->target);
    out->target = encode_target("", slice_str(target));
    free(target);
    return out->target ? 0 : ERR_NOMEM;
}

static bool is_of_link(const struct url *u) {
    struct in6_addr address;
    return u->host_is_ipv6 && inet_pton(AF_INET6, u->host, &address) == 1 && IN6_IS_ADDR_LINKLOCAL(&address);
}

/* Gives a link-local address without a zone the zone of `from`: it is on the same link. */
static int lend_zone(struct url *to, const struct url *from) {
    if (to->zone || !from->zone || !is_of_link(to)) return 0;
    if ((to->zone = text_of(slice_str(from->zone)))) return 0;
    url_clear(to);
    return ERR_NOMEM;
}

int url_resolve(const struct url *base, struct slice location, struct url *out, struct fault *fault) {
    static const char *const schemes[][2] = {{"http:", "ws:"}, {"https:", "wss:"}, {"ws:", "ws:"}, {"wss:", "wss:"}};
    *out = (struct url){0};
    const uint8_t *fragment = location.n ? memchr(location.p, '#', location.n) : NULL;
    if (fragment) location.n = (size_t)(fragment - location.p);
    if (location.n > URL_MAX) return refuse(fault, "it is longer than 16 KB");
    for (size_t i = 0; i < location.n; i++)
        if (location.p[i] <= ' ' || location.p[i] == 0x7F) return refuse(fault, "it has a space or control character");
    const char *scheme = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && !scheme; i++)
        if (take(&location, schemes[i][0])) scheme = schemes[i][1];
    size_t word = 0; /* the size of another scheme, perhaps */
    while (word < location.n && !strchr(":/?", location.p[word])) word++;
    if (!scheme && word < location.n && location.p[word] == ':') return refuse(fault, "it is not of http or https");
    bool has_authority = location.n > 1 && location.p[0] == '/' && location.p[1] == '/';
    if (!scheme && !has_authority) {
        int rc = retarget(base, location, out);
        if (rc < 0) url_clear(out);
        return rc;
    }
    if (!scheme) scheme = base->scheme == URL_WSS ? "wss:" : "ws:";
    size_t n = strlen(scheme);
    char *text = malloc(n + location.n + 1);
    if (!text) return ERR_NOMEM;
    memcpy(text, scheme, n);
    if (location.n) memcpy(text + n, location.p, location.n);
    int rc = url_parse(slice_of(text, n + location.n), out, fault);
    free(text);
    if (rc < 0) return rc;
    free(out->credentials);
    out->credentials = NULL;
    return lend_zone(out, base);
}

bool url_same_origin(const struct url *a, const struct url *b) {
    return a->scheme == b->scheme && a->port == b->port && text_is_same(a->socket_path, b->socket_path) &&
           text_is_same(a->zone, b->zone) && slice_eq_nocase(slice_str(a->host), slice_str(b->host));
}

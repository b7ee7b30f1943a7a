/* proxy_env: a few variables, and one list. */
#include "net/dial/proxy_env.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- NO_PROXY ---- */

/* Reads a number of at most `most` that takes all of `s`. */
static bool number(struct slice s, unsigned most, unsigned *out) {
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit(s.p[i]) || *out > most) return false;
        *out = *out * 10 + (s.p[i] - '0');
    }
    return s.n > 0 && *out <= most;
}

/* The address that `s` is, in `bytes`; its size, or 0 where it is none. Its zone is ignored. */
static unsigned address(struct slice s, uint8_t bytes[16]) {
    char text[INET6_ADDRSTRLEN];
    const uint8_t *percent = s.n ? memchr(s.p, '%', s.n) : NULL;
    if (percent) s = slice_head(s, (size_t)(percent - s.p));
    if (s.n >= sizeof text) return 0;
    snprintf(text, sizeof text, "%.*s", SLICE_ARGS(s));
    return inet_pton(AF_INET, text, bytes) == 1 ? 4 : inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* Takes the port of an entry off its end; 0: it has none. An IPv6 address needs brackets for that. */
static unsigned take_port(struct slice *entry) {
    size_t n = entry->n;
    unsigned port;
    while (n && isdigit(entry->p[n - 1])) n--;
    if (n < 2 || entry->p[n - 1] != ':' || !number(slice_skip(*entry, n), 65535, &port)) return 0;
    struct slice host = slice_head(*entry, n - 1);
    if (memchr(host.p, ':', host.n) && host.p[host.n - 1] != ']') return 0;
    *entry = host;
    return port;
}

static struct slice without_brackets(struct slice s) {
    return s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']' ? slice_of(s.p + 1, s.n - 2) : s;
}

/* "example.org." is example.org. */
static struct slice without_last_dot(struct slice s) {
    return s.n > 1 && s.p[s.n - 1] == '.' ? slice_head(s, s.n - 1) : s;
}

/* Is `host` the name, or below it? "*.example.org" is ".example.org". */
static bool is_within(struct slice host, struct slice name) {
    if (slice_eq(slice_head(name, 2), slice_str("*."))) name = slice_skip(name, 1);
    if (name.n && name.p[0] == '.') name = slice_skip(name, 1);
    name = without_last_dot(name);
    if (name.n == 0 || host.n < name.n) return false;
    size_t front = host.n - name.n;
    return slice_eq_nocase(slice_skip(host, front), name) && (front == 0 || host.p[front - 1] == '.');
}

static bool entry_names(struct slice entry, struct slice host, unsigned port) {
    uint8_t mine[16], theirs[16];
    unsigned only = take_port(&entry);
    if (only && only != port) return false;
    if (slice_eq(entry, slice_str("*"))) return true;
    unsigned n = address(host, mine), bits = n * 8;
    if (n == 0) return is_within(host, entry);
    const uint8_t *slash = memchr(entry.p, '/', entry.n);
    struct slice network = slash ? slice_head(entry, (size_t)(slash - entry.p)) : entry;
    if (slash && !number(slice_skip(entry, network.n + 1), bits, &bits)) return false;
    return address(without_brackets(network), theirs) == n && same_bits(mine, theirs, bits);
}

bool proxy_env_excepts(const char *no_proxy, const char *host, uint16_t port) {
    struct slice server = without_last_dot(slice_str(host));
    for (const char *p = no_proxy + strspn(no_proxy, ", \t"); *p; p += strspn(p, ", \t")) {
        size_t n = strcspn(p, ", \t");
        if (entry_names(slice_of(p, n), server, port)) return true;
        p += n;
    }
    return false;
}

/* ---- the other variables ---- */

/* The variable `lower`, or `upper`; NULL where neither says anything. `*name` is the one that does. */
static const char *find(proxy_env_get get, const char *lower, const char *upper, const char **name) {
    const char *value = get(*name = lower);
    if (!value || !value[0]) value = get(*name = upper);
    return value && value[0] ? value : NULL;
}

/* http_proxy. In a CGI program, HTTP_PROXY is a client's header "Proxy". */
static const char *find_http(proxy_env_get get, const char **name) {
    const char *value = find(get, "http_proxy", "HTTP_PROXY", name);
    return value && **name == 'H' && get("REQUEST_METHOD") ? NULL : value;
}

int proxy_env_read(const struct url *to, proxy_env_get get, struct url *proxy, const char **why, struct fault *fault) {
    const char *name, *value, *exception;
    *proxy = (struct url){0};
    *why = NULL;
    if (to->scheme == URL_WSS)
        value = find(get, "https_proxy", "HTTPS_PROXY", &name);
    else
        value = find_http(get, &name);
    if (!value) value = find(get, "all_proxy", "ALL_PROXY", &name);
    if (!value) return 0;
    const char *excepted = find(get, "no_proxy", "NO_PROXY", &exception);
    bool is_excepted = excepted && proxy_env_excepts(excepted, to->host, to->port);
    *why = is_excepted ? exception : name;
    if (is_excepted) return 0;
    struct fault wrong = {0};
    size_t size = strlen(value) + sizeof "http://";
    char *text = malloc(size);
    if (text) snprintf(text, size, "%s%s", strstr(value, "://") ? "" : "http://", value);
    int rc = text ? url_parse_proxy(slice_str(text), proxy, &wrong) : ERR_NOMEM;
    free(text);
    if (rc < 0)
        fault_put(fault, FAULT_PROXY, "%s of the environment: %s", name,
                  fault_set(&wrong) ? wrong.text : "no memory for the address");
    return rc;
}

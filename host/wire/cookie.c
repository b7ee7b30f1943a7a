/* cookie: RFC 6265 section 5, for a jar that is never large: a list in the order in which cookies were made. Which
 * domains are public suffixes is not known here: a cookie for a domain is sent only to names within it, and a Domain of
 * one label ("com") is refused unless it is the host itself. */
#include "wire/cookie.h"

#include "wire/date.h"
#include <stdlib.h>

struct cookie {
    struct cookie *next;
    struct slice name, value, domain, path; /* point into `text` */
    bool host_only, secure;
    int64_t expires; /* INT64_MAX: when the jar is cleared */
    uint8_t text[];
};

void cookie_jar_clear(struct cookie_jar *jar) {
    for (struct cookie *c = jar->first, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *jar = (struct cookie_jar){0};
}

/* ---- matching ---- */

static bool is_address(struct slice host) {
    bool only = true;
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == ':') return true;
        only = only && (host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9'));
    }
    return only;
}

/* RFC 6265 5.1.3 */
static bool domain_matches(struct slice host, struct slice domain) {
    if (slice_eq_nocase(host, domain)) return true;
    if (host.n <= domain.n || is_address(host)) return false;
    struct slice end = slice_skip(host, host.n - domain.n);
    return slice_eq_nocase(end, domain) && end.p[-1] == '.';
}

static struct slice path_of(struct slice target) {
    const uint8_t *query = target.n ? memchr(target.p, '?', target.n) : NULL;
    return query ? slice_head(target, (size_t)(query - target.p)) : target;
}

/* RFC 6265 5.1.4 */
static struct slice default_path(struct slice target) {
    struct slice path = path_of(target);
    while (path.n && path.p[path.n - 1] != '/') path.n--;
    if (path.n > 1) path.n--;
    return path.n ? path : slice_str("/");
}

static bool path_matches(struct slice path, struct slice of) {
    if (path.n < of.n || !slice_eq(slice_head(path, of.n), of)) return false;
    return path.n == of.n || of.p[of.n - 1] == '/' || path.p[of.n] == '/';
}

static bool is_for(const struct cookie *c, const struct cookie_place *to, int64_t now) {
    return c->expires > now && (!c->secure || to->secure) && path_matches(path_of(to->target), c->path) &&
           (c->host_only ? slice_eq_nocase(to->host, c->domain) : domain_matches(to->host, c->domain));
}

/* ---- Set-Cookie ---- */

/* The attributes of a Set-Cookie. */
struct attributes {
    struct slice domain, path; /* `p` NULL: not given */
    bool secure;
    int64_t expires;
    bool has_max_age; /* then Expires is ignored */
};

static int64_t after(struct slice seconds, int64_t now) {
    bool less = seconds.n && seconds.p[0] == '-';
    int64_t n = 0;
    for (size_t i = less; i < seconds.n && n < INT32_MAX; i++) n = n * 10 + (seconds.p[i] - '0');
    return less || n == 0 ? INT64_MIN : now + n;
}

static bool is_number(struct slice s) {
    for (size_t i = s.n && s.p[0] == '-'; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    return s.n > 0;
}

static void read_attribute(struct slice name, struct slice value, int64_t now, struct attributes *a) {
    if (slice_eq_nocase(name, slice_str("Secure"))) {
        a->secure = true;
    } else if (slice_eq_nocase(name, slice_str("Max-Age"))) {
        if (!is_number(value)) return;
        a->expires = after(value, now);
        a->has_max_age = true;
    } else if (slice_eq_nocase(name, slice_str("Expires"))) {
        int64_t date;
        if (!a->has_max_age && date_read(value, &date)) a->expires = date;
    } else if (slice_eq_nocase(name, slice_str("Domain"))) {
        a->domain = value.n && value.p[0] == '.' ? slice_skip(value, 1) : value;
    } else if (slice_eq_nocase(name, slice_str("Path"))) {
        a->path = value.n && value.p[0] == '/' ? value : slice_of(NULL, 0);
    }
}

/* Takes "name=value", or "name" (and then value->p is NULL), off the front, up to a ';'. */
static void take_pair(struct slice *rest, struct slice *name, struct slice *value) {
    struct slice part = slice_of(NULL, 0);
    slice_split(rest, ';', &part);
    const uint8_t *equals = part.n ? memchr(part.p, '=', part.n) : NULL;
    *name = slice_trim(equals ? slice_head(part, (size_t)(equals - part.p)) : part);
    *value = equals ? slice_trim(slice_skip(part, (size_t)(equals - part.p) + 1)) : slice_of(NULL, 0);
}

static bool begins(struct slice s, const char *with) {
    return slice_eq_nocase(slice_head(s, strlen(with)), slice_str(with));
}

/* May a server at `from` set this cookie? */
static bool is_allowed(struct slice name, const struct attributes *a, const struct cookie_place *from) {
    if (a->secure && !from->secure) return false;
    if (a->domain.n) {
        bool is_suffix = !memchr(a->domain.p, '.', a->domain.n) && !slice_eq_nocase(a->domain, from->host);
        if (is_suffix || !domain_matches(from->host, a->domain)) return false;
    }
    if (begins(name, "__Secure-")) return a->secure;
    if (begins(name, "__Host-")) return a->secure && !a->domain.n && slice_eq(a->path, slice_str("/"));
    return true;
}

static struct slice keep(uint8_t **to, struct slice s) {
    struct slice kept = slice_of(*to, s.n);
    if (s.n) memcpy(*to, s.p, s.n);
    *to += s.n;
    return kept;
}

/* Bytes of "name=value; ". */
static size_t size_of(const struct cookie *c) { return c->name.n + c->value.n + 3; }

static void drop(struct cookie_jar *jar, struct cookie **at) {
    struct cookie *c = *at;
    *at = c->next;
    jar->count--;
    jar->size -= size_of(c);
    free(c);
}

static bool same_domain(const struct cookie *a, const struct cookie *b) {
    return slice_eq_nocase(a->domain, b->domain);
}

static bool is_same(const struct cookie *a, const struct cookie *b) {
    return slice_eq(a->name, b->name) && same_domain(a, b) && slice_eq(a->path, b->path);
}

/* Where it goes: the place of the one that it replaces, which goes (RFC 6265 5.3, 11), or behind the others. Those that
 * have expired go as well. */
static struct cookie **make_place(struct cookie_jar *jar, const struct cookie *c, int64_t now) {
    struct cookie **at = &jar->first, **place = NULL;
    while (*at) {
        bool replaced = is_same(*at, c);
        if (replaced) place = at;
        if (replaced || (*at)->expires <= now)
            drop(jar, at);
        else
            at = &(*at)->next;
    }
    return place ? place : at;
}

/* Drops the oldest ones of the domain of `c` that are too many for it. */
static void make_room(struct cookie_jar *jar, const struct cookie *c) {
    unsigned count = 0;
    size_t size = 0;
    for (const struct cookie *o = jar->first; o; o = o->next) {
        if (!same_domain(o, c)) continue;
        count++;
        size += size_of(o);
    }
    for (struct cookie **at = &jar->first; *at && (count > COOKIES_MAX || size > COOKIES_SIZE_MAX);) {
        if (!same_domain(*at, c)) {
            at = &(*at)->next;
            continue;
        }
        count--;
        size -= size_of(*at);
        drop(jar, at);
    }
}

static void put(struct cookie_jar *jar, struct cookie *c, int64_t now) {
    struct cookie **at = make_place(jar, c, now);
    if (c->expires <= now) { /* its purpose was to delete another */
        free(c);
        return;
    }
    c->next = *at;
    *at = c;
    jar->count++;
    jar->size += size_of(c);
    make_room(jar, c);
    if (jar->count > COOKIES_ALL_MAX) drop(jar, &jar->first);
}

void cookie_jar_take(struct cookie_jar *jar, struct slice set_cookie, const struct cookie_place *from, int64_t now) {
    struct attributes a = {.expires = INT64_MAX};
    struct slice rest = set_cookie, name, value, attribute, its_value;
    if (set_cookie.n == 0 || set_cookie.n > COOKIE_SIZE_MAX) return;
    take_pair(&rest, &name, &value);
    if (name.n == 0 || !value.p) return;
    while (rest.p) {
        take_pair(&rest, &attribute, &its_value);
        read_attribute(attribute, its_value, now, &a);
    }
    if (!is_allowed(name, &a, from)) return;
    struct slice domain = a.domain.n ? a.domain : from->host;
    struct slice path = a.path.p ? a.path : default_path(from->target);
    struct cookie *c = malloc(sizeof *c + name.n + value.n + domain.n + path.n);
    if (!c) return;
    uint8_t *to = c->text;
    c->next = NULL;
    c->name = keep(&to, name);
    c->value = keep(&to, value);
    c->domain = keep(&to, domain);
    c->path = keep(&to, path);
    c->host_only = a.domain.n == 0;
    c->secure = a.secure;
    c->expires = a.expires;
    put(jar, c, now);
}

/* Appends "name=value", unless that makes more than a jar sends. */
static int write_cookie(const struct cookie *c, size_t before, struct buf *out) {
    bool first = out->len == before;
    if (out->len - before + size_of(c) > COOKIES_SIZE_MAX) return 0;
    int rc = first ? 0 : buf_append(out, slice_str("; "));
    if (rc == 0) rc = buf_append(out, c->name);
    if (rc == 0) rc = buf_append(out, slice_str("="));
    return rc == 0 ? buf_append(out, c->value) : rc;
}

int cookie_jar_write(const struct cookie_jar *jar, const struct cookie_place *to, int64_t now, struct buf *out) {
    size_t longest = SIZE_MAX, next, before = out->len;
    for (;; longest = next) { /* the longest path first, then the next shorter one */
        next = 0;
        for (const struct cookie *c = jar->first; c; c = c->next)
            if (c->path.n < longest && c->path.n > next && is_for(c, to, now)) next = c->path.n;
        if (next == 0) return 0;
        for (const struct cookie *c = jar->first; c; c = c->next) {
            if (c->path.n != next || !is_for(c, to, now)) continue;
            int rc = write_cookie(c, before, out);
            if (rc < 0) return rc;
        }
    }
}

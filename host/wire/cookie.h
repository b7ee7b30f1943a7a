/* cookie: a jar for the cookies that servers set (RFC 6265), to be sent with the next request. It knows no clock: times
 * are seconds since 1970. */
#ifndef WIRE_COOKIE_H
#define WIRE_COOKIE_H

#include "base/buf.h"

enum {
    COOKIES_MAX = 50,            /* of a domain; then a new one replaces its oldest */
    COOKIES_SIZE_MAX = 16 << 10, /* bytes that a domain has, and that a request sends: servers take hardly more */
    COOKIES_ALL_MAX = 3000,      /* in a jar; then a new one replaces the oldest of all */
    COOKIE_SIZE_MAX = 4096,      /* bytes of a Set-Cookie; a longer one is ignored */
};

/* All zero: empty. */
struct cookie_jar {
    struct cookie *first;
    unsigned count;
    size_t size; /* bytes of all, as they would be sent */
};

void cookie_jar_clear(struct cookie_jar *jar);

/* Where a request goes. */
struct cookie_place {
    struct slice host, target; /* the target with its query, if any */
    bool secure;               /* TLS */
};

/* Takes the value of one Set-Cookie of the answer to a request. Ignored is what RFC 6265 5.2 and 5.3 say (a cookie for
 * another domain, or without a name, say), and what there is no memory for. */
void cookie_jar_take(struct cookie_jar *jar, struct slice set_cookie, const struct cookie_place *from, int64_t now);

/* Appends the value of Cookie for a request ("a=1; b=2"), longer paths first (RFC 6265 5.4); nothing where no cookie is
 * for it. 0, ERR_FULL or ERR_NOMEM. */
int cookie_jar_write(const struct cookie_jar *jar, const struct cookie_place *to, int64_t now, struct buf *out);

#endif

/* cookies: a jar (wire/cookie.h) that several users share: a session of HTTP, whose requests run in libcurl's thread,
 * and connections. References are the loop's to count; all else may be called from both threads. */
#ifndef NET_COOKIES_H
#define NET_COOKIES_H

#include "wire/cookie.h"

struct cookies;

/* An empty jar with one reference. NULL: there is no memory for it. */
struct cookies *cookies_new(void);
struct cookies *cookies_hold(struct cookies *c); /* adds a reference; returns `c` */
void cookies_release(struct cookies *c);         /* NULL is fine */

/* As cookie_jar_take and cookie_jar_write. */
void cookies_take(struct cookies *c, struct slice set_cookie, const struct cookie_place *from, int64_t now);
int cookies_write(struct cookies *c, const struct cookie_place *to, int64_t now, struct buf *out);

/* How many bytes of memory it keeps, about. */
size_t cookies_size(struct cookies *c);

#endif

/* cookies: a lock around a jar. */
#include "net/cookies.h"

#include <stdlib.h>
#include <uv.h>

struct cookies {
    unsigned references;
    uv_mutex_t lock; /* for the jar */
    struct cookie_jar jar;
};

struct cookies *cookies_new(void) {
    struct cookies *c = calloc(1, sizeof *c);
    if (c && uv_mutex_init(&c->lock) != 0) {
        free(c);
        return NULL;
    }
    if (c) c->references = 1;
    return c;
}

struct cookies *cookies_hold(struct cookies *c) {
    err_must(c->references > 0);
    c->references++;
    return c;
}

void cookies_release(struct cookies *c) {
    if (!c || --c->references) return;
    cookie_jar_clear(&c->jar);
    uv_mutex_destroy(&c->lock);
    free(c);
}

void cookies_take(struct cookies *c, struct slice set_cookie, const struct cookie_place *from, int64_t now) {
    uv_mutex_lock(&c->lock);
    cookie_jar_take(&c->jar, set_cookie, from, now);
    uv_mutex_unlock(&c->lock);
}

int cookies_write(struct cookies *c, const struct cookie_place *to, int64_t now, struct buf *out) {
    uv_mutex_lock(&c->lock);
    int rc = cookie_jar_write(&c->jar, to, now, out);
    uv_mutex_unlock(&c->lock);
    return rc;
}

size_t cookies_size(struct cookies *c) {
    enum { EACH = 128 }; /* what a cookie takes beside its text: domain, path and the block's head */
    uv_mutex_lock(&c->lock);
    size_t size = sizeof *c + c->jar.size + c->jar.count * (size_t)EACH;
    uv_mutex_unlock(&c->lock);
    return size;
}

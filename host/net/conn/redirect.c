/* redirect: what an answer to the opening handshake asks of the next request: cookies, and redirects, which are
 * followed within the attempt. One from wss to ws is not followed. Headers and credentials that the script gave are
 * sent to the origin that it named alone: once a redirect has led to another origin, they are not sent again in that
 * attempt, not even where another redirect leads back, since a foreign server has chosen that address. */
#include "net/conn/parts.h"

#include "base/reserve.h"
#include "net/conn/record.h"
#include "wire/secret.h"

#include <stdlib.h>

struct conn_more *conn_need_more(struct conn *c) {
    if (!c->more) c->more = reserve_take(sizeof *c->more);
    return c->more;
}

void conn_drop_more(struct conn *c) {
    if (!c->more) return;
    conn_drop_offer_next(c);
    conn_forget_redirects(c);
    cookie_jar_clear(&c->more->cookies);
    histogram_clear(&c->more->pings);
    free(c->more);
    c->more = NULL;
}

/* ---- the origin ---- */

/* Has a redirect led away from the one that the script named? */
static bool is_foreign(const struct conn *c) { return c->more && c->more->led_away; }

struct tls_config conn_tls(const struct conn *c) {
    struct tls_config config = c->plan->tls;
    if (is_foreign(c)) config.cert = config.key = config.key_password = config.server_name = NULL;
    return config;
}

/* ---- cookies ---- */

/* Where the request goes. The same link-local address on another link is another host; `text` has room for its name. */
static struct cookie_place place(const struct conn *c, char text[URL_PLACE_SIZE]) {
    const struct url *url = conn_url(c);
    return (struct cookie_place){
        .host = slice_str(url_host(url, text)), .target = slice_str(url->target), .secure = url->scheme == URL_WSS};
}

static int64_t wall(const struct conn *c) { return (int64_t)clock_wall(&c->net->clock); }

int conn_request_extras(struct conn *c, struct buf *cookies, struct handshake_extras *extras) {
    char host[URL_PLACE_SIZE];
    struct cookie_place to = place(c, host);
    *extras = (struct handshake_extras){.foreign = is_foreign(c), .headers = c->plan->settings.redirect_headers};
    const struct option_cookies *kept = &c->plan->settings.cookies;
    int rc = 0;
    if (kept->jar)
        rc = cookies_write(kept->jar, &to, wall(c), cookies);
    else if (kept->on && c->more)
        rc = cookie_jar_write(&c->more->cookies, &to, wall(c), cookies);
    extras->cookies = buf_slice(cookies);
    return rc;
}

void conn_keep_cookies(struct conn *c) {
    char host[URL_PLACE_SIZE];
    struct cookie_place from = place(c, host);
    const struct http1_head *head = &c->head->parts;
    struct cookies *shared = c->plan->settings.cookies.jar;
    if (!c->plan->settings.cookies.on) return;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!slice_eq_nocase(head->fields[i].name, slice_str("Set-Cookie"))) continue;
        if (shared)
            cookies_take(shared, head->fields[i].value, &from, wall(c));
        else
            cookie_jar_take(&conn_need_more(c)->cookies, head->fields[i].value, &from, wall(c));
    }
}

void conn_swap_cookies(struct conn *c, struct conn *other) {
    if (!c->more && !other->more) return;
    struct cookie_jar *a = &conn_need_more(c)->cookies, *b = &conn_need_more(other)->cookies, jar = *a;
    *a = *b;
    *b = jar;
}

/* ---- redirects ---- */

void conn_forget_redirects(struct conn *c) {
    if (!c->more) return;
    url_clear(&c->more->elsewhere);
    c->more->redirects = 0;
    c->more->led_away = false;
}

/* Goes on at `to`, with the user and password of the url as long as the origin is the same. */
static void go(struct conn *c, struct url *to) {
    struct conn_more *more = conn_need_more(c);
    const char *credentials = c->plan->url.credentials;
    more->redirects++;
    url_clear(&more->elsewhere);
    more->elsewhere = *to;
    more->led_away |= !url_same_origin(to, &c->plan->url);
    if (credentials && !is_foreign(c) && !(more->elsewhere.credentials = strdup(credentials))) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "no memory to follow a redirect");
        return;
    }
    char shown[SECRET_SHOWN_SIZE];
    CONN_TRACE(c, "redirect %u of at most %u, to %s%s", more->redirects, c->plan->settings.max_redirects,
               secret_shown(slice_str(more->elsewhere.text), shown), more->led_away ? ", another origin" : "");
    conn_head_free(conn_take_head(c));
    conn_drop_transport(c);
    conn_dial(c);
}

/* Is it a redirect that is not followed? Then the attempt fails; else `*to` is where it leads. */
static bool refuse(struct conn *c, struct slice location, struct url *to) {
    unsigned most = c->plan->settings.max_redirects;
    struct fault wrong = {0}, fault = {0};
    char shown[SECRET_SHOWN_SIZE];
    const char *where = secret_shown(location, shown);
    if (c->more && c->more->redirects >= most) {
        fault_put(&fault, FAULT_HANDSHAKE, "the server redirects to %s: one more than max_redirects allows (%u)", where,
                  most);
    } else if (url_resolve(conn_url(c), location, to, &wrong) < 0) {
        fault_put(&fault, FAULT_HANDSHAKE, "the server redirects to '%s': %s", where,
                  fault_set(&wrong) ? wrong.text : "not enough memory");
    } else if (conn_url(c)->scheme == URL_WSS && to->scheme != URL_WSS) {
        url_clear(to);
        fault_put(&fault, FAULT_HANDSHAKE, "the server redirects from wss to ws, which is not followed: %s", where);
    }
    if (!fault_set(&fault)) return false;
    conn_ending(c)->phase = "handshake";
    conn_fail(c, &fault);
    return true;
}

bool conn_follow_redirect(struct conn *c) {
    const struct http1_head *head = &c->head->parts;
    struct slice location = http1_field_get(head, "Location");
    struct url to;
    if (c->plan->settings.max_redirects == 0 || !handshake_is_redirect(head->status) || !location.p) return false;
    if (c->net->record) record_response(c->net->record, c);
    if (!refuse(c, location, &to)) go(c, &to);
    return true;
}

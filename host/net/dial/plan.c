/* plan: copies where one is to be changed, finds the same among those made last. */
#include "net/dial/plan.h"

#include "net/dial/resolve.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_AT = 8 }; /* plans that a new one is compared with */

const struct conn_settings conn_default_settings = {
    .connect_timeout = 10 * CLOCK_SECOND,
    .handshake_timeout = 10 * CLOCK_SECOND,
    .close_timeout = 5 * CLOCK_SECOND,
    .pong_timeout = 20 * CLOCK_SECOND,
    .max_message_size = 16 << 20,
    .max_send_buffer = 16 << 20,
    .max_receive_buffer = 16 << 20,
    .retry = {.min = CLOCK_SECOND, .max = 60 * CLOCK_SECOND, .stable = 30 * CLOCK_SECOND, .factor = 2},
};

static struct plan *new_plan(void) {
    struct plan *p = calloc(1, sizeof *p);
    if (p) p->users = 1;
    return p;
}

struct plan *plan_new(void) {
    struct plan *p = new_plan();
    if (!p) return NULL;
    p->settings = conn_default_settings;
    handshake_offer_init(&p->offer);
    p->offer.deflate = deflate_default_offer;
    buf_init(&p->resolve, RESOLVE_SIZE);
    return p;
}

/* ---- its size ---- */

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

static size_t url_size(const struct url *u) {
    return text_size(u->host) + text_size(u->zone) + text_size(u->target) + text_size(u->credentials) +
           text_size(u->socket_path) + text_size(u->text);
}

static size_t tls_size(const struct tls_config *t) {
    return text_size(t->ca_file) + text_size(t->ca_path) + text_size(t->pins) + text_size(t->alpn) +
           text_size(t->cert) + text_size(t->key) + text_size(t->key_password) + text_size(t->server_name);
}

static size_t plan_size(const struct plan *p) {
    return sizeof *p + p->settings.retry.fatal_count * sizeof *p->settings.retry.fatal + url_size(&p->url) +
           p->offer.headers.size + p->offer.protocols.size + p->offer.origin.size + tls_size(&p->tls) +
           text_size(p->local) + p->resolve.size + url_size(&p->proxy);
}

/* ---- lists and users ---- */

static void unlink_plan(struct net *net, struct plan *p) {
    if (!p->shared) return;
    *(p->previous ? &p->previous->next : &net->plans) = p->next;
    if (p->next) p->next->previous = p->previous;
    p->shared = false;
}

static void link_plan(struct net *net, struct plan *p) {
    p->previous = NULL;
    p->next = net->plans;
    if (p->next) p->next->previous = p;
    net->plans = p;
    p->shared = true;
}

struct plan *plan_hold(struct plan *p) {
    err_must(p->users > 0);
    p->users++;
    return p;
}

void plan_release(struct net *net, struct plan *p) {
    err_must(p->users > 0);
    if (--p->users) return;
    unlink_plan(net, p);
    free(p->settings.retry.fatal);
    url_clear(&p->url);
    handshake_offer_clear(&p->offer);
    tls_config_clear(&p->tls);
    url_clear(&p->proxy);
    free(p->local);
    buf_clear(&p->resolve);
    free(p);
}

struct dial_options plan_dial(const struct plan *p) {
    return (struct dial_options){.local = p->local, .family = p->family, .resolve = buf_slice(&p->resolve)};
}

/* ---- copies ---- */

static bool copy_text(char **mine, const char *text) {
    *mine = text ? strdup(text) : NULL;
    return !text || *mine;
}

static bool copy_buf(struct buf *mine, const struct buf *b) {
    buf_init(mine, b->cap);
    return buf_append(mine, buf_slice(b)) == 0;
}

static bool copy_retry(struct retry_policy *mine, const struct retry_policy *r) {
    size_t size = r->fatal_count * sizeof *r->fatal;
    *mine = *r;
    mine->fatal = size ? malloc(size) : NULL;
    if (mine->fatal) memcpy(mine->fatal, r->fatal, size);
    return !size || mine->fatal;
}

static bool copy_offer(struct handshake_offer *mine, const struct handshake_offer *o) {
    *mine = *o;
    bool headers = copy_buf(&mine->headers, &o->headers);
    bool protocols = copy_buf(&mine->protocols, &o->protocols);
    bool origin = copy_buf(&mine->origin, &o->origin);
    return headers && protocols && origin;
}

/* What could not be copied is empty, so that the rest can be given back. */
static bool copy_into(struct plan *mine, const struct plan *p) {
    mine->settings = p->settings;
    mine->family = p->family;
    mine->no_proxy = p->no_proxy;
    tls_config_copy(&mine->tls, &p->tls);
    bool retry = copy_retry(&mine->settings.retry, &p->settings.retry);
    bool offer = copy_offer(&mine->offer, &p->offer);
    bool resolve = copy_buf(&mine->resolve, &p->resolve);
    bool urls = url_copy(&mine->url, &p->url) == 0 && url_copy(&mine->proxy, &p->proxy) == 0;
    return copy_text(&mine->local, p->local) && retry && offer && resolve && urls;
}

struct plan *plan_own(struct net *net, struct plan **at) {
    struct plan *p = *at;
    if (p->users == 1) {
        unlink_plan(net, p); /* it may become another one */
        return p;
    }
    struct plan *mine = new_plan();
    if (!mine) return NULL;
    if (!copy_into(mine, p)) {
        plan_release(net, mine);
        return NULL;
    }
    *at = mine;
    plan_release(net, p);
    return mine;
}

/* ---- comparisons ---- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }
static bool same_buf(const struct buf *a, const struct buf *b) { return slice_eq(buf_slice(a), buf_slice(b)); }

bool plan_same_url(const struct url *a, const struct url *b) {
    return a->scheme == b->scheme && a->port == b->port && a->port_is_default == b->port_is_default &&
           same_text(a->host, b->host) && same_text(a->zone, b->zone) && same_text(a->target, b->target) &&
           same_text(a->credentials, b->credentials) && same_text(a->socket_path, b->socket_path);
}

static bool same_retry(const struct retry_policy *a, const struct retry_policy *b) {
    return a->on == b->on && a->min == b->min && a->max == b->max && a->stable == b->stable && a->factor == b->factor &&
           a->attempts == b->attempts && a->fatal_count == b->fatal_count &&
           (!a->fatal_count || memcmp(a->fatal, b->fatal, a->fatal_count * sizeof *a->fatal) == 0);
}

static bool same_settings(const struct conn_settings *a, const struct conn_settings *b) {
    return a->ping_interval == b->ping_interval && a->connect_timeout == b->connect_timeout &&
           a->handshake_timeout == b->handshake_timeout && a->close_timeout == b->close_timeout &&
           a->pong_timeout == b->pong_timeout && a->max_message_size == b->max_message_size &&
           a->max_send_buffer == b->max_send_buffer && a->fragment_size == b->fragment_size && a->queue == b->queue &&
           a->max_receive_buffer == b->max_receive_buffer && same_retry(&a->retry, &b->retry) &&
           a->max_redirects == b->max_redirects && a->cookies == b->cookies &&
           a->redirect_headers == b->redirect_headers;
}

static bool same_deflate(const struct deflate_offer *a, const struct deflate_offer *b) {
    return a->on == b->on && a->server_no_context_takeover == b->server_no_context_takeover &&
           a->client_no_context_takeover == b->client_no_context_takeover &&
           a->server_max_window_bits == b->server_max_window_bits &&
           a->client_max_window_bits == b->client_max_window_bits && a->level == b->level &&
           a->memory_level == b->memory_level && a->threshold == b->threshold;
}

const char *plan_offer_differs(const struct handshake_offer *a, const struct handshake_offer *b) {
    bool same_headers = same_buf(&a->headers, &b->headers) && a->host_given == b->host_given &&
                        a->agent_given == b->agent_given && a->authorization_given == b->authorization_given;
    if (!same_headers) return "headers";
    if (!same_buf(&a->origin, &b->origin)) return "origin";
    return same_deflate(&a->deflate, &b->deflate) ? NULL : "compression";
}

static bool same_offer(const struct handshake_offer *a, const struct handshake_offer *b) {
    return same_buf(&a->protocols, &b->protocols) && !plan_offer_differs(a, b);
}

static bool same(const struct plan *a, const struct plan *b) {
    return same_settings(&a->settings, &b->settings) && plan_same_url(&a->url, &b->url) &&
           same_text(a->url.text, b->url.text) && same_offer(&a->offer, &b->offer) &&
           tls_config_equal(&a->tls, &b->tls) && same_text(a->local, b->local) && a->family == b->family &&
           same_buf(&a->resolve, &b->resolve) && plan_same_url(&a->proxy, &b->proxy) && a->no_proxy == b->no_proxy;
}

void plan_share(struct net *net, struct plan **at) {
    struct plan *p = *at, *other = net->plans;
    for (int i = 0; other && i < LOOK_AT && !same(other, p); i++) other = other->next;
    if (other == p) return;
    if (!other || !same(other, p)) {
        p->size = plan_size(p);
        if (!p->shared) link_plan(net, p);
        return;
    }
    other->users++;
    plan_release(net, p);
    *at = other;
}

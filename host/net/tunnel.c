/* tunnel: a dial, and behind it the detour of a proxy where there is one. */
#include "net/tunnel.h"

#include "net/listener.h"
#include "net/lookup.h"
#include "net/proxy_env.h"
#include "net/stream_tls.h"
#include "wire/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES_MOST = 4 }; /* of the server, that a proxy of socks5:// is asked for, one after the other */

/* What there is more to remember on the way through a proxy. */
struct detour {
    struct url at; /* of the proxy */
    char place[URL_PLACE_SIZE];
    char *host, *local; /* of the server; of ours, or NULL */
    uint16_t port;
    struct tls_config tls_config; /* of the proxy */
    struct lookup *lookup;        /* NULL: none is under way */
    char addresses[ADDRESSES_MOST][INET6_ADDRSTRLEN];
    size_t count, next;
    struct stream *stream; /* NULL: not connected */
    struct tls *tls;       /* the stream's, while it shakes hands; else NULL */
    struct proxy talk;
};

struct tunnel {
    struct net *net;
    dial_done done;
    void *arg;
    struct dial *dial;     /* NULL: it is done, or has not begun */
    struct detour *detour; /* NULL: straight */
    struct deadline soon;  /* a failure found at once is told */
    struct fault fault;
};

/* ---- the end ---- */

static void free_detour(struct detour *d) {
    if (!d) return;
    if (d->lookup) lookup_cancel(d->lookup);
    if (d->stream) stream_close(d->stream);
    proxy_clear(&d->talk);
    tls_config_clear(&d->tls_config);
    url_clear(&d->at);
    free(d->host);
    free(d->local);
    free(d);
}

void tunnel_cancel(struct tunnel *t) {
    clock_cancel(&t->net->clock, &t->soon);
    if (t->dial) dial_cancel(t->dial);
    free_detour(t->detour);
    free(t);
}

static void finish(struct tunnel *t, struct stream *s, const struct fault *fault) {
    dial_done done = t->done;
    void *arg = t->arg;
    struct fault copy = *fault;
    tunnel_cancel(t);
    done(arg, s, s ? NULL : &copy);
}

static void fail(struct tunnel *t) { finish(t, NULL, &t->fault); }

static void on_soon(struct deadline *d) { fail((struct tunnel *)((char *)d - offsetof(struct tunnel, soon))); }

static void fail_soon(struct tunnel *t) { clock_set(&t->net->clock, &t->soon, clock_now(&t->net->clock), on_soon); }

/* ---- the dialogue ---- */

static void dial_proxy(struct tunnel *t);

static void send_words(struct detour *d) {
    if (d->talk.out.len && !stream_busy(d->stream)) stream_write(d->stream, &d->talk.out);
}

/* The proxy refused: at the next of the server's addresses it may not. */
static void refused(struct tunnel *t) {
    struct detour *d = t->detour;
    if (d->talk.unreachable && d->next < d->count) {
        dial_proxy(t);
        return;
    }
    t->fault = d->talk.fault;
    fail(t);
}

static void on_received(void *owner, uint8_t *data, size_t n) {
    struct tunnel *t = owner;
    struct detour *d = t->detour;
    enum proxy_step step = proxy_step(&d->talk, slice_of(data, n));
    if (step == PROXY_FAILED) {
        refused(t);
    } else if (step == PROXY_DONE) {
        struct stream *s = d->stream;
        d->stream = NULL;
        stream_read(s, false);
        finish(t, s, &t->fault);
    } else {
        send_words(d);
    }
}

static void on_written(void *owner, int error) {
    struct tunnel *t = owner;
    if (error == 0 && !t->detour->tls) send_words(t->detour); /* reading tells why it was not written */
}

static void on_ended(void *owner, int error) {
    struct tunnel *t = owner;
    const char *when = t->detour->tls ? "in the TLS handshake" : "before its answer was whole";
    if (error == UV_EOF) {
        fault_put(&t->fault, "proxy", "the proxy %s ended the connection %s", t->detour->place, when);
    } else {
        t->fault.system = uv_err_name(error);
        fault_put(&t->fault, "proxy", "the connection to the proxy %s broke %s: %s", t->detour->place, when,
                  uv_strerror(error));
    }
    fail(t);
}

static void talk(struct tunnel *t) {
    struct detour *d = t->detour;
    const char *host = d->count ? d->addresses[d->next++] : d->host;
    proxy_clear(&d->talk);
    proxy_init(&d->talk, &d->at, host, d->port);
    if (proxy_step(&d->talk, slice_of(NULL, 0)) == PROXY_FAILED)
        refused(t);
    else
        send_words(d);
}

/* ---- the proxy itself ---- */

static void on_secured(void *owner, struct stream *s, int status) {
    struct tunnel *t = owner;
    struct detour *d = t->detour;
    (void)s;
    if (status != 0) {
        t->fault.alert = tls_fault(d->tls)->alert;
        fault_put(&t->fault, "proxy", "TLS with the proxy %s: %s", d->place, tls_fault(d->tls)->text);
        fail(t);
        return;
    }
    d->tls = NULL;
    talk(t);
}

static const struct stream_events events = {
    .connected = on_secured, .received = on_received, .ended = on_ended, .written = on_written};

static void on_dialled(void *arg, struct stream *s, const struct fault *fault) {
    struct tunnel *t = arg;
    struct detour *d = t->detour;
    t->dial = NULL;
    if (!d || !s) {
        t->fault = fault ? *fault : t->fault;
        if (d) t->fault.kind = "proxy";
        finish(t, s, &t->fault);
        return;
    }
    d->stream = s;
    stream_own(s, &events, t);
    stream_read(s, true);
    if (d->at.scheme != URL_HTTPS) {
        talk(t);
        return;
    }
    struct fault wrong = {0};
    d->tls = tls_client_new(t->net->tls, &d->tls_config, d->at.host, d->at.port, &wrong);
    if (d->tls) {
        stream_tls_start(s, d->tls);
        return;
    }
    fault_put(&t->fault, "proxy", "TLS with the proxy %s: %s", d->place, wrong.text);
    fail(t);
}

static void dial_proxy(struct tunnel *t) {
    struct detour *d = t->detour;
    if (d->stream) stream_close(d->stream);
    d->stream = NULL;
    t->dial = dial_start(t->net, "the proxy ", d->at.host, d->at.port, d->local, on_dialled, t);
}

/* ---- the beginning ---- */

static void cannot_find(struct tunnel *t, int error) {
    t->fault.system = uv_err_name(error);
    fault_put(&t->fault, "dns", "cannot find %s: %s", t->detour->host, uv_strerror(error));
}

static void on_found(void *arg, int status, const struct sockaddr_storage *addresses, size_t count) {
    struct tunnel *t = arg;
    struct detour *d = t->detour;
    d->lookup = NULL;
    if (status != 0) {
        cannot_find(t, status);
        fail(t);
        return;
    }
    for (size_t i = 0; i < count && d->count < ADDRESSES_MOST; i++)
        if (uv_ip_name((const struct sockaddr *)&addresses[i], d->addresses[d->count], INET6_ADDRSTRLEN) == 0)
            d->count++;
    dial_proxy(t);
}

/* What is trusted holds for a proxy, too; who we are is for the server alone. */
static void trust(struct tls_config *to, const struct tls_config *from) {
    struct tls_config part = {.ca_file = from->ca_file,
                              .ca_path = from->ca_path,
                              .no_verify = from->no_verify,
                              .min_version = from->min_version};
    tls_config_copy(to, &part);
}

static void start_detour(struct tunnel *t, const struct plan *plan, struct url *proxy) {
    struct detour *d = t->detour = calloc(1, sizeof *d);
    struct sockaddr_storage literal;
    int rc = 0;
    if (!d || !(d->host = strdup(plan->url.host)) || (plan->local && !(d->local = strdup(plan->local)))) abort();
    d->at = *proxy;
    d->port = plan->url.port;
    url_place(&d->at, d->place);
    trust(&d->tls_config, &plan->tls);
    if (d->at.scheme != URL_SOCKS5 || lookup_literal(d->host, 0, &literal)) {
        dial_proxy(t);
    } else if ((rc = lookup_start(&d->lookup, t->net, d->host, d->port, on_found, t)) != 0) {
        cannot_find(t, rc);
        fail_soon(t);
    }
}

/* The proxy to take, or one without a host; 0 or a negative enum err with the fault. */
static int choose_proxy(struct net *net, const struct plan *plan, struct url *proxy, struct fault *fault) {
    char place[URL_PLACE_SIZE];
    *proxy = (struct url){0};
    if (plan->url.scheme == URL_UNIX || plan->no_proxy) return 0;
    if (plan->proxy.host) {
        if (url_copy(proxy, &plan->proxy) < 0) abort();
        return 0;
    }
    url_place(&plan->url, place);
    return listener_is_at(net, place) ? 0 : proxy_env_read(&plan->url, getenv, proxy, fault);
}

struct tunnel *tunnel_start(struct net *net, const struct plan *plan, dial_done done, void *arg) {
    struct tunnel *t = calloc(1, sizeof *t);
    struct url proxy;
    if (!t) abort();
    *t = (struct tunnel){.net = net, .done = done, .arg = arg};
    if (choose_proxy(net, plan, &proxy, &t->fault) < 0)
        fail_soon(t);
    else if (proxy.host)
        start_detour(t, plan, &proxy);
    else if (plan->url.scheme == URL_UNIX)
        t->dial = dial_start_path(net, plan->url.socket_path, on_dialled, t);
    else
        t->dial = dial_start(net, "", plan->url.host, plan->url.port, plan->local, on_dialled, t);
    return t;
}

/* ---- what is told of it ---- */

bool tunnel_is_looking_up(const struct tunnel *t) {
    return t->dial ? dial_is_looking_up(t->dial) : t->detour && t->detour->lookup;
}

const char *tunnel_phase(const struct tunnel *t) {
    bool server = !t->detour || t->detour->lookup;
    return !server ? "proxy" : tunnel_is_looking_up(t) ? "dns" : "connect";
}

void tunnel_describe(const struct tunnel *t, char *text, size_t size) {
    const struct detour *d = t->detour;
    if (t->dial)
        dial_describe(t->dial, text, size);
    else if (!d)
        snprintf(text, size, "no way to begin");
    else if (d->lookup)
        snprintf(text, size, "no address for %s", d->host);
    else if (d->tls)
        snprintf(text, size, "the TLS handshake with the proxy %s was not done", d->place);
    else
        snprintf(text, size, "no whole answer from the proxy %s", d->place);
}

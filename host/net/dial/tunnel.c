/* tunnel: a dial, and then the dialogue with a proxy (a detour), where there is one. */
#include "net/dial/tunnel.h"

#include "base/container_of.h"
#include "net/dial/names.h"
#include "net/dial/proxy_env.h"
#include "net/dial/resolve.h"
#include "net/incoming.h"
#include "net/tls/stream_tls.h"
#include "wire/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ADDRESSES_MOST = 4 }; /* of the server: a socks5:// proxy is asked for them one after the other */

/* The state for a proxy. */
struct detour {
    struct tunnel *tunnel;
    struct url at; /* of the proxy */
    char place[URL_PLACE_SIZE];
    char *host; /* of the server */
    uint16_t port;
    struct tls_config tls_config; /* of the proxy */
    struct names_wait names;      /* looks up addresses of the server */
    struct addresses {
        char list[ADDRESSES_MOST][INET6_ADDRSTRLEN];
        size_t count, next;
    } addresses;
    int dns_error;         /* of libuv */
    uint64_t found_at;     /* when the last address was found by a look-up; 0: none was */
    struct stream *stream; /* NULL: not connected */
    union address address;
    struct tls *tls; /* the stream's, while it shakes hands; else NULL */
    struct proxy talk;
};

struct tunnel {
    struct net *net;
    struct plan *plan;
    const struct trace_subject *subject; /* of the trace */
    dial_done done;
    void *arg;
    struct dial *dial;     /* NULL: it has ended, or has not begun */
    struct detour *detour; /* NULL: without a proxy */
    struct deadline soon;  /* tells a failure that was found within tunnel_start */
    struct fault fault;
};

/* ---- the end ---- */

static void free_detour(struct detour *d) {
    if (!d) return;
    names_leave(&d->names);
    if (d->stream) stream_close(d->stream);
    proxy_clear(&d->talk);
    tls_config_clear(&d->tls_config);
    url_clear(&d->at);
    free(d->host);
    free(d);
}

void tunnel_cancel(struct tunnel *t) {
    clock_cancel(&t->net->clock, &t->soon);
    if (t->dial) dial_cancel(t->dial);
    free_detour(t->detour);
    plan_release(t->net, t->plan);
    free(t);
}

static void succeed(struct tunnel *t, struct stream *s, union address to) {
    dial_done done = t->done;
    void *arg = t->arg;
    tunnel_cancel(t);
    done(arg, s, to, NULL);
}

static void fail(struct tunnel *t) {
    dial_done done = t->done;
    void *arg = t->arg;
    struct fault fault = t->fault;
    tunnel_cancel(t);
    done(arg, NULL, (union address){0}, &fault);
}

static void on_soon(struct deadline *d) { fail(container_of(d, struct tunnel, soon)); }

static void fail_soon(struct tunnel *t) { clock_set(&t->net->clock, &t->soon, clock_now(&t->net->clock), on_soon); }

/* Fails: there is no memory to go on. */
static void fail_for_memory(struct tunnel *t, const char *where) {
    t->fault.system = uv_err_name(UV_ENOMEM);
    fault_put(&t->fault, t->detour ? FAULT_PROXY : FAULT_CONNECT, "cannot connect to %s: %s", where,
              uv_strerror(UV_ENOMEM));
    fail_soon(t);
}

/* ---- the dialogue ---- */

static void dial_proxy(struct tunnel *t);

static void send_words(struct detour *d) {
    if (d->talk.out.len && !stream_busy(d->stream)) stream_write(d->stream, &d->talk.out);
}

/* The proxy refused: it may accept the next address of the server. */
static void refused(struct tunnel *t) {
    struct detour *d = t->detour;
    bool has_next = d->talk.unreachable && d->addresses.next < d->addresses.count;
    TRACE(TRACE_DIAL, t->subject, "%s%s", d->talk.fault.text, has_next ? "; the next address is tried" : "");
    if (has_next) {
        dial_proxy(t);
        return;
    }
    if (d->talk.unreachable && d->found_at) names_forget(t->net, d->host, d->found_at); /* addresses may be outdated */
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
        TRACE(TRACE_DIAL, t->subject, "the proxy %s has connected", d->place);
        stream_read(s, false);
        succeed(t, s, d->address);
    } else {
        send_words(d);
    }
}

static void on_written(void *owner, int error) {
    struct tunnel *t = owner;
    if (error == 0 && !t->detour->tls) send_words(t->detour); /* where writing failed, reading tells why */
}

static void fail_in_tls(struct tunnel *t) {
    const struct fault *why = tls_fault(stream_tls(t->detour->stream));
    t->fault.alert = why->alert;
    fault_put(&t->fault, FAULT_PROXY, "TLS with the proxy %s: %s", t->detour->place, why->text);
    fail(t);
}

static void on_ended(void *owner, int error) {
    struct tunnel *t = owner;
    const char *when = t->detour->tls ? "in the TLS handshake" : "before its answer was whole";
    if (stream_tls(t->detour->stream) && fault_set(tls_fault(stream_tls(t->detour->stream)))) {
        fail_in_tls(t);
        return;
    }
    if (error == UV_EOF) error = stream_why_ended(t->detour->stream);
    const char *hint = t->detour->at.scheme == URL_HTTP && t->detour->talk.in.len == 0 ? PROXY_TLS_HINT : "";
    if (error == UV_EOF) {
        fault_put(&t->fault, FAULT_PROXY, "the proxy %s ended the connection %s%s", t->detour->place, when, hint);
    } else {
        t->fault.system = uv_err_name(error);
        fault_put(&t->fault, FAULT_PROXY, "the connection to the proxy %s broke %s: %s%s", t->detour->place, when,
                  uv_strerror(error), hint);
    }
    fail(t);
}

static void talk(struct tunnel *t) {
    struct detour *d = t->detour;
    const char *host = d->addresses.count ? d->addresses.list[d->addresses.next++] : d->host;
    proxy_clear(&d->talk);
    proxy_init(&d->talk, &d->at, host, d->port);
    TRACE(TRACE_DIAL, t->subject, "asks the proxy %s for %s, port %u", d->place, host, d->port);
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
    d->tls = NULL;
    if (status == 0)
        talk(t);
    else
        fail_in_tls(t);
}

static const struct stream_events events = {
    .connected = on_secured, .received = on_received, .ended = on_ended, .written = on_written};

static void on_dialled(void *arg, struct stream *s, union address to, const struct fault *fault) {
    struct tunnel *t = arg;
    struct detour *d = t->detour;
    t->dial = NULL;
    if (!s) {
        t->fault = *fault;
        if (d) t->fault.kind = FAULT_PROXY;
        fail(t);
        return;
    }
    if (!d) {
        succeed(t, s, to);
        return;
    }
    d->stream = s;
    d->address = to;
    stream_own(s, &events, t);
    stream_read(s, true);
    if (d->at.scheme != URL_HTTPS) {
        talk(t);
        return;
    }
    struct fault wrong = {0};
    d->tls = tls_client_new(tls_store_of(t->net), &d->tls_config, d->at.host, d->at.port, &wrong);
    if (d->tls) {
        tls_trace_as(d->tls, t->subject);
        stream_tls_start(s, d->tls);
        return;
    }
    fault_put(&t->fault, FAULT_PROXY, "TLS with the proxy %s: %s", d->place, wrong.text);
    fail(t);
}

static struct dial_options dial_options(const struct tunnel *t) {
    struct dial_options how = plan_dial(t->plan);
    how.subject = t->subject;
    return how;
}

static void dial_proxy(struct tunnel *t) {
    struct detour *d = t->detour;
    struct dial_options how = dial_options(t);
    how.title = "the proxy ";
    if (d->stream) stream_close(d->stream);
    d->stream = NULL;
    char host[URL_PLACE_SIZE];
    t->dial = dial_start(t->net, url_host(&d->at, host), d->at.port, &how, on_dialled, t);
    if (!t->dial) fail_for_memory(t, d->place);
}

/* ---- the beginning ---- */

static void add_address(struct detour *d, const union address *a) {
    struct addresses *all = &d->addresses;
    if (all->count == ADDRESSES_MOST) return;
    if (uv_ip_name(&a->any, all->list[all->count], sizeof all->list[0]) == 0) all->count++;
}

/* All addresses of the server are known. */
static void begin_with_addresses(struct tunnel *t) {
    struct detour *d = t->detour;
    if (d->addresses.count) {
        dial_proxy(t);
        return;
    }
    t->fault.system = uv_err_name(d->dns_error);
    fault_put(&t->fault, FAULT_DNS, "cannot find %s: %s", d->host, uv_strerror(d->dns_error));
    fail_soon(t);
}

/* Some addresses of the server are known: those of the family that was first to be known go first. */
static void on_named(struct names_wait *w, const struct names_answer *answer) {
    struct detour *d = container_of(w, struct detour, names);
    struct tunnel *t = d->tunnel;
    if (answer->status != 0 && d->dns_error != UV_EAI_AGAIN) d->dns_error = answer->status;
    if (answer->count) d->found_at = clock_now(&t->net->clock);
    for (size_t i = 0; i < answer->count && i < ADDRESSES_MOST / 2; i++) add_address(d, &answer->found[i]);
    if (!w->awaits) begin_with_addresses(t);
}

/* Adds addresses that are known without a look-up, but those with a zone, which means nothing to the proxy. */
static void add_given(struct detour *d, struct slice given, int family) {
    union address address;
    char text[ADDRESS_TEXT];
    while (resolve_take(&given, text)) {
        if (address_read(&address, text, d->port) == ADDRESS_NONE) continue;
        if (!family || (family == 4) == (address.any.sa_family == AF_INET)) add_address(d, &address);
    }
}

/* Finds the server's addresses for a socks5:// proxy, which is not told names. */
static void find_server(struct tunnel *t) {
    struct detour *d = t->detour;
    int family = t->plan->family;
    struct slice given = resolve_find(buf_slice(&t->plan->resolve), d->host, d->port);
    bool is_literal = given.p == (const uint8_t *)d->host; /* the proxy is told it as it is */
    if (!given.n) {
        names_ask(t->net, d->host, (family != 6) * NAMES_V4 | (family != 4) * NAMES_V6, &d->names, on_named);
        return;
    }
    add_given(d, given, is_literal ? 0 : family);
    d->dns_error = UV_EAI_ADDRFAMILY;
    begin_with_addresses(t);
}

/* The rules for certificates hold for the proxy, too; our own certificate and the pinned keys are for the server
 * alone. */
static int trust(struct tls_config *to, const struct tls_config *from) {
    struct tls_config part = {.ca_file = from->ca_file,
                              .ca_path = from->ca_path,
                              .system_ca = from->system_ca,
                              .no_verify = from->no_verify,
                              .allow_weak = from->allow_weak,
                              .no_stapling = from->no_stapling,
                              .to_proxy = true,
                              .min_version = from->min_version};
    return tls_config_copy(to, &part);
}

/* The url of the proxy becomes the detour's. */
static void start_detour(struct tunnel *t, struct detour *d, const struct url *url, const struct url *proxy) {
    d->tunnel = t;
    d->at = *proxy;
    d->port = url->port;
    url_place(&d->at, d->place);
    if (!(d->host = strdup(url->host)) || trust(&d->tls_config, &t->plan->tls) < 0) {
        fail_for_memory(t, d->place);
        return;
    }
    if (d->at.scheme == URL_SOCKS5)
        find_server(t);
    else
        dial_proxy(t);
}

/* Starts to connect to the server directly. */
static void start_dial(struct tunnel *t, const struct url *url) {
    struct dial_options how = dial_options(t);
    char host[URL_PLACE_SIZE];
    if (url->scheme == URL_UNIX)
        t->dial = dial_start_path(t->net, url->socket_path, t->subject, on_dialled, t);
    else
        t->dial = dial_start(t->net, url_host(url, host), url->port, &how, on_dialled, t);
    if (!t->dial) fail_for_memory(t, url->scheme == URL_UNIX ? url->socket_path : url->host);
}

static bool listens_here(struct net *net, const struct url *url, const struct plan *plan) {
    union address address;
    char text[ADDRESS_TEXT], host[URL_PLACE_SIZE];
    struct slice given = resolve_find(buf_slice(&plan->resolve), url_host(url, host), url->port);
    while (resolve_take(&given, text))
        if (address_read(&address, text, url->port) == ADDRESS_FINE && incoming_is_at(net, &address)) return true;
    return false;
}

/* Why no proxy is used; NULL: one may be. */
static const char *why_straight(struct net *net, const struct url *url, const struct plan *plan) {
    if (url->scheme == URL_UNIX) return "a Unix domain socket";
    if (plan->proxy.none) return "proxy = false";
    return !plan->proxy.url.host && listens_here(net, url, plan) ? "it listens in this process" : NULL;
}

/* The proxy to use, or one without a host, and `*why`, NULL: none is set; 0 or a negative enum err with the fault. */
static int choose_proxy(struct net *net, const struct url *url, const struct plan *plan, struct url *proxy,
                        const char **why, struct fault *fault) {
    *proxy = (struct url){0};
    if ((*why = why_straight(net, url, plan))) return 0;
    if (!plan->proxy.url.host) return proxy_env_read(url, getenv, proxy, why, fault);
    *why = "the option proxy";
    int rc = url_copy(proxy, &plan->proxy.url);
    if (rc < 0) fault_put(fault, FAULT_PROXY, "no memory for the address");
    return rc;
}

static void trace_choice(const struct tunnel *t, const struct url *url, const struct url *proxy, const char *why) {
    char place[URL_PLACE_SIZE] = "", server[URL_PLACE_SIZE];
    if (proxy->host) url_place(proxy, place);
    url_place(url, server);
    trace_line(TRACE_DIAL, t->subject, "to %s %s%s (%s)", url->scheme == URL_UNIX ? url->socket_path : server,
               proxy->host ? "through the proxy " : "straight", place, why ? why : "no proxy is set");
}

struct tunnel *tunnel_start(struct net *net, const struct url *url, struct plan *plan,
                            const struct trace_subject *subject, dial_done done, void *arg) {
    struct tunnel *t = calloc(1, sizeof *t);
    struct url proxy;
    const char *why;
    if (!t) return NULL;
    *t = (struct tunnel){.net = net, .plan = plan_hold(plan), .subject = subject, .done = done, .arg = arg};
    int rc = choose_proxy(net, url, plan, &proxy, &why, &t->fault);
    if (rc == 0 && trace_wants(TRACE_DIAL)) trace_choice(t, url, &proxy, why);
    if (rc < 0) {
        fail_soon(t);
    } else if (!proxy.host) {
        start_dial(t, url);
    } else if ((t->detour = calloc(1, sizeof *t->detour))) {
        start_detour(t, t->detour, url, &proxy);
    } else {
        url_clear(&proxy);
        fail_for_memory(t, url->host);
    }
    return t;
}

/* ---- what it tells ---- */

bool tunnel_is_looking_up(const struct tunnel *t) {
    return t->dial ? dial_is_looking_up(t->dial) : t->detour && t->detour->names.awaits;
}

const char *tunnel_phase(const struct tunnel *t) {
    bool server = !t->detour || t->detour->names.awaits;
    return !server ? "proxy" : tunnel_is_looking_up(t) ? "dns" : "connect";
}

void tunnel_time_out(struct tunnel *t, char *text, size_t size) {
    const struct detour *d = t->detour;
    if (t->dial)
        dial_time_out(t->dial, text, size);
    else if (!d)
        snprintf(text, size, "no way to begin");
    else if (d->names.awaits)
        snprintf(text, size, "no address for %s", d->host);
    else if (d->tls)
        snprintf(text, size, "the TLS handshake with the proxy %s was not done", d->place);
    else
        snprintf(text, size, "no whole answer from the proxy %s", d->place);
}

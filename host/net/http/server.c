/* server: the socket that listens, its owner, and its end. */
#include "net/http/server_parts.h"

#include "base/container_of.h"
#include <stdlib.h>

/* ---- the list of its connections ---- */

void http_server_link(struct http_server *s, struct http_caller *c) {
    TAILQ_INSERT_TAIL(&s->callers, c, link);
    s->count++;
}

void http_server_unlink(struct http_caller *c) {
    struct http_server *s = c->server;
    TAILQ_REMOVE(&s->callers, c, link);
    s->count--;
}

void http_server_count(struct http_server *s, size_t *kept, size_t now) {
    account_add(s->account, now - *kept); /* modulo 2^64, where it is less */
    s->kept += now - *kept;
    *kept = now;
}

/* ---- accepting ---- */

static bool make_place(struct http_server *s) {
    if (s->count < HTTP_SERVER_MOST) return true;
    struct http_caller *c = TAILQ_FIRST(&s->callers);
    while (c && !http_caller_is_idle(c)) c = TAILQ_NEXT(c, link);
    if (c) http_caller_end(c);
    return c;
}

static void on_accepted(void *arg, struct stream *stream) {
    struct http_server *s = arg;
    if (!make_place(s) || !http_caller_new(s, stream)) stream_close(stream);
}

static void on_incoming(uv_stream_t *listening, int status) {
    incoming_came(&((struct http_server *)listening->data)->incoming, status);
}

int http_server_read_address(union address *out, const char *host, uint16_t port, struct fault *fault) {
    return incoming_read_address(out, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port, fault);
}

static void tell_fault(struct fault *fault, const union address *address, int rc) {
    char text[ADDRESS_TEXT];
    address_print(address, text, sizeof text);
    fault_put(fault, FAULT_LISTEN, "cannot listen on %s: %s", text, uv_strerror(rc));
}

static void free_server(struct http_server *s) {
    account_release(s->account);
    free(s);
}

static void on_closed(uv_handle_t *handle) {
    struct http_server *s = handle->data;
    s->closed = true;
    if (s->ended) free_server(s);
}

static void end_all(struct net *net);
static const struct net_room room = {.close = end_all};

static void link_server(struct http_server *s, struct net *net) {
    s->net = net;
    LIST_INSERT_HEAD(&net->http_servers, s, link);
    net_join(net, &room);
}

int http_server_bind(struct http_server **out, struct net *net, const union address *address, struct fault *fault) {
    struct http_server *s = calloc(1, sizeof *s);
    int rc = s ? uv_tcp_init(net->loop, &s->tcp) : UV_ENOMEM;
    if (rc < 0) {
        free(s);
        tell_fault(fault, address, rc);
        return ERR_SYSTEM;
    }
    if (net->beside) uv_unref((uv_handle_t *)&s->tcp);
    link_server(s, net);
    s->account = account_hold(net->account);
    s->tcp.data = s;
    TAILQ_INIT(&s->callers);
    s->incoming = (struct incoming){.net = net, .listening = (uv_stream_t *)&s->tcp, .accepted = on_accepted, .arg = s};
    rc = uv_tcp_bind(&s->tcp, &address->any, 0);
    int n = sizeof s->address;
    if (rc == 0) rc = uv_tcp_getsockname(&s->tcp, &s->address.any, &n); /* fails where another program has the port */
    if (rc < 0) {
        tell_fault(fault, address, rc);
        http_server_close(s, UINT64_MAX);
        return ERR_SYSTEM;
    }
    *out = s;
    return 0;
}

int http_server_listen(struct http_server *s, struct fault *fault) {
    int rc = uv_listen((uv_stream_t *)&s->tcp, 1024, on_incoming);
    if (rc < 0) {
        tell_fault(fault, &s->address, rc);
        return ERR_SYSTEM;
    }
    s->listens = true;
    incoming_begin(&s->incoming, s->address);
    return 0;
}

void http_server_be_patient(struct http_server *s) {
    s->patient = true;
    uv_unref((uv_handle_t *)&s->tcp);
}

/* ---- its owner ---- */

void http_server_own(struct http_server *s, const struct http_server_sink *sink, void *arg, struct account *account,
                     size_t max_body) {
    account_add(account_hold(account), s->kept);
    account_take(s->account, s->kept);
    account_release(s->account);
    s->account = account;
    s->sink = sink;
    s->arg = arg;
    s->max_body = max_body;
}

void *http_server_owner(const struct http_server *s, const struct http_server_sink *sink) {
    return s->sink == sink ? s->arg : NULL;
}

const union address *http_server_address(const struct http_server *s) { return &s->address; }

struct http_server *http_server_at(const struct net *net, const union address *address) {
    struct http_server *s;
    LIST_FOREACH(s, &net->http_servers, link)
        if (s->listens && !s->closing && address_is_same(&s->address, address)) break;
    return s;
}

void http_server_offer(struct http_server *s) {
    struct http_caller *c;
    TAILQ_FOREACH(c, &s->callers, link)
        if (c->state == CALLER_WAITS) http_caller_give_back(c);
}

struct http_server *http_server_on(const struct net *net, uint16_t port) {
    struct http_server *s;
    LIST_FOREACH(s, &net->http_servers, link)
        if (s->listens && !s->closing && address_port(&s->address) == port) break;
    return s;
}

/* ---- its end ---- */

static struct http_server *of_late(struct deadline *d) { return container_of(d, struct http_server, late); }

/* Calls `fn` for each connection, which it may end. */
static void each(struct http_server *s, void (*fn)(struct http_caller *c)) {
    for (struct http_caller *c = TAILQ_FIRST(&s->callers), *next; c; c = next) {
        next = TAILQ_NEXT(c, link);
        fn(c);
    }
}

static void finish(struct http_server *s) {
    clock_cancel(&s->net->clock, &s->late);
    s->ended = true;
    LIST_REMOVE(s, link);
    if (s->sink) s->sink->closed(s->arg);
    if (s->closed) free_server(s);
}

static void on_settled(struct deadline *d) { finish(of_late(d)); }

void http_server_settle(struct http_server *s) {
    struct clock *clock = &s->net->clock;
    if (s->closing && TAILQ_EMPTY(&s->callers)) clock_set(clock, &s->late, clock_now(clock), on_settled);
}

static void on_too_late(struct deadline *d) { each(of_late(d), http_caller_end); }

static void on_late(struct deadline *d) {
    struct http_server *s = of_late(d);
    clock_set(&s->net->clock, d, clock_now(&s->net->clock) + CLOCK_SECOND, on_too_late);
    each(s, http_caller_give_up);
}

void http_server_close(struct http_server *s, uint64_t grace) {
    if (grace < UINT64_MAX) clock_set(&s->net->clock, &s->late, clock_now(&s->net->clock) + grace, on_late);
    if (!s->closing) {
        s->closing = true;
        incoming_end(&s->incoming);
        uv_close((uv_handle_t *)&s->tcp, on_closed);
        each(s, http_caller_close);
    }
    http_server_settle(s);
}

void http_server_disown(struct http_server *s) {
    http_server_own(s, NULL, NULL, s->net->account, s->max_body);
    http_server_close(s, UINT64_MAX);
    each(s, http_caller_give_up);
}

void http_server_stop_all(struct net *net, uint64_t grace) {
    struct http_server *s;
    LIST_FOREACH(s, &net->http_servers, link) http_server_close(s, grace);
}

static void end_all(struct net *net) {
    while (!LIST_EMPTY(&net->http_servers)) {
        struct http_server *s = LIST_FIRST(&net->http_servers);
        s->sink = NULL;
        http_server_close(s, UINT64_MAX);
        each(s, http_caller_end);
        finish(s);
    }
}

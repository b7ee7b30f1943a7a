/* listener: one listening socket. */
#include "net/conn/listener.h"

#include "net/conn/parts.h"
#include "net/incoming.h"

#include <stdlib.h>
#include <string.h>

struct listener {
    uv_tcp_t tcp;
    struct net *net;
    struct listener_options options;
    struct incoming incoming;
};

static void on_accepted(void *arg, struct stream *s) {
    struct listener *l = arg;
    struct conn *c = conn_accept(l->net, s, l->options.tls, l->options.sink, l->options.arg);
    if (!c) {
        stream_close(s);
        return;
    }
    if (l->options.accepted) l->options.accepted(l->options.arg, c);
    conn_renew_step(c); /* its settings may be others now */
    conn_release(c);
}

static void on_incoming(uv_stream_t *listening, int status) {
    incoming_came(&((struct listener *)listening->data)->incoming, status);
}

static void on_closed(uv_handle_t *handle) { free(handle->data); }

int listener_open(struct listener **out, struct net *net, const struct listener_options *options, struct fault *fault) {
    union address address;
    if (incoming_read_address(&address, options->host, options->port, fault) < 0) return ERR_SYSTEM;
    struct listener *l = calloc(1, sizeof *l);
    int rc = l ? uv_tcp_init(net->loop, &l->tcp) : UV_ENOMEM;
    if (rc < 0) {
        free(l);
        fault_put(fault, FAULT_LISTEN, "%s", uv_strerror(rc));
        return ERR_SYSTEM;
    }
    l->net = net;
    l->options = *options;
    l->tcp.data = l;
    l->incoming = (struct incoming){.net = net, .listening = (uv_stream_t *)&l->tcp, .accepted = on_accepted, .arg = l};
    if ((rc = uv_tcp_bind(&l->tcp, &address.any, 0)) < 0) goto fail;
    if ((rc = uv_listen((uv_stream_t *)&l->tcp, 1024, on_incoming)) < 0) goto fail;
    incoming_begin(&l->incoming, address_bound(&l->tcp));
    *out = l;
    return 0;
fail:
    fault->system = uv_err_name(rc);
    fault_put(fault, FAULT_LISTEN, "cannot listen on %s port %u: %s", options->host, options->port, uv_strerror(rc));
    listener_close(l);
    return ERR_SYSTEM;
}

void listener_address(const struct listener *l, char *text, size_t size) {
    address_print(&l->incoming.address, text, size);
}

void listener_unref(struct listener *l) { uv_unref((uv_handle_t *)&l->tcp); }

void listener_close(struct listener *l) {
    incoming_end(&l->incoming);
    uv_close((uv_handle_t *)&l->tcp, on_closed);
}

/* listener: one listening socket. */
#include "net/conn/listener.h"

#include "net/conn/parts.h"
#include "net/incoming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct net *net;
    struct listener_options options;
    struct incoming incoming;
};

static void on_accepted(void *arg, struct stream *s) {
    struct listener *l = arg;
    bool is_let_in = !l->incoming.unix_path || stream_is_trusted(s);
    struct conn *c = is_let_in ? conn_accept(l->net, s, l->options.tls, l->options.sink, l->options.arg) : NULL;
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

static struct listener *new_listener(struct net *net, const struct listener_options *options, int *rc) {
    struct listener *l = calloc(1, sizeof *l);
    if (!l) {
        *rc = UV_ENOMEM;
        return NULL;
    }
    l->net = net;
    l->options = *options;
    l->incoming = (struct incoming){.net = net, .listening = &l->uv.stream, .accepted = on_accepted, .arg = l};
    l->incoming.unix_path = options->path != NULL;
    *rc = options->path ? uv_pipe_init(net->loop, &l->uv.pipe, 0) : uv_tcp_init(net->loop, &l->uv.tcp);
    l->uv.handle.data = l;
    if (*rc == 0) return l;
    free(l);
    return NULL;
}

/* Only this user may connect: nobody can before uv_listen. */
static int bind_path(struct listener *l, const char *path) {
    if (strlen(path) >= sizeof((struct sockaddr_un *)NULL)->sun_path) return UV_ENAMETOOLONG; /* libuv would cut it */
    int rc = uv_pipe_bind(&l->uv.pipe, path);
    return rc == 0 && chmod(path, S_IRUSR | S_IWUSR) != 0 ? uv_translate_sys_error(errno) : rc;
}

int listener_open(struct listener **out, struct net *net, const struct listener_options *options, struct fault *fault) {
    union address address = {0};
    int rc;
    if (!options->path && incoming_read_address(&address, options->host, options->port, fault) < 0) return ERR_SYSTEM;
    struct listener *l = new_listener(net, options, &rc);
    if (!l) {
        fault_put(fault, FAULT_LISTEN, "%s", uv_strerror(rc));
        return ERR_SYSTEM;
    }
    if ((rc = options->path ? bind_path(l, options->path) : uv_tcp_bind(&l->uv.tcp, &address.any, 0)) < 0) goto fail;
    if ((rc = uv_listen(&l->uv.stream, 1024, on_incoming)) < 0) goto fail;
    incoming_begin(&l->incoming, options->path ? (union address){0} : address_bound(&l->uv.tcp));
    *out = l;
    return 0;
fail:
    fault->system = uv_err_name(rc);
    if (options->path)
        fault_put(fault, FAULT_LISTEN, "cannot listen on %s: %s", options->path, uv_strerror(rc));
    else
        fault_put(fault, FAULT_LISTEN, "cannot listen on %s port %u: %s", options->host, options->port,
                  uv_strerror(rc));
    listener_close(l);
    return ERR_SYSTEM;
}

void listener_address(const struct listener *l, char *text, size_t size) {
    address_print(&l->incoming.address, text, size);
}

void listener_unref(struct listener *l) { uv_unref(&l->uv.handle); }

void listener_close(struct listener *l) {
    incoming_end(&l->incoming);
    uv_close(&l->uv.handle, on_closed);
}

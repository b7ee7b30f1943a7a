/* incoming: while a connection that libuv has reported is not accepted, libuv reports no other one. */
#include "net/incoming.h"

#include "base/container_of.h"

static void accept_later(struct incoming *in, uint64_t delay);

static void accept_one(struct incoming *in) {
    struct stream *s;
    if (stream_new(&s, in->net, in->unix_path) != 0) {
        accept_later(in, CLOCK_SECOND / 10);
        return;
    }
    if (stream_accept(s, in->listening) == 0)
        in->accepted(in->arg, s);
    else
        stream_close(s);
}

static void on_again(struct deadline *d) { accept_one(container_of(d, struct incoming, again)); }

static void accept_later(struct incoming *in, uint64_t delay) {
    clock_set(&in->net->clock, &in->again, clock_now(&in->net->clock) + delay, on_again);
}

void incoming_came(struct incoming *in, int status) {
    if (status == 0 && net_turn_is_over(in->net))
        accept_later(in, 0);
    else if (status == 0)
        accept_one(in);
}

int incoming_read_address(union address *out, const char *host, uint16_t port, struct fault *fault) {
    enum address_kind kind = address_read(out, host, port);
    if (kind == ADDRESS_NONE)
        fault_put(fault, FAULT_LISTEN, "%s is not an IP address", host);
    else if (kind == ADDRESS_ASTRAY)
        fault_put(fault, FAULT_LISTEN, "cannot listen on %s: there is no interface %s", host, address_zone(host));
    else if (address_lacks_zone(out))
        fault_put(fault, FAULT_LISTEN,
                  "cannot listen on %s: a link-local address needs its interface behind it, as %s%%eth0", host, host);
    return fault_set(fault) ? ERR_SYSTEM : 0;
}

void incoming_begin(struct incoming *in, union address address) {
    in->address = address;
    if (address.any.sa_family == AF_UNSPEC) return;
    LIST_INSERT_HEAD(&in->net->listening, in, link);
}

bool incoming_is_at(const struct net *net, const union address *address) {
    const struct incoming *in;
    LIST_FOREACH(in, &net->listening, link)
        if (address_is_same(&in->address, address)) return true;
    return false;
}

void incoming_end(struct incoming *in) {
    clock_cancel(&in->net->clock, &in->again);
    if (in->address.any.sa_family == AF_UNSPEC) return;
    LIST_REMOVE(in, link);
    in->address = (union address){0};
}

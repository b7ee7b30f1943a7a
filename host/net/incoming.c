/* incoming: one that is not accepted when libuv tells of it is the last one for now: it tells no more until then. */
#include "net/incoming.h"

#include "base/container_of.h"

static void accept_later(struct incoming *in, uint64_t delay);

static void accept_one(struct incoming *in) {
    struct stream *s;
    if (stream_new(&s, in->net, false) != 0) {
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

void incoming_end(struct incoming *in) { clock_cancel(&in->net->clock, &in->again); }

/* loopback: what one end has sent is compared with what the other has received. Ends find each other by both their
 * addresses: connections to two servers may well have the same port on our side. */
#include "testing/loopback.h"

#include "net/incoming.h"
#include <stdlib.h>
#include <string.h>

/* Finds the other end. Either may hear of the connection first, so it is looked for from both sides. */
static bool pair(struct conn *c) {
    union address here = conn_local_address(c), there = c->remote_address;
    for (struct conn *o = LIST_FIRST(&c->net->all); o && !c->pair; o = LIST_NEXT(o, link)) {
        if (o->role == c->role || !o->stream || o->pair || !address_is_same(&here, &o->remote_address)) continue;
        union address other_end = conn_local_address(o);
        if (!address_is_same(&there, &other_end)) continue;
        uint32_t mine = address_port(&here), other = address_port(&there);
        c->pair = o->pair = c->role == WS_CLIENT ? mine << 16 | other : other << 16 | mine;
    }
    return c->pair;
}

void loopback_pair(struct conn *server) { pair(server); }

/* Both ends of one connection; NULL: that one is gone. */
struct pair {
    const struct conn *client, *server;
};

/* Finds the entry of a pair in a table of `size`, a power of 2, that is never full; an empty entry where the pair is
 * new. */
static struct pair *find(struct pair *table, size_t size, uint32_t pair) {
    size_t i = pair >> 16;
    for (;; i++) {
        struct pair *p = &table[i & (size - 1)];
        if (!p->client && !p->server) return p;
        if ((p->client ? p->client : p->server)->pair == pair) return p;
    }
}

static bool reads(const struct conn *c) { return c && c->stream && c->stream->reading; }
static bool has_ended(const struct conn *c) { return !c || !c->stream || c->shut; }

/* Is what `from` sent, or its end, still on its way? */
static bool is_on_its_way(const struct conn *from, const struct conn *to) {
    if (!reads(to)) return false;
    return has_ended(from) || from->stream->sent != to->stream->received;
}

static bool begins(struct conn *c, bool with_dials) {
    if (c->role != WS_CLIENT) return false;
    if (c->tunnel) return with_dials || tunnel_is_looking_up(c->tunnel);
    return c->stream && !c->pair && incoming_is_at(c->net, &c->remote_address) && !pair(c);
}

bool loopback_is_quiet(const struct net *net, bool with_dials) {
    size_t n = 0, size = 16;
    bool quiet = true;
    for (struct conn *c = LIST_FIRST(&net->all); c && quiet; c = LIST_NEXT(c, link)) {
        quiet = !begins(c, with_dials);
        if (c->pair) n++;
    }
    if (n == 0 || !quiet) return quiet;
    while (size < n * 2) size *= 2;
    struct pair *table = calloc(size, sizeof *table);
    if (!table) return false; /* the caller gives up after a while */
    const struct conn *c;
    LIST_FOREACH(c, &net->all, link) {
        if (!c->pair || !c->stream) continue;
        struct pair *p = find(table, size, c->pair);
        *(c->role == WS_CLIENT ? &p->client : &p->server) = c;
    }
    for (size_t i = 0; i < size && quiet; i++) {
        const struct pair *p = &table[i];
        if (!p->client && !p->server) continue;
        quiet = !is_on_its_way(p->client, p->server) && !is_on_its_way(p->server, p->client);
    }
    free(table);
    return quiet;
}

/* loopback: what one end has sent is compared with what the other has received. Ends find each other by their port. */
#include "net/loopback.h"

#include "net/listener.h"
#include <stdlib.h>
#include <string.h>

/* Finds the other end. Either may hear of the connection first, so it is looked for from both sides. */
static bool pair(struct conn *c) {
    bool client = c->role == WS_CLIENT;
    for (struct conn *o = c->net->all; o && !c->paired; o = o->all_next) {
        if (o->role == c->role || !o->stream || o->paired) continue;
        const char *port = client ? o->remote_address : o->local_address;
        c->paired = o->paired = strcmp(client ? c->local_address : c->remote_address, port) == 0;
    }
    return c->paired;
}

void loopback_pair(struct conn *server) { pair(server); }

/* Both ends of one connection; NULL: that one is gone. */
struct pair {
    const struct conn *client, *server;
};

static unsigned port_of(const char *address) {
    const char *colon = strrchr(address, ':');
    return colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
}

/* Finds the pair of a port in a table of `size`, a power of 2 that is never full; its own place where it is new. */
static struct pair *find(struct pair *table, size_t size, unsigned port) {
    size_t i = port;
    for (;; i++) {
        struct pair *p = &table[i & (size - 1)];
        if (!p->client && !p->server) return p;
        if (port_of(p->client ? p->client->local_address : p->server->remote_address) == port) return p;
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
    if (c->dial) return with_dials || dial_is_looking_up(c->dial);
    return c->stream && !c->paired && listener_is_at(c->net, c->remote_address) && !pair(c);
}

bool loopback_is_quiet(const struct net *net, bool with_dials) {
    size_t n = 0, size = 16;
    bool quiet = true;
    for (struct conn *c = net->all; c && quiet; c = c->all_next) {
        quiet = !begins(c, with_dials);
        if (c->paired) n++;
    }
    if (n == 0 || !quiet) return quiet;
    while (size < n * 2) size *= 2;
    struct pair *table = calloc(size, sizeof *table);
    if (!table) abort();
    for (const struct conn *c = net->all; c; c = c->all_next) {
        if (!c->paired || !c->stream) continue;
        struct pair *p = find(table, size, port_of(c->role == WS_CLIENT ? c->local_address : c->remote_address));
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

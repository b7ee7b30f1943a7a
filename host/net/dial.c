/* dial: one look-up, then a race. */
#include "net/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ADDRESSES_MAX = 16,
    NEXT_AFTER_MS = 250, /* RFC 8305 5, Connection Attempt Delay */
};

struct dial {
    struct net *net;
    dial_done done;
    void *arg; /* `done` NULL: cancelled */
    char *host;
    uint16_t port;
    struct sockaddr_storage local;
    bool has_local;

    uv_getaddrinfo_t lookup;
    bool looking_up;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    struct stream *tried[ADDRESSES_MAX]; /* those still on their way */
    size_t count, next;
    size_t on_their_way;
    struct deadline pause; /* before the next address, or before a failure found at once is told */
    struct fault fault;    /* of the address that failed last */
    char path[128];        /* of a socket of the file system */
};

static void free_dial(struct dial *d) {
    clock_cancel(&d->net->clock, &d->pause);
    free(d->host);
    free(d);
}

static void drop_attempts(struct dial *d) {
    for (size_t i = 0; i < ADDRESSES_MAX; i++) {
        if (d->tried[i]) stream_close(d->tried[i]);
        d->tried[i] = NULL;
    }
}

static void finish(struct dial *d, struct stream *winner) {
    dial_done done = d->done;
    void *arg = d->arg;
    struct fault fault = d->fault;
    drop_attempts(d);
    free_dial(d);
    done(arg, winner, winner ? NULL : &fault);
}

static void try_next(struct dial *d);
static void on_pause(struct deadline *pause) {
    try_next((struct dial *)((char *)pause - offsetof(struct dial, pause)));
}

static void note_failure(struct dial *d, const char *where, int error) {
    d->fault.kind = NULL; /* the last address speaks for all */
    char from[128] = "";
    if (d->has_local) {
        stream_address_text((const struct sockaddr *)&d->local, from, sizeof from);
        *strrchr(from, ':') = '\0'; /* the port is any */
    }
    d->fault.system = uv_err_name(error);
    fault_put(&d->fault, "connect", "cannot connect to %s%s%s: %s", where, from[0] ? " from local_address " : "", from,
              uv_strerror(error));
}

static void on_connected(void *owner, struct stream *s, int status) {
    struct dial *d = owner;
    size_t i = 0;
    while (d->tried[i] != s) i++;
    d->tried[i] = NULL;
    d->on_their_way--;
    if (status == 0) {
        finish(d, s);
        return;
    }
    char where[128];
    if (d->path[0]) {
        snprintf(where, sizeof where, "%s", d->path);
    } else {
        stream_address_text((struct sockaddr *)&d->addresses[i], where, sizeof where);
    }
    stream_close(s);
    note_failure(d, where, status);
    try_next(d);
}

static const struct stream_events events = {.connected = on_connected};

/* Tries the next address that can be tried at all; fails when there is none left and none on its way. */
static void try_next(struct dial *d) {
    clock_cancel(&d->net->clock, &d->pause);
    while (d->next < d->count) {
        size_t i = d->next++;
        struct sockaddr *to = (struct sockaddr *)&d->addresses[i];
        struct sockaddr *local = d->has_local ? (struct sockaddr *)&d->local : NULL;
        char where[128];
        stream_address_text(to, where, sizeof where);
        if (local && local->sa_family != to->sa_family) {
            if (!fault_set(&d->fault))
                fault_put(&d->fault, "connect",
                          "cannot connect to %s from local_address: it is of the other address family", where);
            continue;
        }
        struct stream *s = stream_new(d->net, false);
        if (!s) continue;
        stream_own(s, &events, d);
        int rc = stream_connect(s, to, local);
        if (rc == 0) {
            d->tried[i] = s;
            d->on_their_way++;
            if (d->next < d->count)
                clock_set(&d->net->clock, &d->pause, clock_now(&d->net->clock) + NEXT_AFTER_MS * CLOCK_MS, on_pause);
            return;
        }
        stream_close(s);
        note_failure(d, where, rc);
    }
    if (d->on_their_way) return;
    fault_put(&d->fault, "connect", "there is no address to connect to");
    finish(d, NULL);
}

/* Puts the families in turn, the resolver's first choice (RFC 6724) first: RFC 8305 4. */
static void keep_addresses(struct dial *d, const struct addrinfo *found) {
    const struct addrinfo *lists[2] = {found, found};
    int family = found ? found->ai_family : AF_INET6;
    int families[2] = {family, family == AF_INET6 ? AF_INET : AF_INET6};
    for (int turn = 0; d->count < ADDRESSES_MAX && (lists[0] || lists[1]); turn ^= 1) {
        const struct addrinfo *a = lists[turn];
        while (a && a->ai_family != families[turn]) a = a->ai_next;
        lists[turn] = a ? a->ai_next : NULL;
        if (a) memcpy(&d->addresses[d->count++], a->ai_addr, a->ai_addrlen);
    }
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
    struct dial *d = req->data;
    d->looking_up = false;
    if (!d->done) {
        d->net->lookups--;
        free_dial(d);
    } else {
        if (status == 0) keep_addresses(d, found);
        if (status != 0) {
            d->fault.system = uv_err_name(status);
            fault_put(&d->fault, "dns", "cannot find %s: %s", d->host, uv_strerror(status));
        }
        try_next(d);
    }
    uv_freeaddrinfo(found);
}

static struct dial *new_dial(struct net *net, const char *host, dial_done done, void *arg) {
    struct dial *d = calloc(1, sizeof *d);
    if (!d || !(d->host = strdup(host))) abort();
    d->net = net;
    d->done = done;
    d->arg = arg;
    return d;
}

/* Reads a literal address. */
static bool literal(const char *host, uint16_t port, struct sockaddr_storage *out) {
    return uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0;
}

struct dial *dial_start(struct net *net, const char *host, uint16_t port, const char *local, dial_done done,
                        void *arg) {
    struct dial *d = new_dial(net, host, done, arg);
    uint64_t now = clock_now(&net->clock);
    d->port = port;
    d->has_local = local && literal(local, 0, &d->local);
    if (literal(host, port, &d->addresses[0])) {
        d->count = 1;
        clock_set(&net->clock, &d->pause, now, on_pause);
        return d;
    }
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    d->lookup.data = d;
    int rc = uv_getaddrinfo(net->loop, &d->lookup, on_looked_up, host, service, &hints);
    d->looking_up = rc == 0;
    if (rc != 0) {
        fault_put(&d->fault, "dns", "cannot look up %s: %s", host, uv_strerror(rc));
        clock_set(&net->clock, &d->pause, now, on_pause);
    }
    return d;
}

struct dial *dial_start_path(struct net *net, const char *path, dial_done done, void *arg) {
    struct dial *d = new_dial(net, path, done, arg);
    snprintf(d->path, sizeof d->path, "%s", path);
    struct stream *s = stream_new(net, true);
    if (!s) {
        clock_set(&net->clock, &d->pause, clock_now(&net->clock), on_pause);
        return d;
    }
    d->tried[0] = s;
    d->on_their_way = 1;
    stream_own(s, &events, d);
    stream_connect_path(s, path);
    return d;
}

void dial_cancel(struct dial *d) {
    drop_attempts(d);
    if (!d->looking_up) {
        free_dial(d);
        return;
    }
    d->done = NULL; /* a look-up that has begun cannot be taken back: it ends by itself */
    d->net->lookups++;
    uv_cancel((uv_req_t *)&d->lookup);
}

bool dial_is_looking_up(const struct dial *d) { return d->looking_up; }

void dial_describe(const struct dial *d, char *text, size_t size) {
    char where[128] = "";
    for (size_t i = d->next; i-- > 0 && !where[0];)
        if (d->tried[i]) stream_address_text((const struct sockaddr *)&d->addresses[i], where, sizeof where);
    if (d->looking_up) {
        snprintf(text, size, "no address for %s", d->host);
    } else {
        snprintf(text, size, "no answer from %s", where[0] ? where : d->host);
    }
}

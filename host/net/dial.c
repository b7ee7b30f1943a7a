/* dial: one look-up, then a race. */
#include "net/dial.h"

#include "net/lookup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEXT_AFTER_MS = 250 }; /* RFC 8305 5, Connection Attempt Delay */

struct dial {
    struct net *net;
    dial_done done;
    void *arg;
    const char *title;
    char *host;
    struct sockaddr_storage local;
    bool has_local;

    struct lookup *lookup; /* NULL: none is under way */
    struct sockaddr_storage addresses[LOOKUP_MOST];
    struct stream *tried[LOOKUP_MOST]; /* those still on their way */
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
    for (size_t i = 0; i < LOOKUP_MOST; i++) {
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
    fault_put(&d->fault, "connect", "cannot connect to %s%s%s%s: %s", d->title, where,
              from[0] ? " from local_address " : "", from, uv_strerror(error));
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
                          "cannot connect to %s%s from local_address: it is of the other address family", d->title,
                          where);
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

static void cannot_find(struct dial *d, int error) {
    d->fault.system = uv_err_name(error);
    fault_put(&d->fault, "dns", "cannot find %s%s: %s", d->title, d->host, uv_strerror(error));
}

static void on_looked_up(void *arg, int status, const struct sockaddr_storage *addresses, size_t count) {
    struct dial *d = arg;
    d->lookup = NULL;
    d->count = count;
    if (count) memcpy(d->addresses, addresses, count * sizeof *addresses);
    if (status != 0) cannot_find(d, status);
    try_next(d);
}

static struct dial *new_dial(struct net *net, const char *title, const char *host, dial_done done, void *arg) {
    struct dial *d = calloc(1, sizeof *d);
    if (!d || !(d->host = strdup(host))) abort();
    d->net = net;
    d->title = title;
    d->done = done;
    d->arg = arg;
    return d;
}

struct dial *dial_start(struct net *net, const char *title, const char *host, uint16_t port, const char *local,
                        dial_done done, void *arg) {
    struct dial *d = new_dial(net, title, host, done, arg);
    d->has_local = local && lookup_literal(local, 0, &d->local);
    int rc = 0;
    if (lookup_literal(host, port, &d->addresses[0]))
        d->count = 1;
    else if ((rc = lookup_start(&d->lookup, net, host, port, on_looked_up, d)) != 0)
        cannot_find(d, rc);
    if (!d->lookup) clock_set(&net->clock, &d->pause, clock_now(&net->clock), on_pause);
    return d;
}

struct dial *dial_start_path(struct net *net, const char *path, dial_done done, void *arg) {
    struct dial *d = new_dial(net, "", path, done, arg);
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
    if (d->lookup) lookup_cancel(d->lookup);
    free_dial(d);
}

bool dial_is_looking_up(const struct dial *d) { return d->lookup != NULL; }

void dial_describe(const struct dial *d, char *text, size_t size) {
    char where[128] = "";
    for (size_t i = d->next; i-- > 0 && !where[0];)
        if (d->tried[i]) stream_address_text((const struct sockaddr *)&d->addresses[i], where, sizeof where);
    snprintf(text, size, "%s %s%s", d->lookup ? "no address for" : "no answer from", d->title,
             where[0] && !d->lookup ? where : d->host);
}

/* dial: one name, then a race. Whatever happens (a family of addresses is known, one failed, a pause is over) leads to
 * go_on, which does what may be done by then. */
#include "net/dial/dial.h"

#include "base/container_of.h"
#include "net/dial/dead.h"
#include "net/dial/names.h"
#include "net/dial/resolve.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEXT_AFTER_MS = 250,  /* RFC 8305 5, Connection Attempt Delay */
    OTHER_FAMILY_MS = 50, /* RFC 8305 3, Resolution Delay: how long one family waits for the one that goes first */
    FAILURES_SIZE = 256,  /* bytes of text about addresses that failed */
};

struct candidate {
    union address address;
    struct stream *stream; /* on its way, or NULL */
    bool tried;
    bool dead; /* it failed in the last minute (net/dial/dead.h) */
};

struct dial {
    struct net *net;
    dial_done done;
    void *arg;
    struct names_wait names;
    struct candidate *candidates;
    size_t count, on_their_way;
    sa_family_t turn;                    /* the family to try next (RFC 8305 4) */
    uint64_t found_at;                   /* when the first address was found by a look-up; 0: none was */
    uint64_t tried_at;                   /* when the last one was tried; 0: it has failed since */
    struct deadline pause;               /* before the next one is tried, or before the end is told */
    struct buf failures;                 /* "connection refused at ADDRESS, ADDRESS; ..." */
    unsigned untold;                     /* failures for which there was no room */
    int error;                           /* of the address that failed last, of libuv */
    int dns_error;                       /* of the look-up, of libuv */
    int family;                          /* 4 or 6; 0: any */
    union address local;                 /* AF_UNSPEC: any */
    uint16_t port;                       /* 0: `host` is the path of a socket */
    bool is_literal;                     /* `host` is an address, or a path */
    const char *title;                   /* of the host; "": none */
    const struct trace_subject *subject; /* of the trace; NULL: nobody's */
    char host[];
};

static struct dial *of_pause(struct deadline *pause) { return container_of(pause, struct dial, pause); }

/* ---- the end ---- */

void dial_cancel(struct dial *d) {
    names_leave(&d->names);
    clock_cancel(&d->net->clock, &d->pause);
    for (size_t i = 0; i < d->count; i++)
        if (d->candidates[i].stream) stream_close(d->candidates[i].stream);
    free(d->candidates);
    buf_clear(&d->failures);
    free(d);
}

static void finish(struct dial *d, struct stream *winner, union address to, const struct fault *fault) {
    dial_done done = d->done;
    void *arg = d->arg;
    dial_cancel(d);
    done(arg, winner, to, fault);
}

/* ---- words ---- */

/* "NAME:PORT", "[ADDRESS]:PORT" or a path. */
static void target_text(const struct dial *d, char *text, size_t size) {
    bool bare = strchr(d->host, ':') != NULL;
    if (d->port)
        snprintf(text, size, bare ? "[%s]:%u" : "%s:%u", d->host, d->port);
    else
        snprintf(text, size, "%s", d->host);
}

/* Why an address failed. */
static const char *reason(const struct dial *d, const union address *address, int error) {
    if (error == UV_EINVAL && address && (address_lacks_zone(address) || address_lacks_zone(&d->local)))
        return "a link-local address needs its interface behind it, as fe80::1%eth0";
    return uv_strerror(error);
}

/* Where only one family may be used: the option that asks for that. */
static const char *family_reason(const struct dial *d) {
    return d->local.any.sa_family != AF_UNSPEC ? "local_address is one" : d->family == 4 ? "family = 4" : "family = 6";
}

static void put_dns_fault(const struct dial *d, struct fault *fault) {
    fault->system = uv_err_name(d->dns_error);
    switch (d->dns_error) {
    case UV_EAI_AGAIN:
        fault_put(fault, FAULT_DNS, "cannot find %s%s: no name server answered (is this machine offline?)", d->title,
                  d->host);
        break;
    case UV_EAI_NONAME:
    case UV_EAI_NODATA:
    case UV_EAI_ADDRFAMILY:
        if (d->family)
            fault_put(fault, FAULT_DNS, "cannot find %s%s: no IPv%d address is known (%s)", d->title, d->host,
                      d->family, family_reason(d));
        else
            fault_put(fault, FAULT_DNS, "cannot find %s%s: no address is known (is the name right?)", d->title,
                      d->host);
        break;
    case UV_EAGAIN:
        fault_put(fault, FAULT_DNS, "cannot find %s%s: no thread can be started for the look-up: %s", d->title, d->host,
                  uv_strerror(d->dns_error));
        break;
    default: fault_put(fault, FAULT_DNS, "cannot find %s%s: %s", d->title, d->host, uv_strerror(d->dns_error));
    }
}

static void put_fault(const struct dial *d, struct fault *fault) {
    char target[300], local[ADDRESS_TEXT] = "";
    if (!d->error && d->dns_error) {
        put_dns_fault(d, fault);
        return;
    }
    target_text(d, target, sizeof target);
    if (!d->error) {
        fault_put(fault, FAULT_CONNECT, "cannot connect to %s%s: it %s no IPv%d address (%s)", d->title, target,
                  d->is_literal ? "is" : "has", d->family, family_reason(d));
        return;
    }
    if (d->local.any.sa_family != AF_UNSPEC) {
        address_print(&d->local, local, sizeof local);
        *strrchr(local, ':') = '\0'; /* without the port, which is 0 */
    }
    fault->system = uv_err_name(d->error);
    fault_put(fault, FAULT_CONNECT, "cannot connect to %s%s%s%s: %.*s%s", d->title, target,
              local[0] ? " from local_address " : "", local, SLICE_ARGS(buf_slice(&d->failures)),
              d->untold ? ", and others" : "");
}

static void note_failure(struct dial *d, const union address *address, int error) {
    char where[ADDRESS_TEXT];
    int rc = 0;
    if (d->untold) {
        d->untold++;
    } else if (d->is_literal) {
        rc = buf_printf(&d->failures, "%s", reason(d, address, error));
    } else {
        address_print(address, where, sizeof where);
        rc = d->error == error ? buf_printf(&d->failures, ", %s", where)
                               : buf_printf(&d->failures, "%s%s at %s", d->failures.len ? "; " : "",
                                            reason(d, address, error), where);
    }
    if (rc < 0) d->untold++;
    d->error = error;
}

/* Notes the failure of an address whose zone is no interface. */
static void note_astray(struct dial *d, const char *text) {
    const char *zone = address_zone(text);
    if (buf_printf(&d->failures, "%sthere is no interface %s", d->failures.len ? "; " : "", zone) < 0) d->untold++;
    d->error = UV_ENODEV;
}

static void trace_address(const struct dial *d, const union address *address, const char *what, const char *more) {
    char where[ADDRESS_TEXT];
    address_print(address, where, sizeof where);
    trace_line(TRACE_DIAL, d->subject, "%s%s%s", where, what, more);
}

/* ---- the race ---- */

/* All addresses failed: those of the look-up may be outdated. */
static void forget_name(struct dial *d) {
    if (d->found_at) names_forget(d->net, d->host, d->found_at);
}

static void on_failed(struct deadline *pause) {
    struct dial *d = of_pause(pause);
    struct fault fault = {0};
    put_fault(d, &fault);
    forget_name(d);
    finish(d, NULL, (union address){0}, &fault);
}

static void close_dead(struct net *net) {
    free(net->dead);
    net->dead = NULL;
}

static void note_dead(struct net *net, const union address *address) {
    static const struct net_room room = {.close = close_dead};
    if (!net->dead && !(net->dead = calloc(1, sizeof *net->dead))) return; /* no memory: it is not noted */
    net_join(net, &room);
    dead_put(net->dead, address, clock_now(&net->clock));
}

/* Is this error caused by the address, and not by this machine? */
static bool is_of_the_address(int error) {
    return error == UV_ECONNREFUSED || error == UV_ETIMEDOUT || error == UV_EHOSTUNREACH || error == UV_ENETUNREACH ||
           error == UV_ECONNRESET;
}

static void address_failed(struct dial *d, const struct candidate *c, int error) {
    if (is_of_the_address(error)) note_dead(d->net, &c->address);
    if (trace_wants(TRACE_DIAL)) trace_address(d, &c->address, " failed: ", reason(d, &c->address, error));
    note_failure(d, &c->address, error);
    d->tried_at = 0;
}

static void go_on(struct dial *d);

static void on_connected(void *owner, struct stream *s, int status) {
    struct dial *d = owner;
    struct candidate *c = d->candidates;
    while (c->stream != s) c++;
    c->stream = NULL;
    d->on_their_way--;
    if (status == 0) {
        if (trace_wants(TRACE_DIAL)) trace_address(d, &c->address, " is connected", "");
        dead_forget(d->net->dead, &c->address);
        bool is_known = !address_is_any(&c->address); /* so the socket need not be asked for its remote address */
        finish(d, s, is_known ? c->address : stream_remote_address(s), NULL);
        return;
    }
    stream_close(s);
    address_failed(d, c, status);
    go_on(d);
}

static const struct stream_events events = {.connected = on_connected};

/* 0 or a libuv error, and then nothing is told. */
static int connect_to(struct dial *d, union address *to, struct stream *s) {
    union address local = d->local;
    address_borrow_zone(to, &local);
    address_borrow_zone(&local, to);
    if (address_lacks_zone(to) || address_lacks_zone(&local)) return UV_EINVAL; /* libuv would choose one */
    stream_own(s, &events, d);
    return stream_connect(s, &to->any, local.any.sa_family == AF_UNSPEC ? NULL : &local.any);
}

static void try_one(struct dial *d, struct candidate *c) {
    struct stream *s = NULL;
    int rc = stream_new(&s, d->net, false);
    if (trace_wants(TRACE_DIAL)) trace_address(d, &c->address, " is tried", c->dead ? ", which failed lately" : "");
    c->tried = true;
    d->turn = c->address.any.sa_family == AF_INET ? AF_INET6 : AF_INET;
    if (s) rc = connect_to(d, &c->address, s);
    if (rc == 0) {
        c->stream = s;
        d->on_their_way++;
        d->tried_at = clock_now(&d->net->clock);
        return;
    }
    if (s) stream_close(s);
    address_failed(d, c, rc);
}

/* The next candidate: the first of the family whose turn it is, those that are dead last. NULL: none is left. */
static struct candidate *next_candidate(const struct dial *d) {
    struct candidate *best = NULL;
    int least = INT_MAX;
    for (struct candidate *c = d->candidates, *end = c + d->count; c < end; c++) {
        int rank = 2 * c->dead + (c->address.any.sa_family != d->turn);
        if (c->tried || rank >= least) continue;
        best = c;
        least = rank;
    }
    return best;
}

/* The time at which the next candidate may be tried. */
static uint64_t time_of_next(const struct dial *d) {
    unsigned awaited = d->names.awaits & (d->turn == AF_INET6 ? NAMES_V6 : NAMES_V4);
    if (d->on_their_way) return d->tried_at ? d->tried_at + NEXT_AFTER_MS * CLOCK_MS : 0;
    return awaited ? d->found_at + OTHER_FAMILY_MS * CLOCK_MS : 0;
}

static void on_pause(struct deadline *pause) { go_on(of_pause(pause)); }

static void go_on(struct dial *d) {
    struct clock *clock = &d->net->clock;
    clock_cancel(clock, &d->pause);
    for (struct candidate *c; (c = next_candidate(d));) {
        uint64_t then = time_of_next(d);
        if (then && then > clock_now(clock)) {
            clock_set(clock, &d->pause, then, on_pause);
            return;
        }
        try_one(d, c);
    }
    /* not from within dial_start, and not while others are told what was looked up */
    if (d->on_their_way == 0 && d->names.awaits == 0) clock_set(clock, &d->pause, clock_now(clock), on_failed);
}

/* ---- addresses ---- */

static void add_candidate(struct dial *d, const union address *address) {
    if (d->family && (d->family == 4) != (address->any.sa_family == AF_INET)) return;
    struct candidate *c = realloc(d->candidates, (d->count + 1) * sizeof *c);
    if (!c) {
        note_failure(d, address, UV_ENOMEM);
        return;
    }
    d->candidates = c;
    c += d->count++;
    *c = (struct candidate){.address = *address};
    address_set_port(&c->address, d->port);
    c->dead = dead_has(d->net->dead, &c->address, clock_now(&d->net->clock));
}

/* Traces "127.0.0.1, 127.0.0.2", or why there is no address. */
static void trace_answer(const struct dial *d, const struct names_answer *answer) {
    char list[512] = "", one[ADDRESS_TEXT];
    size_t n = 0;
    for (size_t i = 0; i < answer->count; i++) {
        if (uv_ip_name(&answer->found[i].any, one, sizeof one) != 0 || n + strlen(one) + 3 > sizeof list) break;
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", one);
    }
    trace_line(TRACE_DIAL, d->subject, "IPv%d of %s: %s", answer->family == NAMES_V6 ? 6 : 4, d->host,
               answer->status ? uv_strerror(answer->status) : list);
}

static void on_named(struct names_wait *w, const struct names_answer *answer) {
    struct dial *d = container_of(w, struct dial, names);
    if (trace_wants(TRACE_DIAL)) trace_answer(d, answer);
    if (answer->status != 0 && d->dns_error != UV_EAI_AGAIN) d->dns_error = answer->status;
    if (answer->count && !d->found_at) d->found_at = clock_now(&d->net->clock);
    if (answer->family == NAMES_V6 && answer->count && !answer->in_reach) d->turn = AF_INET;
    for (size_t i = 0; i < answer->count; i++) add_candidate(d, &answer->found[i]);
    go_on(d);
}

/* Adds addresses that are known without a look-up. */
static void add_given(struct dial *d, struct slice given) {
    char text[ADDRESS_TEXT];
    union address address;
    while (resolve_take(&given, text)) {
        if (address_read(&address, text, d->port) == ADDRESS_FINE)
            add_candidate(d, &address);
        else if (d->family != 4)
            note_astray(d, text);
    }
    if (d->count) d->turn = d->candidates->address.any.sa_family;
    go_on(d);
}

/* Sets the address to connect from. False: it cannot be used. */
static bool set_local(struct dial *d, const char *local) {
    if (!local) return true;
    enum address_kind kind = address_read(&d->local, local, 0);
    d->family = d->local.any.sa_family == AF_INET ? 4 : 6;
    if (kind == ADDRESS_ASTRAY) note_astray(d, local);
    return kind == ADDRESS_FINE;
}

static struct dial *new_dial(struct net *net, const char *host, const struct trace_subject *subject, dial_done done,
                             void *arg) {
    size_t size = strlen(host) + 1;
    struct dial *d = calloc(1, sizeof *d + size);
    if (!d) return NULL;
    memcpy(d->host, host, size);
    buf_init(&d->failures, FAILURES_SIZE);
    d->net = net;
    d->done = done;
    d->arg = arg;
    d->turn = AF_INET6;
    d->title = "";
    d->subject = subject;
    return d;
}

static void look_up(struct dial *d) {
    TRACE(TRACE_DIAL, d->subject, "asks for the addresses of %s", d->host);
    names_ask(d->net, d->host, (d->family != 6) * NAMES_V4 | (d->family != 4) * NAMES_V6, &d->names, on_named);
}

struct dial *dial_start(struct net *net, const char *host, uint16_t port, const struct dial_options *how,
                        dial_done done, void *arg) {
    struct dial *d = new_dial(net, host, how->subject, done, arg);
    if (!d) return NULL;
    d->port = port;
    d->family = how->family;
    if (how->title) d->title = how->title;
    struct slice given = resolve_find(how->resolve, host, port);
    d->is_literal = given.p == (const uint8_t *)host;
    if (!set_local(d, how->local))
        go_on(d);
    else if (given.n)
        add_given(d, given);
    else
        look_up(d);
    return d;
}

/* A Unix domain socket connects or fails at once; the result is told later. */
static void on_path_tried(struct deadline *pause) {
    struct dial *d = of_pause(pause);
    struct stream *s = d->count ? d->candidates->stream : NULL;
    if (s) {
        d->candidates->stream = NULL;
        finish(d, s, (union address){.any.sa_family = AF_UNIX}, NULL);
    } else {
        on_failed(pause);
    }
}

struct dial *dial_start_path(struct net *net, const char *path, const struct trace_subject *subject, dial_done done,
                             void *arg) {
    struct dial *d = new_dial(net, path, subject, done, arg);
    struct stream *s = NULL;
    if (!d) return NULL;
    d->is_literal = true;
    d->candidates = calloc(1, sizeof *d->candidates);
    d->count = d->candidates != NULL;
    int rc = d->count ? stream_new(&s, net, true) : UV_ENOMEM;
    if (rc == 0) rc = stream_connect_path(s, path);
    if (rc == 0) {
        d->candidates->stream = s;
    } else {
        if (s) stream_close(s);
        TRACE(TRACE_DIAL, subject, "%s failed: %s", path, uv_strerror(rc));
        note_failure(d, NULL, rc);
    }
    clock_set(&net->clock, &d->pause, clock_now(&net->clock), on_path_tried);
    return d;
}

/* ---- for the caller ---- */

bool dial_is_looking_up(const struct dial *d) { return d->names.awaits && d->on_their_way == 0; }

void dial_time_out(struct dial *d, char *text, size_t size) {
    char waits_for[512] = "", where[ADDRESS_TEXT];
    size_t n = 0;
    if (!next_candidate(d) && !d->names.awaits) forget_name(d);
    for (size_t i = 0; i < d->count; i++) {
        const union address *address = &d->candidates[i].address;
        if (!d->candidates[i].stream || !d->port) continue;
        note_dead(d->net, address);
        address_print(address, where, sizeof where);
        if (n + strlen(where) + 3 > sizeof waits_for) continue;
        n += (size_t)snprintf(waits_for + n, sizeof waits_for - n, "%s%s", n ? ", " : "", where);
    }
    bool others = d->failures.len > 0;
    snprintf(text, size, "%s %s%s%s%.*s%s", n == 0 && d->names.awaits ? "no address for" : "no answer from", d->title,
             n ? waits_for : d->host, others ? " (" : "", SLICE_ARGS(buf_slice(&d->failures)), others ? ")" : "");
}

/* names: a table of names by their hash, each with two halves, IPv4 and IPv6. A name is in it while a request waits for
 * it, while a look-up is under way, and for NAMES_FOR_S after an address was found, unless names_forget was called. */
#include "net/dial/names.h"

#include "base/slice.h"
#include "net/threads.h"
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256 };

struct half {
    uv_getaddrinfo_t *request; /* under way, or NULL */
    bool known;
    struct names_answer answer; /* what is known, or was told last */
};

struct name {
    struct names *names; /* NULL: that has gone */
    char *host;
    struct half halves[2];          /* IPv4, IPv6 */
    uint64_t until;                 /* until then what is known is used; 0: no address was found yet */
    struct name **kept;             /* its place among those, while `until` is set */
    TAILQ_HEAD(, names_wait) waits; /* requests that wait */
    LIST_ENTRY(name) link;          /* of the same bucket */
};

struct names {
    struct net *net;
    names_look_up *look_up;
    LIST_HEAD(bucket, name) buckets[BUCKETS];
    struct name *kept[NAMES_MOST]; /* filled round and round, so that the next place is that of the oldest */
    size_t turn;                   /* the next place, modulo NAMES_MOST */
    bool in_threads;               /* the threads of libuv's pool can be started */
};

static void free_names(struct net *net);
static const struct net_room room = {.close = free_names};

/* NULL: there is no memory for it. */
static struct names *names_of(struct net *net) {
    if (net->names || !(net->names = calloc(1, sizeof *net->names))) return net->names;
    net->names->net = net;
    net->names->look_up = uv_getaddrinfo;
    net_join(net, &room);
    return net->names;
}

void names_use(struct net *net, names_look_up *look_up) {
    struct names *names = names_of(net);
    names->look_up = look_up;
    names->in_threads = true; /* known, or not needed */
}

/* ---- names in the table ---- */

static struct bucket *bucket_of(struct names *names, const char *host) {
    unsigned hash = 0;
    for (; *host; host++) hash = hash * 31 + ((unsigned char)*host | 0x20); /* whatever the case of its letters */
    return &names->buckets[hash % BUCKETS];
}

/* NULL: it is not there. */
static struct name *find(struct names *names, const char *host) {
    struct name *n = names ? LIST_FIRST(bucket_of(names, host)) : NULL;
    while (n && !slice_eq_nocase(slice_str(n->host), slice_str(host))) n = LIST_NEXT(n, link);
    return n;
}

/* NULL: there is no memory for it. */
static struct name *name_of(struct names *names, const char *host) {
    struct name *n = find(names, host);
    if (n || !names) return n;
    if (!(n = calloc(1, sizeof *n)) || !(n->host = strdup(host))) {
        free(n);
        return NULL;
    }
    n->names = names;
    TAILQ_INIT(&n->waits);
    LIST_INSERT_HEAD(bucket_of(names, host), n, link);
    return n;
}

static unsigned requests(const struct name *n) { return !!n->halves[0].request + !!n->halves[1].request; }

static void forget_what_is_known(struct name *n) {
    for (int i = 0; i < 2; i++) {
        free((void *)n->halves[i].answer.found);
        n->halves[i].answer = (struct names_answer){0};
        n->halves[i].known = false;
    }
    if (n->kept) *n->kept = NULL;
    n->kept = NULL;
    n->until = 0;
}

/* Frees the name where nothing needs it. */
static void let_go(struct name *n) {
    if (!TAILQ_EMPTY(&n->waits) || n->until || requests(n)) return;
    forget_what_is_known(n);
    if (n->names) LIST_REMOVE(n, link);
    free(n->host);
    free(n);
}

static void keep(struct names *names, struct name *n) {
    struct name **place = &names->kept[names->turn++ % NAMES_MOST], *oldest = *place;
    if (oldest) {
        forget_what_is_known(oldest);
        let_go(oldest);
    }
    *place = n;
    n->kept = place;
    n->until = clock_now(&names->net->clock) + NAMES_FOR_S * CLOCK_SECOND;
}

/* ---- waiting requests ---- */

static void put_in_line(struct name *n, struct names_wait *w) {
    if (TAILQ_EMPTY(&n->waits)) n->names->net->lookups -= requests(n);
    w->name = n;
    TAILQ_INSERT_TAIL(&n->waits, w, link);
}

static void take_out_of_line(struct names_wait *w) {
    struct name *n = w->name;
    TAILQ_REMOVE(&n->waits, w, link);
    w->name = NULL;
    if (TAILQ_EMPTY(&n->waits)) n->names->net->lookups += requests(n);
}

static void tell(struct names_wait *w, const struct names_answer *answer) {
    w->awaits &= ~answer->family;
    if (w->awaits == 0) take_out_of_line(w);
    w->told(w, answer);
}

static void tell_all(struct name *n, const struct names_answer *answer) {
    for (struct names_wait *w = TAILQ_FIRST(&n->waits), *next; w; w = next) {
        next = TAILQ_NEXT(w, link);
        if (w->awaits & answer->family) tell(w, answer);
    }
}

/* Tells a request that is not in line. */
static void tell_no_memory(struct names_wait *w) {
    static const struct names_answer none[] = {{.family = NAMES_V6, .status = UV_EAI_MEMORY},
                                               {.family = NAMES_V4, .status = UV_EAI_MEMORY}};
    for (int i = 0; i < 2; i++) {
        if (!(w->awaits & none[i].family)) continue;
        w->awaits &= ~none[i].family;
        w->told(w, &none[i]);
    }
}

static bool is_awaited(const struct name *n, enum names_family family) {
    const struct names_wait *w;
    TAILQ_FOREACH(w, &n->waits, link)
        if (w->awaits & family) return true;
    return false;
}

/* ---- look-ups ---- */

static enum names_family family_of(const struct name *n, const struct half *h) {
    return h == &n->halves[0] ? NAMES_V4 : NAMES_V6;
}

/* Is the error one of this machine, or temporary, and says nothing of the name? Then the next request looks it up
 * again. */
static bool says_nothing(int status) {
    return status == UV_EAI_AGAIN || status == UV_EAI_MEMORY || status == UV_ENOMEM || status == UV_EAGAIN;
}

/* Copies what was found. */
static void learn(struct name *n, struct half *h, int status, const struct addrinfo *found) {
    union address *copies = NULL;
    size_t count = 0;
    if (status == 0 && !(copies = calloc(NAMES_ADDRESSES, sizeof *copies))) status = UV_EAI_MEMORY;
    for (; status == 0 && found && count < NAMES_ADDRESSES; found = found->ai_next)
        if (found->ai_addrlen <= sizeof *copies) memcpy(&copies[count++], found->ai_addr, found->ai_addrlen);
    enum names_family family = family_of(n, h);
    h->known = !says_nothing(status);
    h->answer = (struct names_answer){
        .family = family,
        .status = status == 0 && count == 0 ? UV_EAI_NODATA : status,
        .count = count,
        .found = copies,
        .in_reach = count && family == NAMES_V6 && address_is_in_reach(copies),
    };
    if (count && !n->until) keep(n->names, n);
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found);

static int start(struct names *names, uv_getaddrinfo_t *req, const char *host, const struct addrinfo *hints) {
    int rc = names->in_threads ? 0 : threads_try();
    if (rc != 0) return rc;
    names->in_threads = true;
    return names->look_up(names->net->loop, req, on_looked_up, host, NULL, hints);
}

/* Starts a look-up. False where the system refuses at once; then that is its result. */
static bool look_up(struct name *n, struct half *h) {
    struct addrinfo hints = {.ai_family = family_of(n, h) == NAMES_V4 ? AF_INET : AF_INET6, .ai_socktype = SOCK_STREAM};
    h->request = calloc(1, sizeof *h->request);
    if (h->request) h->request->data = n;
    int rc = h->request ? start(n->names, h->request, n->host, &hints) : UV_EAI_MEMORY;
    if (rc == 0) return true;
    free(h->request);
    h->request = NULL;
    learn(n, h, rc, NULL);
    return false;
}

static void on_looked_up(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
    struct name *n = req->data;
    struct half *h = &n->halves[req == n->halves[0].request ? 0 : 1];
    h->request = NULL;
    free(req);
    if (n->names) {
        if (TAILQ_EMPTY(&n->waits)) n->names->net->lookups--;
        bool taken_back = status == UV_ECANCELED;
        if (!taken_back) learn(n, h, status, found);
        /* a request that came after it was cancelled still wants it */
        if (!taken_back || (is_awaited(n, family_of(n, h)) && !look_up(n, h))) tell_all(n, &h->answer);
    }
    uv_freeaddrinfo(found);
    let_go(n);
}

void names_ask(struct net *net, const char *host, unsigned families, struct names_wait *w,
               void (*told)(struct names_wait *w, const struct names_answer *answer)) {
    struct name *n = name_of(names_of(net), host);
    w->awaits = families;
    w->told = told;
    if (!n) {
        tell_no_memory(w);
        return;
    }
    if (n->until && clock_now(&net->clock) >= n->until) forget_what_is_known(n);
    put_in_line(n, w);
    for (int i = 1; i >= 0; i--) {
        struct half *h = &n->halves[i];
        if (!(families & family_of(n, h))) continue;
        if (h->known || (!h->request && !look_up(n, h))) tell(w, &h->answer);
    }
    let_go(n);
}

void names_leave(struct names_wait *w) {
    struct name *n = w->name;
    if (!n) return;
    take_out_of_line(w);
    for (int i = 0; i < 2 && TAILQ_EMPTY(&n->waits) && !n->until; i++) /* else the next request may use the result */
        if (n->halves[i].request) uv_cancel((uv_req_t *)n->halves[i].request);
    let_go(n);
}

void names_forget(struct net *net, const char *host, uint64_t since) {
    struct name *n = find(net->names, host);
    if (!n || n->until == 0 || n->until > since + NAMES_FOR_S * CLOCK_SECOND) return;
    forget_what_is_known(n);
    let_go(n);
}

static void free_names(struct net *net) {
    struct names *names = net->names;
    net->names = NULL;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct name *n = LIST_FIRST(&names->buckets[i]), *next; n; n = next) {
            next = LIST_NEXT(n, link);
            n->names = NULL; /* a look-up that is under way frees it */
            forget_what_is_known(n);
            let_go(n);
        }
    }
    free(names);
}

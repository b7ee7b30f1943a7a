/* lookup: a net whose clock stands still, and whose look-ups end when the test says so, with what it says. */
#ifndef UNIT_LOOKUP_H
#define UNIT_LOOKUP_H

#include "net/dial/names.h"
#include "unit.h"
#include <netdb.h>

enum { LOOKUPS_MOST = 1024 };

/* Those that were asked for, in order; `req` NULL: it has ended. */
static struct lookup {
    uv_getaddrinfo_t *req;
    uv_getaddrinfo_cb done;
    char host[64];
    int family; /* 4 or 6 */
} lookups[LOOKUPS_MOST];
static size_t lookup_count;
static int lookup_refuses; /* an error of libuv: what the system says at once; 0: nothing */

static uv_loop_t loop;
static struct net net;

static int lookup_begin(uv_loop_t *in, uv_getaddrinfo_t *req, uv_getaddrinfo_cb done, const char *host,
                        const char *service, const struct addrinfo *hints) {
    assert_ptr_equal(in, &loop);
    assert_null(service);
    assert_true(lookup_count < LOOKUPS_MOST);
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    struct lookup *l = &lookups[lookup_count++];
    *l = (struct lookup){.req = req, .done = done, .family = hints->ai_family == AF_INET ? 4 : 6};
    strncpy(l->host, host, sizeof l->host - 1);
    return lookup_refuses;
}

/* The look-up of this number, from 0, ends: with an error, or with these addresses, up to a NULL. */
static void lookup_end(size_t i, int status, const char *const *addresses) {
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *list = NULL, **last = &list;
    for (; addresses && *addresses; addresses++, last = &(*last)->ai_next)
        assert_int_equal(getaddrinfo(*addresses, NULL, &hints, last), 0);
    uv_getaddrinfo_t *req = lookups[i].req;
    assert_true(i < lookup_count && req);
    lookups[i].req = NULL;
    lookups[i].done(req, status, list);
}
#define FOUND(i, ...)     lookup_end(i, 0, (const char *const[]){__VA_ARGS__, NULL})
#define FAILED(i, status) lookup_end(i, status, NULL)

static int lookup_open(void **state) {
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    net_open(&net, &loop);
    clock_freeze(&net.clock);
    names_use(&net, lookup_begin);
    lookup_count = 0;
    lookup_refuses = 0;
    return 0;
}

/* Everything is given back: look-ups end, and the loop has nothing left. */
static int lookup_close(void **state) {
    (void)state;
    for (size_t i = 0; i < lookup_count; i++)
        if (lookups[i].req) FAILED(i, UV_ECANCELED);
    assert_int_equal(net.lookups, 0);
    net_close(&net);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) continue;
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

#endif

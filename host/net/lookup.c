/* lookup: getaddrinfo in one of libuv's threads. */
#include "net/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct net *net;
    uv_getaddrinfo_t request;
    lookup_done done; /* NULL: cancelled */
    void *arg;
};

static size_t keep_addresses(const struct addrinfo *found, struct sockaddr_storage addresses[LOOKUP_MOST]) {
    const struct addrinfo *lists[2] = {found, found};
    int family = found ? found->ai_family : AF_INET6;
    int families[2] = {family, family == AF_INET6 ? AF_INET : AF_INET6};
    size_t count = 0;
    for (int turn = 0; count < LOOKUP_MOST && (lists[0] || lists[1]); turn ^= 1) {
        const struct addrinfo *a = lists[turn];
        while (a && a->ai_family != families[turn]) a = a->ai_next;
        lists[turn] = a ? a->ai_next : NULL;
        if (a) memcpy(&addresses[count++], a->ai_addr, a->ai_addrlen);
    }
    return count;
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
    struct lookup *l = request->data;
    struct sockaddr_storage addresses[LOOKUP_MOST];
    size_t count = status == 0 ? keep_addresses(found, addresses) : 0;
    uv_freeaddrinfo(found);
    if (l->done)
        l->done(l->arg, status, addresses, count);
    else
        l->net->lookups--;
    free(l);
}

int lookup_start(struct lookup **out, struct net *net, const char *host, uint16_t port, lookup_done done, void *arg) {
    struct lookup *l = calloc(1, sizeof *l);
    if (!l) abort();
    *l = (struct lookup){.net = net, .done = done, .arg = arg};
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    l->request.data = l;
    int rc = uv_getaddrinfo(net->loop, &l->request, on_found, host, service, &hints);
    if (rc != 0) free(l);
    *out = rc == 0 ? l : NULL;
    return rc;
}

void lookup_cancel(struct lookup *l) {
    l->done = NULL; /* a look-up that has begun cannot be taken back: it ends by itself */
    l->net->lookups++;
    uv_cancel((uv_req_t *)&l->request);
}

bool lookup_literal(const char *host, uint16_t port, struct sockaddr_storage *out) {
    return uv_ip4_addr(host, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)out) == 0;
}

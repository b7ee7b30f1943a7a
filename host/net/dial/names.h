/* names: the addresses of host names. They are looked up off the loop, the two families apart, so that a slow one does
 * not hold up the other (RFC 8305 3). Requests for the same name at the same time share one look-up; what was found is
 * kept for a while, since the system does not tell how long it is good for. */
#ifndef NET_DIAL_NAMES_H
#define NET_DIAL_NAMES_H

#include "net/address.h"
#include "net/net.h"

enum {
    NAMES_MOST = 256,    /* names that are kept; a new one replaces the oldest */
    NAMES_FOR_S = 30,    /* seconds that a name with an address is kept; failures are not kept */
    NAMES_ADDRESSES = 16 /* of each family that are kept */
};

/* Bits. */
enum names_family { NAMES_V4 = 1, NAMES_V6 = 2 };

/* The result of a look-up for one family. Borrowed. */
struct names_answer {
    enum names_family family;
    int status; /* 0, or an error of libuv, and then there are no addresses */
    size_t count;
    const union address *found; /* in the order of the system, without a port */
    bool in_reach;              /* of IPv6: see address_is_in_reach */
};

/* A request that waits. In the caller's memory, until all that it asked for was told, or names_leave. */
struct names_wait {
    unsigned awaits; /* families not told yet; 0: all were */
    void (*told)(struct names_wait *w, const struct names_answer *answer);
    struct name *name;
    TAILQ_ENTRY(names_wait) link;
};

/* Asks for the families (bits) of a name; `told` is called once for each, and from within this call for those known
 * already, IPv6 first. `told` must not end another request. */
void names_ask(struct net *net, const char *host, unsigned families, struct names_wait *w,
               void (*told)(struct names_wait *w, const struct names_answer *answer));

/* Nothing more is told. A look-up that nobody waits for ends by itself; net->lookups counts those. */
void names_leave(struct names_wait *w);

/* None of the addresses known at the time `since` of the clock answered: the next request has the name looked up anew,
 * unless that was done since. */
void names_forget(struct net *net, const char *host, uint64_t since);

/* What looks names up; uv_getaddrinfo, until a test puts its own in place. */
typedef int names_look_up(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb done, const char *host,
                          const char *service, const struct addrinfo *hints);
void names_use(struct net *net, names_look_up *look_up);

#endif

/* address: an IP address and a port, as sockets take them: read, compared, printed. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

union address {
    struct sockaddr any; /* sa_family: AF_INET, AF_INET6, AF_UNIX (the path is kept elsewhere), or AF_UNSPEC: none */
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What address_read has found. */
enum address_kind {
    ADDRESS_NONE = 0, /* no IP address; `*out` has no meaning */
    ADDRESS_FINE,
    ADDRESS_ASTRAY, /* an IPv6 address whose zone is no interface of this machine; `*out` has no zone */
};

enum { ADDRESS_TEXT = 80 }; /* bytes of an address, its zone and its port, with a NUL: what is longer is ADDRESS_NONE */

/* Reads "127.0.0.1", "::1" or, with a zone (RFC 4007 11), the name or number of an interface, "fe80::1%eth0". */
enum address_kind address_read(union address *out, const char *text, uint16_t port);

/* The zone of a text that has one: what stands behind the '%'; else empty. */
const char *address_zone(const char *text);

/* Is it a link-local address (fe80::/10) without a zone? The same address may exist on the link of each interface. */
bool address_lacks_zone(const union address *a);

/* Gives `a`, where it lacks a zone, that of `other`, which is on the same link. */
void address_borrow_zone(union address *a, const union address *other);

/* The local and the remote address of a socket; AF_UNSPEC where it is not bound or connected. */
union address address_bound(const uv_tcp_t *tcp);
union address address_of_peer(const uv_tcp_t *tcp);

/* The port; 0: it has none. */
uint16_t address_port(const union address *a);
void address_set_port(union address *a, uint16_t port);

/* Is it 0.0.0.0 or ::, which leads to an address of this machine that the system chooses? */
bool address_is_any(const union address *a);

/* The same address and port? Zones are compared for link-local addresses alone: of others the system drops them. */
bool address_is_same(const union address *a, const union address *b);

/* Writes it as "127.0.0.1:80", "[::1]:80" or "[fe80::1%eth0]:80"; nothing where there is none. */
void address_print(const union address *a, char *text, size_t size);

/* Has the system a route to this IPv6 address, from an address of the same kind? Where not, IPv4 goes first (RFC 6724
 * 6, rules 1 and 5): there is no route, or only a network with unique local addresses (RFC 4193), which may end at its
 * border. Sends nothing. */
bool address_is_in_reach(const union address *to);

#endif

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

/* What a text is. */
enum address_kind {
    ADDRESS_NONE = 0, /* no IP address; what was read has no meaning */
    ADDRESS_FINE,
    ADDRESS_ASTRAY, /* one of IPv6 whose zone is no interface of this machine; what was read has no zone */
};

enum { ADDRESS_TEXT = 80 }; /* bytes of an address, its zone and its port, with a NUL: what is longer is ADDRESS_NONE */

/* Reads "127.0.0.1", "::1" or, with a zone (RFC 4007 11), the name or number of an interface, "fe80::1%eth0". */
enum address_kind address_read(union address *out, const char *text, uint16_t port);

/* The zone of a text that has one: what stands behind the '%'; else empty. */
const char *address_zone(const char *text);

/* Is it of a link (fe80::/10), and nothing says of which? There is one of the name behind each interface. */
bool address_lacks_zone(const union address *a);

/* Where `a` lacks a zone, it is that of `other`: what is on the same link. */
void address_borrow_zone(union address *a, const union address *other);

/* Of a socket: where it is bound, and what is at its other end. None where it is not bound or connected. */
union address address_bound(const uv_tcp_t *tcp);
union address address_of_peer(const uv_tcp_t *tcp);

/* 0: it has none. */
uint16_t address_port(const union address *a);
void address_set_port(union address *a, uint16_t port);

/* Is it 0.0.0.0 or ::, which leads to an address of this machine that the system chooses? */
bool address_is_any(const union address *a);

/* The same address and port? Zones count where addresses are of a link: one that the system does not need it leaves
 * out. */
bool address_is_same(const union address *a, const union address *b);

/* Writes it as "127.0.0.1:80", "[::1]:80" or "[fe80::1%eth0]:80"; nothing where there is none. */
void address_print(const union address *a, char *text, size_t size);

/* Would the system reach this IPv6 address, and from an address of the same kind? Where not, IPv4 goes first (RFC 6724
 * 6, rules 1 and 5): there is no route, or only a network with local addresses (RFC 4193) that may end at its border.
 * Sends nothing. */
bool address_is_in_reach(const union address *to);

#endif

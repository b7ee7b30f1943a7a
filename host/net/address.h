/* address: an IP address and a port, as sockets take them. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

union address {
    struct sockaddr any; /* sa_family: AF_INET, AF_INET6, or AF_UNSPEC for none */
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What a text is. */
enum address_kind {
    ADDRESS_NONE = 0, /* no IP address; what was read has no meaning */
    ADDRESS_FINE,
    ADDRESS_ASTRAY, /* one of IPv6 whose zone is no interface of this machine; what was read has no zone */
};

enum { ADDRESS_TEXT = 80 }; /* bytes of an address and its zone, with a NUL: longer ones are ADDRESS_NONE */

/* Reads "127.0.0.1", "::1" or, with a zone (RFC 4007 11), the name or number of an interface, "fe80::1%eth0". */
enum address_kind address_read(union address *out, const char *text, uint16_t port);

/* The zone of a text that has one: what stands behind the '%'; else empty. */
const char *address_zone(const char *text);

/* Is it of a link (fe80::/10), and nothing says of which? There is one of the name behind each interface. */
bool address_lacks_zone(const union address *a);

/* Where `a` lacks a zone, it is that of `other`: what is on the same link. */
void address_borrow_zone(union address *a, const union address *other);

void address_set_port(union address *a, uint16_t port);

/* Is it 0.0.0.0 or ::, which leads to an address of this machine that the system chooses? */
bool address_is_any(const union address *a);

/* The same address, port and, of IPv6, zone? */
bool address_is_same(const union address *a, const union address *b);

/* Would the system reach this IPv6 address, and from an address of the same kind? Where not, IPv4 goes first (RFC 6724
 * 6, rules 1 and 5): there is no route, or only a network with local addresses (RFC 4193) that may end at its border.
 * Sends nothing. */
bool address_is_in_reach(const union address *to);

#endif

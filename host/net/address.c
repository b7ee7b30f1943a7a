/* address: reading, comparing and printing, and a question to the system's table of routes. */
#include "net/address.h"

#include "base/descriptor.h"
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The number of an interface, given by its name or by that number; 0: there is none. */
static unsigned interface_of(const char *zone) {
    char name[IF_NAMESIZE], *end;
    unsigned index = if_nametoindex(zone);
    if (index || *zone < '0' || *zone > '9') return index;
    unsigned long number = strtoul(zone, &end, 10);
    return *end == '\0' && number <= INT32_MAX && if_indextoname((unsigned)number, name) ? (unsigned)number : 0;
}

const char *address_zone(const char *text) {
    const char *percent = strchr(text, '%');
    return percent ? percent + 1 : "";
}

enum address_kind address_read(union address *out, const char *text, uint16_t port) {
    char address[ADDRESS_TEXT];
    size_t n = strcspn(text, "%");
    if (strlen(text) >= sizeof address) return ADDRESS_NONE;
    memcpy(address, text, n);
    address[n] = '\0';
    if (text[n] == '\0' && uv_ip4_addr(address, port, &out->v4) == 0) return ADDRESS_FINE;
    if (uv_ip6_addr(address, port, &out->v6) != 0 || (text[n] && !text[n + 1])) return ADDRESS_NONE;
    if (text[n]) out->v6.sin6_scope_id = interface_of(text + n + 1);
    return text[n] && out->v6.sin6_scope_id == 0 ? ADDRESS_ASTRAY : ADDRESS_FINE;
}

static bool is_of_link(const union address *a) {
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

bool address_lacks_zone(const union address *a) { return is_of_link(a) && a->v6.sin6_scope_id == 0; }

void address_borrow_zone(union address *a, const union address *other) {
    if (address_lacks_zone(a) && is_of_link(other)) a->v6.sin6_scope_id = other->v6.sin6_scope_id;
}

union address address_bound(const uv_tcp_t *tcp) {
    union address a = {0};
    int n = sizeof a;
    return uv_tcp_getsockname(tcp, &a.any, &n) == 0 ? a : (union address){0};
}

union address address_of_peer(const uv_tcp_t *tcp) {
    union address a = {0};
    int n = sizeof a;
    return uv_tcp_getpeername(tcp, &a.any, &n) == 0 ? a : (union address){0};
}

uint16_t address_port(const union address *a) {
    if (a->any.sa_family == AF_INET) return ntohs(a->v4.sin_port);
    return a->any.sa_family == AF_INET6 ? ntohs(a->v6.sin6_port) : 0;
}

void address_set_port(union address *a, uint16_t port) {
    *(a->any.sa_family == AF_INET ? &a->v4.sin_port : &a->v6.sin6_port) = htons(port);
}

bool address_is_any(const union address *a) {
    if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

static bool is_same_v6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b) {
    return a->sin6_port == b->sin6_port && memcmp(&a->sin6_addr, &b->sin6_addr, sizeof a->sin6_addr) == 0 &&
           (a->sin6_scope_id == b->sin6_scope_id || !IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr));
}

bool address_is_same(const union address *a, const union address *b) {
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->any.sa_family != AF_INET6 || is_same_v6(&a->v6, &b->v6);
}

/* Writes "%" and the name of an interface, or its number where it has gone; nothing where there is none. */
static void print_zone(uint32_t zone, char *text, size_t size) {
    char name[IF_NAMESIZE];
    text[0] = '\0';
    if (zone && if_indextoname(zone, name))
        snprintf(text, size, "%%%s", name);
    else if (zone)
        snprintf(text, size, "%%%u", zone);
}

void address_print(const union address *a, char *text, size_t size) {
    char host[INET6_ADDRSTRLEN] = "", zone[IF_NAMESIZE + 2] = "";
    bool is_v4 = a->any.sa_family == AF_INET;
    if (size) text[0] = '\0';
    if (!is_v4 && a->any.sa_family != AF_INET6) return;
    uv_inet_ntop(a->any.sa_family, is_v4 ? (const void *)&a->v4.sin_addr : &a->v6.sin6_addr, host, sizeof host);
    if (!is_v4) print_zone(a->v6.sin6_scope_id, zone, sizeof zone);
    snprintf(text, size, is_v4 ? "%s%s:%u" : "[%s%s]:%u", host, zone, address_port(a));
}

static bool is_local_unicast(const struct sockaddr_in6 *a) { return (a->sin6_addr.s6_addr[0] & 0xFE) == 0xFC; }

bool address_is_in_reach(const union address *to) {
    union address from = {0};
    socklen_t size = sizeof from;
    int fd = descriptor_socket(AF_INET6, SOCK_DGRAM);
    if (fd < 0) return false;
    bool routed = connect(fd, &to->any, sizeof to->v6) == 0 && getsockname(fd, &from.any, &size) == 0;
    close(fd);
    return routed && is_local_unicast(&from.v6) == is_local_unicast(&to->v6);
}

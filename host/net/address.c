/* address: reading, comparing, and a question to the system's table of routes. */
#include "net/address.h"

#include <net/if.h>
#include <netinet/in.h>
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

void address_set_port(union address *a, uint16_t port) {
    *(a->any.sa_family == AF_INET ? &a->v4.sin_port : &a->v6.sin6_port) = htons(port);
}

bool address_is_any(const union address *a) {
    if (a->any.sa_family == AF_INET) return a->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr);
}

bool address_is_same(const union address *a, const union address *b) {
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
}

static bool is_local_unicast(const struct sockaddr_in6 *a) { return (a->sin6_addr.s6_addr[0] & 0xFE) == 0xFC; }

bool address_is_in_reach(const union address *to) {
    union address from = {0};
    socklen_t size = sizeof from;
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool routed = connect(fd, &to->any, sizeof to->v6) == 0 && getsockname(fd, &from.any, &size) == 0;
    close(fd);
    return routed && is_local_unicast(&from.v6) == is_local_unicast(&to->v6);
}

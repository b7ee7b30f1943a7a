/* address: reading, comparing, and a question to the system's table of routes. */
#include "net/address.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool address_read(union address *out, const char *text, uint16_t port) {
    return uv_ip4_addr(text, port, &out->v4) == 0 || uv_ip6_addr(text, port, &out->v6) == 0;
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

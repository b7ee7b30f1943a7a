/* url: ws:// and wss:// addresses (RFC 6455 3, RFC 3986), ws+unix:/path.sock:/uri for Unix domain sockets, and the
 * addresses of proxies. ws+unix:@name:/uri is for an abstract socket of Linux (unix(7)), ws+unix:./@name:/uri for a
 * file named "@name". */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include "base/err.h"
#include "base/slice.h"

enum {
    URL_MAX = 16 * 1024,   /* bytes of an address, so that a request stays within what servers take */
    URL_PLACE_SIZE = 272,  /* bytes of what url_place writes, at most */
    URL_SOCKS_LOGIN = 255, /* bytes of a user, and of a password, for SOCKS5 (RFC 1929 2) */
};

enum url_scheme {
    URL_WS,
    URL_WSS,
    URL_UNIX,
    URL_HTTP, /* from here on: of proxies */
    URL_HTTPS,
    URL_SOCKS5,  /* we look the server's name up */
    URL_SOCKS5H, /* the proxy does */
};

/* An address in parts. Every string is the url's own; url_clear gives them back. */
struct url {
    char *text; /* as it was written */
    enum url_scheme scheme;
    char *host; /* name, IPv4 or IPv6 address without brackets; "localhost" for URL_UNIX */
    char *zone; /* of an IPv6 address: the interface of this machine that leads there (RFC 6874); or NULL */
    bool host_is_ipv6;
    uint16_t port; /* 80, 443 or (SOCKS) 1080 where none was written */
    bool port_is_default;
    char *target;      /* path and query as the request line has them; at least "/"; NULL for a proxy */
    char *credentials; /* "user:password", percent-decoded, or NULL */
    char *socket_path; /* for URL_UNIX; "@name": abstract */
};

/* Reads an address. 0, ERR_SYNTAX with `fault` telling what is wrong (kind "url"), or ERR_NOMEM. On failure `*out` is
 * empty. */
int url_parse(struct slice text, struct url *out, struct fault *fault);

/* The same for the address of a proxy: http://, https://, socks5:// or socks5h://, with nothing behind the port but a
 * "/". */
int url_parse_proxy(struct slice text, struct url *out, struct fault *fault);

/* Makes `to`, which is empty, a copy. 0, or ERR_NOMEM, and then it is still empty. */
int url_copy(struct url *to, const struct url *from);
void url_clear(struct url *u);

/* The address that a Location leads to from `base` (RFC 9110 10.2.2, RFC 3986 5.2): http stands for ws, and https for
 * wss; fragment, user and password are left out. A server does not know our interfaces: a link-local address without a
 * zone gets the zone of `base`. 0, ERR_SYNTAX with `fault`, or ERR_NOMEM; on failure `*out` is empty. */
int url_resolve(const struct url *base, struct slice location, struct url *out, struct fault *fault);

/* Are scheme, host (its zone too) and port the same (RFC 6454)? */
bool url_same_origin(const struct url *a, const struct url *b);

/* Writes "host:port", an IPv6 address in brackets and with its zone, without user and password, to `text`. */
void url_place(const struct url *u, char text[URL_PLACE_SIZE]);

/* The host to connect to: u->host, or where it has a zone, both written to `text`: "fe80::1%eth0". */
const char *url_host(const struct url *u, char text[URL_PLACE_SIZE]);

#endif

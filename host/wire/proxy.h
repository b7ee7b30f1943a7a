/* proxy: what is said to a proxy before it lets bytes through to a server: HTTP CONNECT (RFC 9110 9.3.6) and SOCKS5
 * (RFC 1928, and 1929 for user and password), as short dialogues: bytes in, bytes out. TLS to the proxy, and to the
 * server behind it, is the caller's. In both dialogues the client speaks first once the tunnel is open, so a proxy that
 * sends more than its answer is refused. */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "base/buf.h"
#include "wire/url.h"

/* Ends the error text where a proxy of http:// answers with a TLS alert, or closes the connection without an answer. */
#define PROXY_TLS_HINT " (does it speak TLS? then write https:// for http://)"

/* In the order they are visited. */
enum proxy_state {
    PROXY_CONNECT, /* HTTP: the answer to CONNECT is awaited */
    PROXY_METHOD,  /* SOCKS: the choice of a way to log in is awaited */
    PROXY_LOGIN,   /* SOCKS: the answer to user and password is awaited */
    PROXY_REPLY,   /* SOCKS: the answer to CONNECT is awaited */
    PROXY_THROUGH, /* the tunnel is open: bytes that follow are the server's */
    PROXY_REFUSED, /* `fault` says why */
};

enum proxy_step {
    PROXY_MORE = 0,    /* more input is needed, once `out` is sent */
    PROXY_DONE = 1,    /* the tunnel to the server is open */
    PROXY_FAILED = -1, /* `fault` (kind "proxy") says why; so does every later step */
};

struct proxy {
    const struct url *at; /* borrowed: the proxy's address, with our user and password */
    char host[256];       /* of the server */
    uint16_t port;
    char place[URL_PLACE_SIZE], server[URL_PLACE_SIZE]; /* "host:port", of the proxy and of the server */
    enum proxy_state state;
    struct buf out;   /* to be sent; the caller takes it */
    struct buf in;    /* of an answer that is not whole yet */
    size_t scanned;   /* bytes of `in` that were searched for the end of a head */
    bool unreachable; /* refused because of the server's address: another address may work */
    struct fault fault;
};

/* Begins the dialogue with the proxy `at`, which is to connect to `host` (a name or an address, of at most 255 bytes)
 * at `port`: the first bytes to send are in p->out. Where there is no memory, the first step fails. */
void proxy_init(struct proxy *p, const struct url *at, const char *host, uint16_t port);
void proxy_clear(struct proxy *p);

/* Takes bytes that the proxy sent, cut anywhere. */
enum proxy_step proxy_step(struct proxy *p, struct slice in);

#endif

/* proxy_env: the proxy that the environment names, as curl reads it: HTTPS_PROXY for wss:, HTTP_PROXY for ws:, else
 * ALL_PROXY, and NO_PROXY for what needs none. The lower-case spelling of each comes first. It handles strings alone:
 * no look-ups. */
#ifndef NET_DIAL_PROXY_ENV_H
#define NET_DIAL_PROXY_ENV_H

#include "wire/url.h"

/* What getenv(3) is. */
typedef char *(*proxy_env_get)(const char *name);

/* The proxy for the server `to`: 0 with `*proxy`, whose host is NULL where there is none to be used; or a negative enum
 * err with `fault` (kind "proxy"), which names the variable, where its address is none. An address without a scheme is
 * taken for http://. `*why` is the variable that decided, a literal; NULL: none did. HTTP_PROXY is ignored in a CGI
 * program, where it is the header "Proxy:" of a client. */
int proxy_env_read(const struct url *to, proxy_env_get get, struct url *proxy, const char **why, struct fault *fault);

/* Does the list `no_proxy` name the server? Its entries, parted by commas or spaces: "*"; names, which stand for what
 * is below them, too, with or without "." or "*." in front; addresses; "10.0.0.0/8", "fd00::/8"; each with ":port"
 * ("[::1]:80" for IPv6) for that port alone. */
bool proxy_env_excepts(const char *no_proxy, const char *host, uint16_t port);

#endif

/* An address that is taken gives a request that a server can read: no spaces or control characters, and its parts
 * within bounds. */
#include "fuzz.h"
#include "wire/url.h"

/* What is shown, connected to, and kept out of requests. */
static void check_host(const struct url *url) {
    char text[URL_PLACE_SIZE];
    for (const char *p = url->host; *p; p++) MUST(*p > ' ' && *p < 0x7F && *p != '%');
    MUST(!url->zone || (url->host_is_ipv6 && url->zone[0] && !strpbrk(url->zone, "%/[] ")));
    MUST(strlen(url_host(url, text)) == strlen(url->host) + (url->zone ? 1 + strlen(url->zone) : 0));
}

static void parse_proxy(struct slice text) {
    struct url url;
    struct fault fault = {0};
    int rc = url_parse_proxy(text, &url, &fault);
    MUST(rc == 0 || (fault_set(&fault) && !url.host));
    if (rc != 0) return;
    MUST(url.host && url.host[0] && url.port && !url.target && !url.socket_path && url.scheme >= URL_HTTP);
    check_host(&url);
    url_clear(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct url url;
    struct fault fault = {0};
    parse_proxy(slice_of(data, size));
    int rc = url_parse(slice_of(data, size), &url, &fault);
    MUST(rc == 0 || (fault_set(&fault) && !url.host && !url.target));
    if (rc != 0) return 0;
    MUST(url.host && url.host[0] && url.port && url.target[0] == '/');
    MUST((url.scheme == URL_UNIX) == (url.socket_path != NULL));
    for (const char *p = url.target; *p; p++) MUST(*p > ' ' && *p < 0x7F);
    check_host(&url);
    url_clear(&url);
    return 0;
}

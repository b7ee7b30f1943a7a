/* resolve: lines of text, checked when they are added, and not when they are read. */
#include "net/dial/resolve.h"

#include "base/err.h"
#include <stdlib.h>

static int refuse(int rc, const char **why, const char *text) {
    *why = text;
    return rc;
}

static const char too_long[] = "the table is larger than 64 KB";

static bool is_one_word(const char *text) {
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == 0x7F) return false;
    return true;
}

/* Cuts "host:port" and "[host]:port"; a name with several colons is an IPv6 address. `port` is empty where there is
 * none. */
static bool cut(struct slice name, struct slice *host, struct slice *port) {
    const uint8_t *end = memchr(name.p, name.p[0] == '[' ? ']' : ':', name.n);
    bool bracketed = name.p[0] == '[';
    *host = name;
    *port = slice_of(NULL, 0);
    if (!end) return !bracketed;
    struct slice rest = slice_skip(name, (size_t)(end - name.p) + bracketed);
    if (!bracketed && memchr(rest.p + 1, ':', rest.n - 1)) return true;
    *host = bracketed ? slice_of(name.p + 1, (size_t)(end - name.p) - 1) : slice_head(name, (size_t)(end - name.p));
    if (rest.n == 0) return bracketed;
    *port = slice_skip(rest, 1);
    return rest.p[0] == ':' && port->n > 0;
}

static bool read_port(struct slice text, unsigned *out) {
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i == 5) return false;
        *out = *out * 10 + (text.p[i] - '0');
    }
    return text.n == 0 || (*out >= 1 && *out <= UINT16_MAX);
}

int resolve_add_name(struct buf *table, const char *name, const char **why) {
    struct slice host, port;
    unsigned number;
    if (!*name || !is_one_word(name) || !cut(slice_str(name), &host, &port) || host.n == 0 || host.n > 255)
        return refuse(ERR_SYNTAX, why, "it must be a host, or host:port");
    if (!read_port(port, &number)) return refuse(ERR_SYNTAX, why, "the port must be a number from 1 to 65535");
    int rc = buf_printf(table, "%s%.*s %u", table->len ? "\n" : "", SLICE_ARGS(host), number);
    return rc < 0 ? refuse(rc, why, too_long) : 0;
}

int resolve_add_address(struct buf *table, const char *address, size_t count, const char **why) {
    union address read;
    if (!is_one_word(address) || address_read(&read, address, 0) == ADDRESS_NONE)
        return refuse(ERR_SYNTAX, why, "it is not an IP address");
    if (count >= RESOLVE_ADDRESSES) return refuse(ERR_FULL, why, "a name has at most 16 addresses");
    int rc = buf_printf(table, " %s", address);
    return rc < 0 ? refuse(rc, why, too_long) : 0;
}

/* The number at the front of a line's rest. */
static unsigned take_port(struct slice *rest) {
    struct slice port;
    unsigned number = 0;
    if (slice_split(rest, ' ', &port)) read_port(port, &number);
    return number;
}

/* RFC 6761 6.3: always this machine, so no look-up is needed. */
static bool is_localhost(struct slice name) {
    static const char localhost[] = "localhost";
    const size_t n = sizeof localhost - 1;
    if (name.n > 1 && name.p[name.n - 1] == '.') name.n--;
    if (name.n < n || (name.n > n && name.p[name.n - n - 1] != '.')) return false;
    return slice_eq_nocase(slice_skip(name, name.n - n), slice_str(localhost));
}

/* The addresses that the table has for a host and port: the rest of the line. */
static struct slice find(struct slice table, struct slice host, uint16_t port) {
    struct slice line, name, found = {0};
    for (bool exact = false; !exact && slice_split(&table, '\n', &line);) {
        if (!slice_split(&line, ' ', &name) || !slice_eq_nocase(name, host)) continue;
        unsigned number = take_port(&line);
        exact = number == port;
        if (exact || number == 0) found = line;
    }
    return found;
}

struct slice resolve_find(struct slice table, const char *host, uint16_t port) {
    union address read;
    struct slice name = slice_str(host), found = find(table, name, port);
    if (found.n) return found;
    if (address_read(&read, host, port) != ADDRESS_NONE) return name;
    return is_localhost(name) ? slice_str("::1 127.0.0.1") : slice_of(NULL, 0);
}

bool resolve_take(struct slice *addresses, char text[ADDRESS_TEXT]) {
    struct slice one;
    if (!slice_split(addresses, ' ', &one)) return false;
    size_t n = one.n < ADDRESS_TEXT ? one.n : ADDRESS_TEXT - 1;
    memcpy(text, one.p, n);
    text[n] = '\0';
    return true;
}

/* resolve: what names stand for, without a look-up: the option `resolve` of ws.connect. A table of them is text, a line
 * a name, "NAME PORT ADDRESS ADDRESS", port 0 for any: so it is copied and compared as bytes are. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "base/buf.h"
#include "net/address.h"

enum {
    RESOLVE_ADDRESSES = 16,   /* of a name */
    RESOLVE_SIZE = 64 * 1024, /* bytes of a table: the cap of its buffer */
};

/* Adds a name: "example.org", "example.org:443", "[::1]" or "[::1]:443". 0, or ERR_SYNTAX or ERR_FULL and `*why`. */
int resolve_add_name(struct buf *table, const char *name, const char **why);

/* Adds an address to the name that was added last. `count` says which one it is, from 0. The same results. */
int resolve_add_address(struct buf *table, const char *address, size_t count, const char **why);

/* What a host and port stand for: the addresses are written to `out`, which has room for RESOLVE_ADDRESSES. Returns how
 * many; 0: it is not in the table. A name with its port goes before the same name without. */
size_t resolve_find(struct slice table, const char *host, uint16_t port, union address *out);

#endif

/* resolve: names that need no look-up: those in the option `resolve` of ws.connect, addresses, and localhost. The
 * option is kept as a table, which is text: one line for each name, "NAME PORT ADDRESS ADDRESS", port 0 for any. So it
 * can be copied and compared as bytes. */
#ifndef NET_DIAL_RESOLVE_H
#define NET_DIAL_RESOLVE_H

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

/* What a host and port stand for without a look-up, RESOLVE_ADDRESSES at most, for resolve_take; empty: they must be
 * looked up. In the table a name with its port goes before the same name without. Not in it, an address stands for
 * itself (and what is returned is `host`), and localhost, with all names below, for this machine. */
struct slice resolve_find(struct slice table, const char *host, uint16_t port);

/* Takes the first of them, for address_read: its zone may be no interface any more. False: there are no more. */
bool resolve_take(struct slice *addresses, char text[ADDRESS_TEXT]);

#endif

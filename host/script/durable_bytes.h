/* durable_bytes: plain data as bytes, the same on every machine, and back.
 *
 * The first byte is DURABLE_VERSION; what follows is one table. A value is its kind, a byte, and then: of an integer a
 * varint (seven bits a byte, the lowest first, the highest bit says that more follow; the sign is the lowest bit), of a
 * float its 64 bits, the lowest byte first, of a string a varint, its length, and its bytes; of a table keys and values
 * in turn, up to DURABLE_END. A table that was met before is DURABLE_AGAIN and a varint, its number, counted from 0 in
 * the order in which tables begin. */
#ifndef SCRIPT_DURABLE_BYTES_H
#define SCRIPT_DURABLE_BYTES_H

#include "base/buf.h"
#include <lua.h>

enum {
    DURABLE_VERSION = 1,
    DURABLE_MOST = 500 * 1000 * 1000, /* bytes of a state; SQLite takes twice that */
};

enum durable_kind {
    DURABLE_END,
    DURABLE_FALSE,
    DURABLE_TRUE,
    DURABLE_NULL, /* json.null */
    DURABLE_INTEGER,
    DURABLE_FLOAT,
    DURABLE_STRING,
    DURABLE_TABLE,
    DURABLE_ARRAY, /* a table with the mark of json.array */
    DURABLE_AGAIN,
};

/* Appends the table on the top, which is that of host.state(name), to `out`, whose cap is DURABLE_MOST. Neither raises
 * nor runs Lua code. False with `*why`, to be freed by the caller: it is not plain data, and where; or there is no
 * memory for it. */
bool durable_pack(lua_State *L, const char *name, struct buf *out, char **why);

/* Pushes the table that these bytes are, for host.state(name). Raises where they are none, whatever they are. */
void l_durable_unpack(lua_State *L, const char *name, struct slice bytes);

#endif

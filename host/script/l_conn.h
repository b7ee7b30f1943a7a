/* l_conn: what the files that make up the module `ws` share: a connection in its box. */
#ifndef SCRIPT_L_CONN_H
#define SCRIPT_L_CONN_H

#include "net/conn.h"
#include "script/engine.h"
#include "wire/backlog.h"

#define CONN_TYPE "ws.connection"

/* User values of the userdata. */
enum {
    BOX_FIELDS = 1, /* the script's callbacks, and fields of its own */
    BOX_HIDDEN = 2, /* name, url as given, functions for url and headers */
    BOX_VALUES = 2,
};

/* The userdata. */
struct conn_box {
    struct conn *conn; /* held */
    struct engine *engine;
    bool binary;          /* what send() makes */
    bool said_why;        /* a failure of this attempt went to on_error or stderr */
    struct backlog inbox; /* messages that came while there was no on_message, at most max_receive_buffer bytes */
};

/* Reads the options of ws.connect, the table at index 1, into the box at index `box`, whose user values are in place.
 * Raises an error that names what is wrong. */
void l_options_read(lua_State *L, int box);

/* Reads a url, or headers, into the conn; raises. Also for what a script's functions give, attempt by attempt. */
void l_options_url(lua_State *L, int value, struct conn *c);
void l_options_headers(lua_State *L, int value, struct conn *c);

/* "text" or "blob", "binary" or "arraybuffer": true for binary. Raises on anything else. */
bool l_options_binary(lua_State *L, int value, const char *what);

/* The sink of every connection that a script opens; its argument is the box. l_events.c. */
extern const struct conn_sink l_events_sink;

#endif

/* parts: what the files that tell a script of its connections share: what they tell (events.c), in which task
 * (delivery.c), what a callback is called with (arguments.c), what the handshake asks for (request.c), and the
 * functions that give url and headers (start.c). Nobody else includes it. */
#ifndef SCRIPT_WS_PARTS_H
#define SCRIPT_WS_PARTS_H

#include "script/ws/conn.h"

/* The stack of the task; on top of it stands what a callback is called with. */
enum { CONN = 1, FIELDS, TEXT, BINARY, LISTENER, TOP = LISTENER };

/* Has the script this callback? */
static inline bool conn_box_hears(const struct conn_box *b, enum callback which) { return b->hears & 1u << which; }

/* ---- arguments.c: each pushes a callback with its arguments, and returns how many those are ---- */

/* 0: nobody hears the event. */
int l_arguments_event(lua_State *L, struct conn_box *b, const struct inbox_event *ev);

/* on_message, which is kept at hand as long as it stays the same. */
int l_arguments_message(lua_State *L, struct conn_box *b, const struct ws_event *ev);

/* on_ping or on_pong. */
int l_arguments_control(lua_State *L, struct conn_box *b, enum callback which, const struct ws_event *ev);

/* The name of the callback below `n` values: "on_message"; NULL: it is none. */
const char *l_arguments_name(lua_State *L, int n);

/* ---- request.c: each reads the value on the top; raises ---- */

void l_request_read_url(lua_State *L, int box);
void l_request_read_headers(lua_State *L, int box);
void l_request_read_protocols(lua_State *L, struct conn *c);
void l_request_read_origin(lua_State *L, struct conn *c);

/* The same for what a script's functions give, attempt by attempt: the value is at that index. */
void l_request_url(lua_State *L, int value, struct conn_box *b);
void l_request_headers(lua_State *L, int value, struct conn *c);

/* ---- start.c ---- */

/* Is it its attempt that waits for url and headers? */
bool start_is_current(const struct conn_box *b, const struct inbox_event *starts);

/* The attempt that waits fails: `why` is what its function did. */
void start_refuse(struct conn_box *b, const char *why);

/* Pushes the next function to call, and the connection; false: all are done. */
bool l_start_push(lua_State *L, struct conn_box *b);

/* Takes what it returned. */
void l_start_take(lua_State *L, struct conn_box *b);

/* ---- delivery.c ---- */

/* Tells the script what there is to tell, as far as that does not wait; the rest is held. From the loop only. */
void delivery_drain(struct conn_box *b);

/* What runs meanwhile may do away with the connection (l_conn_abandon): its box stays until here. */
void delivery_end_draining(struct conn_box *b);

#endif

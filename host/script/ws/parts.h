/* parts: what these files share: the sink (events.c), the task that delivers (delivery.c), the arguments of callbacks
 * (arguments.c), what the handshake asks for (request.c), the functions that give url and headers (start.c), modules
 * that serve a connection (service.c), and the second transport (rotation.c). No other file includes it. */
#ifndef SCRIPT_WS_PARTS_H
#define SCRIPT_WS_PARTS_H

#include "script/ws/conn.h"

/* The stack of the task; a callback and its arguments are pushed on top of it. */
enum { CONN = 1, FIELDS, TEXT, BINARY, LISTENER, TOP = LISTENER };

/* The box that the script has. */
static inline struct conn_box *conn_box_front(struct conn_box *b) { return b->front ? b->front : b; }

/* Has the script this callback? */
static inline bool conn_box_hears(const struct conn_box *b, enum callback which) { return b->hears & 1u << which; }

/* ---- arguments.c: each pushes a callback with its arguments, and returns how many those are ---- */

/* 0: the script has no callback for the event. */
int l_arguments_event(lua_State *L, struct conn_box *b, const struct inbox_event *ev);

/* on_message, which is kept on the stack (LISTENER) as long as it stays the same. */
int l_arguments_message(lua_State *L, struct conn_box *b, const struct ws_event *ev);

/* Pushes the data of a message. Memory of its own (ev->memory) becomes Lua's, without a copy. */
void l_arguments_data(lua_State *L, struct conn_box *b, const struct ws_event *ev);

/* on_ping or on_pong. */
int l_arguments_control(lua_State *L, struct conn_box *b, enum callback which, const struct ws_event *ev);

/* The name of the callback below `n` values: "on_message"; NULL: it is none. */
const char *l_arguments_name(lua_State *L, int n);

/* ---- request.c: each reads the value on the top; raises ---- */

void l_request_read_url(lua_State *L, int box);
void l_request_read_headers(lua_State *L, int box);
void l_request_read_protocols(lua_State *L, struct conn *c);
void l_request_read_origin(lua_State *L, struct conn *c);

/* The same for the results of the script's functions, in each attempt: the value is at that index. */
void l_request_url(lua_State *L, int value, struct conn_box *b);
void l_request_headers(lua_State *L, int value, struct conn *c);

/* ---- start.c ---- */

/* Is the event that of the attempt which now waits for its url and headers? */
bool start_is_current(const struct conn_box *b, const struct inbox_event *starts);

/* Has the waiting attempt fail, with `why`: what its function did wrong. */
void start_refuse(struct conn_box *b, const char *why);

/* Pushes the next of these functions, and the connection as its argument; false: all have run. */
bool l_start_push(lua_State *L, struct conn_box *b);

/* Takes what that function has returned, the value on the top. */
void l_start_take(lua_State *L, struct conn_box *b);

/* ---- service.c: both from the loop only, while `draining` keeps the box or an event of it waits ---- */

/* While a callback waits, gives the messages of the inbox to the module that serves the connection, if one does. */
void service_take(struct conn_box *b);

/* Tells that module of the end of an attempt. */
void service_end(struct conn_box *b);

/* ---- rotation.c ---- */

/* The connection's attempt begins, its login is done, it has failed or closed. True where that attempt is to wait, or
 * nobody is to be told now, as a next transport logs in. A second transport has none of these but the login: where it
 * is in time, it takes the place. */
bool rotation_holds_back(struct conn_box *b);
void rotation_logged_in(struct conn_box *b);
bool rotation_keeps_failed(struct conn_box *b, const struct fault *fault);
bool rotation_keeps_closed(struct conn_box *b, struct conn *c, const struct conn_end *end);

/* A second transport has ended, or has written all that waited. */
void rotation_other_ended(struct conn_box *other, const struct conn *c, const struct conn_end *end);
void rotation_other_drained(struct conn_box *other, bool was_behind);

/* Nothing more comes from a second transport, and no task is in one of its callbacks. */
void rotation_settle(struct conn_box *other);

/* ---- delivery.c ---- */

/* What is read now: the connection's own transport, or the old one beside it. */
static inline struct conn *delivery_source(const struct conn_box *b) {
    return b->delivery.source ? b->delivery.source : b->conn;
}

/* Delivers to the script what there is; where a callback waits, the rest stays in the inbox. From the loop only. */
void delivery_drain(struct conn_box *b);

/* Ends `draining`. Code that ran meanwhile may have abandoned the connection (l_conn_abandon); its box is kept until
 * here. */
void delivery_end_draining(struct conn_box *b);

#endif

/* conn: what the files of the module `ws` share: a connection in its box. */
#ifndef SCRIPT_WS_CONN_H
#define SCRIPT_WS_CONN_H

#include "script/box.h"
#include "script/engine.h"
#include "script/ws/inbox.h"
#include <lauxlib.h>

#define CONN_TYPE "ws.connection"

/* The userdata has one user value, a table: the script's callbacks and its own fields; where url and headers are
 * functions, these functions under the addresses of l_request_url_function and l_request_headers_function; and what
 * service.c keeps under an address of its own. */
enum { BOX_FIELDS = 1, BOX_VALUES = 1 };
extern const char l_request_url_function, l_request_headers_function;

/* The callbacks of a connection; callback_names has their names. */
enum callback {
    ON_CONNECT,
    ON_WEBSOCKET_CONNECT,
    ON_MESSAGE,
    ON_PING,
    ON_PONG,
    ON_ERROR,
    ON_BUFFER_FULL,
    ON_DRAIN,
    ON_ADOPT,
    ON_GIVE_UP,
    ON_OVERLAP,
    ON_GAP,
    ON_CLOSE,
    CALLBACKS,
};
extern const char *const callback_names[CALLBACKS];
_Static_assert(CALLBACKS <= 16, "conn_box.hears has a bit for each");

/* What a script asked for while its generation was staged; it is done when the generation takes over. */
struct conn_staged {
    bool ends : 1, destroys : 1, reopens : 1, cancels : 1, rotates : 1;
    uint16_t code;
    uint8_t reason_size;
    char *reason; /* its own; NULL: none */
    uint64_t delay;
    enum { PAUSE_AS_IT_WAS, PAUSE_ON, PAUSE_OFF } pause;
};

/* What a box's transport is to the connection that the script has (rotation.c). */
enum rotation_role {
    ROTATION_PLACE, /* its own: the one in place */
    ROTATION_NEXT,  /* connects and logs in, to take that place */
    ROTATION_OLD,   /* had that place; what comes from it is still delivered */
    ROTATION_GONE,  /* has ended, or is not wanted any more */
};

/* The object that the userdata of a connection refers to; or, beside it, a second transport of that connection. */
struct conn_box {
    struct box box;
    struct conn *conn; /* a reference is held */
    struct engine *engine;
    char *name;                          /* as the script gave it, its own; NULL: it has none */
    uint64_t born;                       /* see engine->births */
    struct conn_box *next, **at;         /* in the list of the engine's connections, in order */
    struct conn_box *match, *matched_by; /* in a reload: the box of the last generation that it takes over, and back */
    struct conn_box *front;              /* of a second transport: the box that the script has; else NULL */
    struct rotation *rotation; /* rotation.c; NULL: it has no second transport, nor does it rotate by itself */

    struct inbox inbox;            /* at most max_receive_buffer bytes, and the events of one attempt */
    struct delivery {              /* delivery.c */
        struct task *task;         /* the task that a callback runs or waits in, or NULL */
        struct inbox_event *event; /* the event that this task delivers; its own */
        struct ws_event *first;    /* the message that the next task, or reader, takes first; NULL: there is none */
        struct task *reader;       /* the task that was resumed with a message, and takes what follows; or NULL */
        struct conn *source;       /* what it reads from now; NULL: its own connection */
        uint32_t progress;         /* how many messages and events were taken, modulo 2^32 */
        uint32_t rotation;         /* of the transport from which the current event came */
        int8_t tells;              /* what the task delivers: an inbox_kind, or TELLS_MESSAGE */
        bool draining : 1;         /* delivery_drain runs, or what it has called */
        bool due : 1;              /* there is more to deliver, which the running delivery_drain will do */
        bool failed : 1;           /* the last task ended with an error: a new one delivers what follows */
        bool takes : 1;            /* a message of the inbox is being pushed; dropped then, or when the task ends */
        bool has_listener : 1;     /* the current on_message is on the task's stack, at LISTENER */
    } delivery;
    struct waiters receivers;   /* tasks in conn:receive */
    struct waiters drainers;    /* in conn:drain */
    struct waiters openers;     /* in conn:opened */
    struct inbox_event *last;   /* the INBOX_CLOSED event that was delivered last, its own; NULL: none was */
    struct conn_staged *staged; /* NULL: nothing */

    uint64_t lua_time; /* nanoseconds that code of the script has run for what came on it */
    uint64_t gap_from; /* when the last transport ended, which was not planned; 0: no gap */
    uint32_t number;   /* conn.rotation of its transport */
    uint32_t taken;    /* the number of the transport of the message taken last, not by on_message */
    uint32_t ends;     /* how many attempts have ended, modulo 2^32 */
    uint32_t drains;   /* how often all output was written, modulo 2^32 */
    uint16_t hears;    /* bits, 1 << callback: the callbacks that the script has */
    uint8_t start;     /* START_URL ...: which function of the script runs */
    uint8_t lookups;   /* how many methods were looked up, up to OFTEN (fields.c) */
    uint8_t replaced;  /* how many methods fields of the script stand in for */
    uint8_t role;      /* enum rotation_role */
    bool spent : 1;    /* its transport has ended; the next attempt has another */
    bool binary : 1;   /* send() makes binary messages */
    bool url_function : 1, headers_function : 1; /* url, or headers, is a function */
    bool served : 1;                             /* on_message is that of a module of ours (service.c) */
    bool heard : 1;                              /* a task in conn:opened gets the failure of this attempt */
};
enum { START_URL, START_HEADERS, START_DONE }; /* conn_box.start */
enum { TELLS_MESSAGE = -1 };

/* Pushes a connection that was accepted, as one that a script has opened: the program's own Lua serves it, in an engine
 * of that net. It has its name's and url's place empty, and ends with its only attempt. Raises. */
void l_conn_push_accepted(lua_State *L, struct conn *c);

/* ---- rotation.c ---- */

/* The box of the transport that the running code speaks to: within a callback of a next one, which logs in, that; else
 * the one in place. */
struct conn_box *rotation_here(struct conn_box *b);
static inline struct conn_box *conn_box_here(struct conn_box *b) { return b->rotation ? rotation_here(b) : b; }

/* conn:rotate, and what conn.rotation is to the code that runs. */
int l_rotation_rotate(lua_State *L);
uint32_t rotation_number(const struct conn_box *b);

/* The number by which the script knows the connection: it stays the same. */
uint64_t rotation_id(const struct conn_box *b);

/* Its second transport, whatever that is to it; the same where that is an old one, which is still read. Or NULL. */
struct conn *rotation_other(const struct conn_box *b);
struct conn *rotation_old(const struct conn_box *b);

/* How many bytes wait to be written, on the transport in place and on the old one beside it. */
size_t rotation_buffered(const struct conn_box *b);

/* The box of the transport that has this number; NULL: it is over. */
struct conn_box *rotation_of_number(struct conn_box *b, uint32_t number);

/* When, by the clock, the next rotation begins, its transport does something of its own accord, or the overlap ends; 0:
 * no time is set. */
uint64_t rotation_next_step(const struct conn_box *b);

/* Begins a rotation, if the connection is open and none is under way. */
void rotation_begin(struct conn_box *b);

/* The script has set or cleared a callback: a second transport hears the same. */
void rotation_hear(struct conn_box *b, enum callback which);

/* The script ends the connection: so does its second transport, with that Close if it is open. */
void rotation_close(struct conn_box *b, uint16_t code, struct slice reason);

/* The same without a Close. */
void rotation_destroy(struct conn_box *b);

/* The old transport goes on with the box that takes the connection over; a next one is dropped. */
void rotation_adopt(struct conn_box *to, struct conn_box *from);

/* Does the script still get to know of an end that it has not been told? */
bool rotation_pends(const struct conn_box *b);

/* The box ends. */
void rotation_free(struct conn_box *b);

/* ---- overlap.c ---- */

/* Opens the metatable of what on_overlap gets. */
void l_overlap_open(lua_State *L);

/* Pushes it: a handle of the transport of that number; `c` is its connection, or NULL where that has ended. */
void l_overlap_push(lua_State *L, struct conn *c, uint32_t rotation, bool binary);

/* ---- conn.c ---- */

/* A code and a reason for a Close, the arguments from `code_at` on; without them 1000. Raises. */
struct farewell {
    uint16_t code;
    struct slice reason;
};
struct farewell l_conn_farewell(lua_State *L, int code_at);

/* conn:rotate, before the generation has taken over: it begins then. */
int l_conn_stage_rotation(lua_State *L, struct conn_box *b);

/* Delivers what waits in the connection at index `box`, also where delivery_settle has taken its anchor away. May
 * raise. */
void l_conn_wake(lua_State *L, int box, struct conn_box *b);

/* Gives the metatable on top its __index and __newindex, for these methods and all fields. fields.c. */
void l_fields_open(lua_State *L, const luaL_Reg *methods);

/* methods(value): a list of the names of a connection's methods; of another value nothing. */
int l_fields_methods(lua_State *L);

/* Reads the options of ws.connect, the table at index 1, into the box at index `box`, whose user values are in place.
 * Raises an error that names what is wrong. */
void l_options_read(lua_State *L, int box);

/* To be called when the plan is complete: shares it with connections that have the same (see conn_share_plan). Raises
 * where the memory limit would be passed. */
void l_conn_share_plan(lua_State *L, struct conn_box *b);

/* The plan of a connection, for changes (see conn_plan). Raises without memory. */
struct plan *l_conn_plan(lua_State *L, struct conn *c);

/* For a name that is no callback: the callback that was probably meant, or NULL. */
const char *l_options_meant_callback(const char *name);

/* "text" or "blob", "binary" or "arraybuffer": true for binary. Raises on anything else. */
bool l_options_binary(lua_State *L, int value, const char *what);

/* Keeps events of all connections of the engine back from the script (`holds`), or delivers them again. */
void delivery_hold(struct engine *e, bool holds);

extern const struct box_type l_conn_type;

/* The connection at this index; NULL: the value is none, or it has ended. */
static inline struct conn_box *l_conn_look(lua_State *L, int index) { return l_box_look(L, index, &l_conn_type); }

/* The connection at index 1. Raises where the value is none, or it has ended. */
static inline struct conn_box *l_conn_check(lua_State *L) { return l_box_get(L, 1, &l_conn_type); }

/* Sets or, with nil, clears a callback of the box at index `box` to the value on the top of the stack, which it pops.
 */
void l_conn_set_callback(lua_State *L, int box, enum callback which);

/* Gives `to`, of the next generation, the connection and the inbox of `from`. Then does what the script of `to` asked
 * for while it was staged. */
void l_conn_adopt(struct conn_box *to, struct conn_box *from);

/* Destroys a connection at once; its script hears no more of it. */
void l_conn_abandon(lua_State *L, struct conn_box *b);

/* At a take-over, does what the script asked for while it was staged, for a connection that only the next generation
 * has. */
void l_conn_begin(struct conn_box *b);

/* The sink of every connection that a script opens; its argument is the box. events.c. */
extern const struct conn_sink events_sink;

/* Is there a message for a task in conn:receive: at hand, or in the inbox? */
bool delivery_has_message(const struct conn_box *b);

/* Pushes that message, or one that has just come, its data and its kind; false: there is none. May raise. */
bool l_delivery_push_message(lua_State *L, struct conn_box *b);

/* Wakes all tasks that wait for the connection; each looks again whether its wait is over. */
void delivery_wake_all(struct conn_box *b);

/* Where nothing more will happen with a connection, takes its anchor away, so that it may be collected, and wakes the
 * tasks that wait for it. */
void delivery_settle(struct conn_box *b);

/* Will nothing more come, as the connection is closed and all its events are delivered? Asked by the connection's own
 * callback, which the next attempt waits for: has its attempt ended? */
bool delivery_over(const struct conn_box *b);

/* conn:receive, conn:messages, conn:drain and conn:opened. receive.c. */
int l_conn_receive(lua_State *L);
int l_conn_messages(lua_State *L);
int l_conn_drain(lua_State *L);
int l_conn_opened(lua_State *L);

/* How the last attempt ended whose on_close has run, or runs now; NULL: there is none. */
const struct conn_end *arguments_last_end(const struct conn_box *b);

/* Pushes what conn.closed is: { code, reason, record }, or nil. */
void l_arguments_push_closed(lua_State *L, const struct conn_box *b);

/* Is the code that runs a callback of an attempt that has ended meanwhile? What it sends must not go out on the next
 * one. */
bool delivery_outlived(const struct conn_box *b);

/* Is the code that runs the callback of INBOX_OPENED, which may log in? What other code sends goes out after it has
 * ended. */
bool delivery_logs_in(const struct conn_box *b);

/* The connection that this task delivers to, and the name of the callback that it runs, or will run first; NULL: it
 * does something else. */
const struct conn_box *delivery_of(const struct task *t, const char **callback);

/* To be called where a take-over has ended a callback: what waits in `c` for its end is sent. */
void delivery_cut(struct conn_box *b, struct conn *c);

#endif

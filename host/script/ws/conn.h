/* conn: what the files that make up the module `ws` share: a connection in its box. */
#ifndef SCRIPT_WS_CONN_H
#define SCRIPT_WS_CONN_H

#include "script/box.h"
#include "script/engine.h"
#include "script/ws/inbox.h"
#include <lauxlib.h>

#define CONN_TYPE "ws.connection"

/* The user value of the userdata: the script's callbacks, fields of its own, and where url and headers are functions
 * these, under the addresses of l_request_url_function and l_request_headers_function. */
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
    ON_CLOSE,
    CALLBACKS,
};
extern const char *const callback_names[CALLBACKS];
_Static_assert(CALLBACKS <= 16, "conn_box.hears has a bit for each");

/* What a script asked for while its generation was staged; it is done when that takes over. */
struct conn_staged {
    bool ends, destroys, reopens, cancels;
    uint16_t code;
    uint8_t reason_size;
    char *reason; /* its own; NULL: none */
    uint64_t delay;
    enum { PAUSE_AS_IT_WAS, PAUSE_ON, PAUSE_OFF } pause;
};

/* What the userdata refers to. */
struct conn_box {
    struct box box;
    struct conn *conn; /* held */
    struct engine *engine;
    char *name;                          /* as given, its own; NULL: not given */
    uint64_t born;                       /* see engine->births */
    struct conn_box *next, **at;         /* of the same engine, in order */
    struct conn_box *match, *matched_by; /* reload: the one of the last generation that it takes over, and back */

    struct inbox inbox;            /* at most max_receive_buffer bytes, and the events of one attempt */
    struct delivery {              /* delivery.c */
        struct task *task;         /* the one that a callback runs or waits in, or NULL */
        struct inbox_event *event; /* what that is told; its own */
        struct ws_event *first;    /* what the next task begins with; NULL: it looks for itself */
        uint32_t progress;         /* messages and events taken, modulo 2^32 */
        int8_t tells;              /* what the task is told: an inbox_kind, or TELLS_MESSAGE */
        bool draining : 1;         /* the loop is in delivery_drain, or in what that called */
        bool due : 1;              /* there is more to tell, which the drain that is under way sees to */
        bool failed : 1;           /* the last task ended with an error: what comes behind that is told by another */
        bool takes : 1;            /* a message of the inbox is being pushed, which is dropped then, or with the task */
        bool has_listener : 1;     /* the task has on_message at hand, as it is now */
    } delivery;
    struct waiters receivers;   /* tasks in conn:receive */
    struct waiters drainers;    /* in conn:drain */
    struct waiters openers;     /* in conn:opened */
    struct inbox_event *last;   /* how the last attempt ended that was told; its own; NULL: none has */
    struct conn_staged *staged; /* NULL: nothing */

    uint32_t drains;                             /* how often all was written, modulo 2^32 */
    uint16_t hears;                              /* 1 << callback: the script has it */
    uint8_t start;                               /* of INBOX_STARTS: which function runs */
    uint8_t lookups;                             /* of methods, so far (fields.c) */
    uint8_t replaced;                            /* methods that fields of the script's own stand in for */
    bool binary : 1;                             /* what send() makes */
    bool url_function : 1, headers_function : 1; /* are functions */
    bool heard : 1;                              /* conn:opened tells of the failure */
};
enum { START_URL, START_HEADERS, START_DONE }; /* conn_box.start */
enum { TELLS_MESSAGE = -1 };

/* Has the connection at index `box` tell what it holds, also where it had settled. May raise. */
void l_conn_wake(lua_State *L, int box, struct conn_box *b);

/* Gives the metatable on top its __index and __newindex, for these methods and all fields. fields.c. */
void l_fields_open(lua_State *L, const luaL_Reg *methods);

/* methods(value): a list of the names of a connection's methods; of another value nothing. */
int l_fields_methods(lua_State *L);

/* Reads the options of ws.connect, the table at index 1, into the box at index `box`, whose user values are in place.
 * Raises an error that names what is wrong. */
void l_options_read(lua_State *L, int box);

/* The plan is as it is to be (see conn_share_plan). Raises where it is more than may be kept. */
void l_conn_share_plan(lua_State *L, struct conn_box *b);

/* The plan of a connection, to be changed (see conn_plan). Raises without memory. */
struct plan *l_conn_plan(lua_State *L, struct conn *c);

/* The callback that was probably meant by a name that is none, or NULL. */
const char *l_options_meant_callback(const char *name);

/* "text" or "blob", "binary" or "arraybuffer": true for binary. Raises on anything else. */
bool l_options_binary(lua_State *L, int value, const char *what);

/* Has all connections of the engine keep what they have to tell, up to the next call that says no. */
void delivery_hold(struct engine *e, bool holds);

extern const struct box_type l_conn_type;

/* The connection at this index, or NULL. */
static inline struct conn_box *l_conn_look(lua_State *L, int index) { return l_box_look(L, index, &l_conn_type); }

/* The connection at index 1. Raises where there is none any more. */
static inline struct conn_box *l_conn_check(lua_State *L) { return l_box_get(L, 1, &l_conn_type); }

/* Sets or, with nil, clears a callback of the box at index `box` to the value on the top of the stack, which it pops.
 */
void l_conn_set_callback(lua_State *L, int box, enum callback which);

/* `to`, of the next generation, has from now on what `from` had. What its script asked for is done. */
void l_conn_adopt(struct conn_box *to, struct conn_box *from);

/* Ends a connection at once; its script hears no more of it. */
void l_conn_abandon(lua_State *L, struct conn_box *b);

/* The same for a connection that only the next generation has. */
void l_conn_begin(struct conn_box *b);

/* The sink of every connection that a script opens; its argument is the box. events.c. */
extern const struct conn_sink events_sink;

/* A message was taken out of the inbox: the socket is read again where there is room. */
void delivery_make_room(struct conn_box *b);

/* Who waits for something of it looks again. */
void delivery_wake_all(struct conn_box *b);

/* A connection that nothing is going on with may be collected, and who waits to receive is told. */
void delivery_settle(struct conn_box *b);

/* Nothing more will come, nor is there an on_close yet to say otherwise. For the connection's own callback, which the
 * next attempt waits for: its attempt has ended. */
bool delivery_over(const struct conn_box *b);

/* conn:receive, conn:messages, conn:drain and conn:opened. receive.c. */
int l_conn_receive(lua_State *L);
int l_conn_messages(lua_State *L);
int l_conn_drain(lua_State *L);
int l_conn_opened(lua_State *L);

/* How the last attempt ended that on_close was told of, or is told of now; NULL: none has. */
const struct conn_end *arguments_last_end(const struct conn_box *b);

/* Pushes what conn.closed is: { code, reason, record }, or nil. */
void l_arguments_push_closed(lua_State *L, const struct conn_box *b);

/* Does a callback send whose own connection has ended meanwhile? What it says is for nobody else. */
bool delivery_outlived(const struct conn_box *b);

/* Is it the callback that runs now, or waits, which everything else that is sent waits for? */
bool delivery_logs_in(const struct conn_box *b);

/* A callback was cut off by a take-over. */
void delivery_cut(struct conn_box *b, struct conn *c);

#endif

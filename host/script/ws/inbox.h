/* inbox: what came on a connection and waits for its script: messages that nobody has taken yet, and everything that
 * comes while a callback waits. It belongs to no generation: it has only C objects, and can be moved to another one.
 *
 * Messages and events are two queues, each in order; an event has the number of messages that came before it. So a
 * script without on_message gets its events at once, while one with on_message gets both in the order in which they
 * came. */
#ifndef SCRIPT_WS_INBOX_H
#define SCRIPT_WS_INBOX_H

#include "net/conn/conn.h"
#include "wire/backlog.h"

enum inbox_kind {
    INBOX_STARTS, /* an attempt waits for its url and headers; has attempt */
    INBOX_CONNECTED,
    INBOX_OPENED, /* has head */
    INBOX_PING,   /* has data */
    INBOX_PONG,   /* has data, seconds */
    INBOX_BUFFER_FULL,
    INBOX_DRAINED,
    INBOX_FAILED,   /* has end */
    INBOX_CLOSED,   /* has end, and head where there was a response */
    INBOX_GAVE_UP,  /* has end */
    INBOX_ADOPTED,  /* a new generation has the connection */
    INBOX_CALLBACK, /* a callback raised: data is the error with its traceback */
    INBOX_OVERLAP,  /* the next transport has taken its place beside the old one, whose rotation `attempt` is */
    INBOX_GAP,      /* the connection is back after an end that was not planned; has seconds */
};
enum { INBOX_KINDS = INBOX_GAP + 1 };

struct inbox_event {
    struct inbox_event *next;
    enum inbox_kind kind;
    uint64_t after;         /* this many messages came before it */
    struct conn_head *head; /* its own, or NULL */
    struct conn_end *end;   /* its own, or NULL */
    uint64_t attempt;       /* its number */
    double seconds;         /* of a pong: the time from its ping; below 0: it answered no ping of ours */
    uint32_t rotation;      /* of the transport that it came from */
    size_t size;
    char data[];
};

/* The content of an inbox that is not empty. */
struct inbox_content {
    struct backlog messages;
    struct inbox_event *first, **last;
    size_t event_bytes;
    unsigned count[INBOX_KINDS]; /* of the events of each kind */
    uint64_t came, taken;        /* how many messages came, and were taken */
};

struct inbox {
    struct inbox_content *content; /* NULL: it is empty */
    struct account *account;       /* counts its bytes; borrowed from the engine of its script */
    uint32_t rotation;             /* of the transport from which comes what is put now */
};

/* Empties it. */
void inbox_clear(struct inbox *b);

/* Moves everything from one inbox to the other, which must be empty; each keeps its account. */
void inbox_move(struct inbox *to, struct inbox *from);

/* Puts everything behind what is in another one, and empties it. 0 or ERR_NOMEM: then messages are missing. */
int inbox_join(struct inbox *to, struct inbox *from);

/* Adds a message. 0 or ERR_NOMEM. */
int inbox_put(struct inbox *b, enum ws_kind kind, struct slice data);

/* Adds an event with a copy of `data` and of `end` (may be NULL), and takes `head` over (may be NULL). Aborts without
 * memory. */
void inbox_tell(struct inbox *b, enum inbox_kind kind, struct slice data, const struct conn_end *end,
                struct conn_head *head, double seconds);

/* Adds an event that has only a number: INBOX_STARTS of an attempt which waits for its url and headers, or
 * INBOX_OVERLAP. */
void inbox_tell_number(struct inbox *b, enum inbox_kind kind, uint64_t attempt);

/* Adds an event before all others: the error of a callback, or one that has a time. */
void inbox_tell_first(struct inbox *b, enum inbox_kind kind, struct slice data, double seconds);

/* The next message, with the rotation of its transport as its tag. Its data lives until the next inbox_ call; false
 * where there is none. */
bool inbox_message(const struct inbox *b, struct ws_event *ev);
void inbox_drop_message(struct inbox *b);
void inbox_drop_messages(struct inbox *b); /* all */

/* Takes the next event, if it comes before the next message: the messages before it were taken, or are not `wanted`. To
 * be given to inbox_event_free by the caller. NULL: there is none. */
struct inbox_event *inbox_event(struct inbox *b, bool wanted);
void inbox_event_free(struct inbox_event *ev);

static inline bool inbox_is_empty(const struct inbox *b) { return !b->content; }
static inline bool inbox_has_event(const struct inbox *b) { return b->content && b->content->first; }
static inline bool inbox_has_message(const struct inbox *b) {
    return b->content && !backlog_is_empty(&b->content->messages);
}

/* How many events of this kind wait. */
static inline unsigned inbox_count(const struct inbox *b, enum inbox_kind kind) {
    return b->content ? b->content->count[kind] : 0;
}

/* Bytes of the messages and events that wait. */
static inline size_t inbox_size(const struct inbox *b) {
    return b->content ? b->content->messages.bytes.len + b->content->event_bytes : 0;
}

#endif

/* backlog: messages that wait, in order: those sent before the handshake, and those that a script has not taken yet. It
 * has no cap: its owner compares `bytes.len` with one. */
#ifndef WIRE_BACKLOG_H
#define WIRE_BACKLOG_H

#include "base/buf.h"
#include "wire/ws.h"

struct backlog {
    struct buf bytes; /* of each message: its size, kind and tag, then its data */
};

/* Empty. Allocates nothing. */
void backlog_init(struct backlog *b);
void backlog_clear(struct backlog *b);

/* Adds a copy behind the others. backlog_first gives `tag` back, any number. 0 or ERR_NOMEM. */
int backlog_put(struct backlog *b, enum ws_kind kind, uint32_t tag, struct slice data);

/* The first message, whose data lives until the next backlog_ call. False when there is none. */
bool backlog_first(const struct backlog *b, struct ws_event *ev);
void backlog_drop(struct backlog *b);

/* How many messages wait, and how many bytes their data has. */
size_t backlog_count(const struct backlog *b);
size_t backlog_size(const struct backlog *b);

static inline bool backlog_is_empty(const struct backlog *b) { return b->bytes.len == 0; }

#endif

/* inbox: messages that came and that the script did not take yet, in order, capped. */
#ifndef SCRIPT_INBOX_H
#define SCRIPT_INBOX_H

#include "base/buf.h"
#include "wire/ws.h"

struct inbox {
    struct buf bytes; /* of each message: kind, size, data */
};

/* Empty; holds up to about `cap` bytes: the message that passes it is still taken. */
void inbox_init(struct inbox *i, size_t cap);
void inbox_clear(struct inbox *i);

/* Adds a copy. 0 or ERR_NOMEM. */
int inbox_put(struct inbox *i, const struct ws_event *ev);

/* The first message; its data lives until inbox_drop. False when there is none. */
bool inbox_first(const struct inbox *i, struct ws_event *ev);
void inbox_drop(struct inbox *i);

static inline bool inbox_is_empty(const struct inbox *i) { return i->bytes.len == 0; }

#endif

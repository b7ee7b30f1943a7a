/* rotation_parts: what rotation.c and rotation_look.c share. No other file includes it. */
#ifndef SCRIPT_WS_ROTATION_PARTS_H
#define SCRIPT_WS_ROTATION_PARTS_H

#include "script/ws/parts.h"

struct rotation {
    struct conn_box *box;
    struct conn_box *other;                 /* its second transport, or NULL */
    struct deadline due;                    /* of the next rotation, or of the next try */
    struct deadline until;                  /* when the old transport is closed, or what has ended is freed */
    uint32_t tries;                         /* that have failed in a row */
    bool again;                             /* another is to begin as soon as `other` is freed */
    uint64_t unsent_messages, unsent_bytes; /* by transports that were old; not told yet */
    bool owes_drain;                        /* somebody waits until the old transport has written all */
    uint64_t late_at;  /* when an old transport whose messages are not taken is closed all the same; 0: not known */
    uint64_t id;       /* the connection's, from before its first exchange; 0: there was none */
    struct inbox late; /* how the transport in place has ended, while the next one was logging in */
};

static inline struct conn_box *rotation_other_box(const struct conn_box *b) {
    return b->rotation ? b->rotation->other : NULL;
}

static inline bool rotation_has(const struct conn_box *b, enum rotation_role role) {
    const struct conn_box *other = rotation_other_box(b);
    return other && other->role == role;
}

#endif

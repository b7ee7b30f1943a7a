/* rotation_look: which transports a connection has, which of them the running code speaks to, and what
 * both hear. */
#include "script/ws/rotation_parts.h"

struct conn *rotation_other(const struct conn_box *b) {
    return rotation_other_box(b) ? rotation_other_box(b)->conn : NULL;
}
struct conn *rotation_old(const struct conn_box *b) {
    return rotation_has(b, ROTATION_OLD) ? rotation_other(b) : NULL;
}

/* Does the running code belong to a callback of the second transport? */
static bool is_of_other(const struct conn_box *b) {
    const struct conn_box *other = rotation_other_box(b);
    const struct task *current = b->engine->tasks.current;
    return other && current && other->delivery.task == current;
}

struct conn_box *rotation_of_number(struct conn_box *b, uint32_t number) {
    struct conn_box *other = rotation_other_box(b);
    if (b->number == number) return b;
    return other && other->number == number && other->role != ROTATION_GONE ? other : NULL;
}

size_t rotation_buffered(const struct conn_box *b) {
    return conn_buffered(b->conn) + (rotation_old(b) ? conn_buffered(rotation_old(b)) : 0);
}

struct conn_box *rotation_here(struct conn_box *b) {
    if (!is_of_other(b)) return b;
    int tells = rotation_other_box(b)->delivery.tells;
    bool logs_in = tells == INBOX_STARTS || tells == INBOX_CONNECTED || tells == INBOX_OPENED;
    return logs_in ? rotation_other_box(b) : b; /* an on_error speaks to the one in place */
}

uint32_t rotation_number(const struct conn_box *b) {
    const struct task *current = b->engine->tasks.current;
    if (is_of_other(b)) return rotation_other_box(b)->number;
    return current && b->delivery.task == current ? b->delivery.rotation : b->number;
}

uint64_t rotation_id(const struct conn_box *b) {
    return b->rotation && b->rotation->id ? b->rotation->id : b->conn->id;
}

bool rotation_pends(const struct conn_box *b) { return b->rotation && !inbox_is_empty(&b->rotation->late); }

static uint64_t sooner(uint64_t a, uint64_t b) { return !a || (b && b < a) ? b : a; }

uint64_t rotation_next_step(const struct conn_box *b) {
    const struct rotation *r = b->rotation;
    if (!r) return 0;
    uint64_t due = clock_is_set(&r->due) ? r->due.due : 0;
    if (rotation_old(b)) due = sooner(due, r->until.due);
    return rotation_other(b) ? sooner(due, conn_next_step(rotation_other(b))) : due;
}

void rotation_hear(struct conn_box *b, enum callback which) {
    struct conn_box *other = rotation_other_box(b);
    if (!other) return;
    other->hears = b->hears;
    other->served = b->served;
    if (which != ON_MESSAGE) return;
    other->delivery.has_listener = false;
    other->served = b->served;
    if (conn_box_hears(b, ON_MESSAGE)) task_wake_all(&other->receivers);
    if (!inbox_is_empty(&other->inbox)) conn_wake(other->conn);
}

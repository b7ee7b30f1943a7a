/* outlet: gives stdio as much as poll(2) promises to take. */
#include "net/outlet.h"

#include "base/log.h"
#include "base/room.h"
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATIENCE = 1,  /* milliseconds to wait for a reader that is about to read, before the loop goes on */
    PAUSE_MOST = 8 /* milliseconds, see outlet.pause */
};

static bool has_room(struct outlet *o, int ms) {
    if (o->most == SIZE_MAX) return true;
    if (!room_is_there(STDOUT_FILENO, ms)) return false;
    size_t pending = __fpending(stdout);
    o->room = pending < o->most ? o->most - pending : 0;
    return true;
}

/* Writing has failed: the rest is dropped, since nobody reads it. */
static void fail(struct outlet *o) {
    o->error = errno;
    buf_reset(&o->held, 0);
}

/* Writes one piece. False: it failed. */
static bool write_piece(struct outlet *o) {
    struct slice piece = buf_slice(&o->held);
    if (piece.n > o->room) piece.n = o->room;
    if ((piece.n && fwrite(piece.p, 1, piece.n, stdout) < piece.n) || fflush(stdout) != 0) return fail(o), false;
    buf_consume(&o->held, piece.n);
    o->room -= o->most == SIZE_MAX ? 0 : piece.n;
    return true;
}

static bool is_left(const struct outlet *o) { return o->held.len || __fpending(stdout); }

/* Writes until nothing is left, or there was no room for so many milliseconds. True: something is left. */
static bool push(struct outlet *o, int ms) {
    while (is_left(o)) {
        if (!has_room(o, ms)) return true;
        if (!write_piece(o)) return false;
    }
    if (!o->held.len) buf_clear(&o->held);
    return false;
}

/* ---- with the loop ---- */

static void on_tick(uv_timer_t *tick);

/* Has the timer look for room where something is left, else calls `drained`. */
static void tend(struct outlet *o, bool behind) {
    uv_handle_t *tick = (uv_handle_t *)&o->tick;
    if (!behind && o->drained) o->drained(o->arg);
    if (behind)
        uv_ref(tick);
    else
        uv_unref(tick);
    if (!behind && !log_is_behind()) {
        uv_timer_stop(&o->tick);
        o->pause = PATIENCE;
    } else if (!uv_is_active(tick)) {
        uv_timer_start(&o->tick, on_tick, o->pause, 0);
        if (o->pause < PAUSE_MOST) o->pause *= 2;
    }
}

static void on_tick(uv_timer_t *tick) {
    struct outlet *o = tick->data;
    log_flush();
    tend(o, push(o, 0));
}

void outlet_open(struct outlet *o, uv_loop_t *loop) {
    o->most = room_most(STDOUT_FILENO);
    o->room = o->most == SIZE_MAX ? SIZE_MAX : 0;
    o->pause = PATIENCE;
    buf_init(&o->held, SIZE_MAX);
    uv_timer_init(loop, &o->tick); /* which cannot fail */
    o->tick.data = o;
    uv_unref((uv_handle_t *)&o->tick);
}

void outlet_close(struct outlet *o) {
    buf_clear(&o->held);
    uv_close((uv_handle_t *)&o->tick, NULL);
}

void outlet_end_turn(struct outlet *o) {
    if (o->most != SIZE_MAX) o->room = 0;
    if (log_is_behind() && !uv_is_active((uv_handle_t *)&o->tick)) uv_timer_start(&o->tick, on_tick, o->pause, 0);
}

bool outlet_look(struct outlet *o, size_t n) {
    if (o->held.len || n > o->most || !has_room(o, 0)) return false;
    bool is_small = n > o->room || o->room < o->most / 2; /* much is pending */
    if (is_small && __fpending(stdout) && (!write_piece(o) || !has_room(o, 0))) return false;
    if (n > o->room) return false;
    o->room -= n;
    return true;
}

int outlet_hold(struct outlet *o, struct slice text) { return buf_append(&o->held, text); }

bool outlet_is_behind(struct outlet *o) {
    bool behind = push(o, uv_is_active((uv_handle_t *)&o->tick) ? 0 : PATIENCE);
    tend(o, behind);
    return behind;
}

static bool is_one_place(int fd, int other) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void outlet_begin_line(struct outlet *o) {
    if (!o->in_line || !is_one_place(STDOUT_FILENO, STDERR_FILENO)) return;
    outlet_is_behind(o);
    fputc('\n', stderr);
    o->in_line = false;
}

/* ---- without ---- */

void outlet_write_all(struct outlet *o) {
    push(o, -1);
    tend(o, false);
}

void outlet_end(struct outlet *o) {
    uint64_t until = uv_hrtime() / 1000000 + OUTLET_END, now;
    bool behind = true;
    while (behind && (now = uv_hrtime() / 1000000) < until) {
        behind = is_left(o) && has_room(o, (int)(until - now));
        if (behind && !write_piece(o)) break;
    }
    if (is_left(o)) __fpurge(stdout);
    buf_clear(&o->held);
}

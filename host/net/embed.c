/* embed: all work is done before the outer loop sleeps; its other callbacks only wake it for that. */
#include "net/embed.h"

#include <stdlib.h>

enum { ROUNDS = 8 }; /* turns of the inner loop in one of the outer */

/* libuv neither turns a loop that is not alive nor tells when its timers are due, though it may have active handles
 * without a reference. By itself such a loop would end; here its handles are served as long as the outer loop runs. So
 * it is made to count as alive for that time. */
static void keep_alive(const struct embed *e) { e->inner->active_handles++; }
static void release(const struct embed *e) { e->inner->active_handles--; }

void embed_turn(struct embed *e) {
    e->due = false;
    e->turning = true;
    keep_alive(e);
    uv_run(e->inner, UV_RUN_NOWAIT);
    release(e);
    e->turning = false;
}

void embed_touch(struct embed *e) {
    e->due = true;
    if (!e->turning) uv_update_time(e->inner); /* within a turn its timers rely on a time that stands still */
}

void embed_tend(struct embed *e) {
    bool alive = uv_loop_alive(e->inner);
    if (!alive) e->turned(e->arg);
    if (!e->inner) return;
    if (alive && e->keeps)
        uv_ref((uv_handle_t *)&e->poll);
    else
        uv_unref((uv_handle_t *)&e->poll);
}

/* ---- callbacks of the outer loop ---- */

static void on_timeout(uv_timer_t *timer) { ((struct embed *)timer->data)->due = true; }

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    ((struct embed *)poll->data)->due = true;
}

static void on_before_sleep(uv_prepare_t *prepare) {
    struct embed *e = prepare->data;
    for (int rounds = 0; e->due && rounds < ROUNDS; rounds++) { /* what callbacks start is for the next round */
        embed_turn(e);
        e->turned(e->arg);
        net_run_busy(e->net); /* the script's callbacks may have sent messages */
        if (!e->inner) return;
    }
    embed_tend(e);
    if (!e->inner) return;
    uv_update_time(e->inner); /* the cached time of a loop that does not turn is old */
    keep_alive(e);
    int ms = e->due ? 0 : uv_backend_timeout(e->inner);
    release(e);
    if (ms < 0)
        uv_timer_stop(&e->timeout);
    else
        uv_timer_start(&e->timeout, on_timeout, (uint64_t)ms, 0);
}

/* ---- life ---- */

struct embed *embed_open(struct net *net, uv_loop_t *inner, void (*turned)(void *arg), void *arg) {
    struct embed *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    *e =
        (struct embed){.net = net, .inner = inner, .due = true, .keeps = true, .open = 3, .turned = turned, .arg = arg};
    if (uv_poll_init(net->loop, &e->poll, uv_backend_fd(inner)) != 0) {
        free(e);
        return NULL;
    }
    uv_timer_init(net->loop, &e->timeout);
    uv_prepare_init(net->loop, &e->before_sleep);
    e->poll.data = e->timeout.data = e->before_sleep.data = e;
    uv_poll_start(&e->poll, UV_READABLE, on_readable);
    uv_prepare_start(&e->before_sleep, on_before_sleep);
    uv_unref((uv_handle_t *)&e->poll);
    uv_unref((uv_handle_t *)&e->timeout);
    uv_unref((uv_handle_t *)&e->before_sleep);
    LIST_INSERT_HEAD(&net->embeds, e, link);
    return e;
}

static void on_closed(uv_handle_t *handle) {
    struct embed *e = handle->data;
    if (--e->open == 0) free(e);
}

void embed_close(struct embed *e) {
    e->inner = NULL;
    LIST_REMOVE(e, link);
    uv_close((uv_handle_t *)&e->poll, on_closed);
    uv_close((uv_handle_t *)&e->timeout, on_closed);
    uv_close((uv_handle_t *)&e->before_sleep, on_closed);
}

/* net: opened once by a worker, closed last. */
#include "net/net.h"

#include "net/conn.h"
#include "net/tls.h"
#include <stdlib.h>

static void on_before_sleep(uv_prepare_t *prepare) {
    struct net *n = prepare->data;
    conn_run_busy(n);
    uint64_t now = clock_now(&n->clock);
    if (now - n->woke >= NET_BLOCK_LEAST)
        n->blocks[n->block_count++ % NET_BLOCKS] = (struct net_block){.end = now, .length = now - n->woke};
}

static void on_after_sleep(uv_check_t *check) {
    struct net *n = check->data;
    n->woke = clock_now(&n->clock);
}

uint64_t net_lag_since(const struct net *n, uint64_t when) {
    uint64_t most = clock_now(&n->clock) - n->woke; /* what runs now */
    if (most < NET_BLOCK_LEAST) most = 0;
    for (unsigned i = 0; i < n->block_count && i < NET_BLOCKS; i++)
        if (n->blocks[i].end > when && n->blocks[i].length > most) most = n->blocks[i].length;
    return most;
}

void net_open(struct net *n, uv_loop_t *loop) {
    *n = (struct net){.loop = loop};
    clock_open(&n->clock, loop);
    n->read_buffer = malloc(NET_READ_SIZE);
    if (!n->read_buffer || uv_prepare_init(loop, &n->before_sleep) != 0) abort();
    n->before_sleep.data = n;
    uv_prepare_start(&n->before_sleep, on_before_sleep);
    uv_unref((uv_handle_t *)&n->before_sleep);
    uv_check_init(loop, &n->after_sleep);
    n->after_sleep.data = n;
    uv_check_start(&n->after_sleep, on_after_sleep);
    uv_unref((uv_handle_t *)&n->after_sleep);
    n->woke = clock_now(&n->clock);
    n->tls = tls_store_new();
}

void net_close(struct net *n) {
    conn_run_busy(n); /* lets go of the last ones */
    uv_close((uv_handle_t *)&n->before_sleep, NULL);
    uv_close((uv_handle_t *)&n->after_sleep, NULL);
    clock_close(&n->clock);
    tls_store_free(n->tls);
    free(n->plain);
    free(n->read_buffer);
    n->plain = n->read_buffer = NULL;
}

static void see_handle(uv_handle_t *handle, void *arg) {
    if (uv_is_active(handle) && uv_has_ref(handle)) *(bool *)arg = true;
    if (uv_is_closing(handle)) *(bool *)arg = true;
}

bool net_loop_is_alive(const struct net *n) {
    if (!uv_loop_alive(n->loop)) return false;
    if (n->lookups == 0) return true;
    bool alive = false;
    uv_walk(n->loop, see_handle, &alive);
    return alive;
}

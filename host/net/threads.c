/* threads: all of them run at the same time before the first one ends. */
#include "net/threads.h"

#include <stdlib.h>
#include <uv.h>

enum { POOL = 4, POOL_MOST = 1024 }; /* libuv's own numbers */

/* As libuv reads it. */
static int pool_size(void) {
    const char *text = getenv("UV_THREADPOOL_SIZE");
    int n = text ? atoi(text) : POOL;
    return n == 0 ? 1 : n < 0 || n > POOL_MOST ? POOL_MOST : n;
}

static void await(void *arg) {
    uv_mutex_lock(arg);
    uv_mutex_unlock(arg);
}

int threads_try(void) {
    uv_thread_t threads[POOL_MOST];
    uv_mutex_t all_are_there;
    int n = 0, most = pool_size(), rc = uv_mutex_init(&all_are_there);
    if (rc != 0) return rc;
    uv_mutex_lock(&all_are_there);
    while (n < most && rc == 0)
        if ((rc = uv_thread_create(&threads[n], await, &all_are_there)) == 0) n++;
    uv_mutex_unlock(&all_are_there);
    while (n > 0) uv_thread_join(&threads[--n]);
    uv_mutex_destroy(&all_are_there);
    return rc;
}

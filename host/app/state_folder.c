/* state_folder: a store, and who tends it: the end of a turn of the loop, and that of the program. */
#include "app/state_folder.h"

#include "base/store.h"
#include "script/durable.h"
#include <fcntl.h>

static struct {
    struct worker *worker;
    struct store *store; /* NULL: there is none, or it is closed */
} folder;

/* The rows of a worker, in the file that all workers share: host.index. 0: a pool has none. */
static unsigned rows_of(const struct worker *w) { return w->engine ? (unsigned)engine_index(&w->engine->place) : 0; }

/* By the store's thread. */
static void wake(void *arg) { uv_async_send(&((struct worker *)arg)->signalled); }

static void on_turn_ends(struct net *net) {
    (void)net;
    if (folder.store) store_tend(folder.store);
}

/* Where the script has ended the program, its generation is still there. */
static void on_end(struct net *net) {
    struct store *store = folder.store;
    (void)net;
    if (!store) return;
    if (folder.worker->engine) durable_end(folder.worker->engine);
    folder.store = NULL;
    store_close(store);
}

int state_folder_open(struct worker *w, const char *path, bool in_pool, struct fault *fault) {
    static const struct net_room room = {.turn_ends = on_turn_ends, .end = on_end};
    if (in_pool) fcntl(STATE_FOLDER_LOCK, F_SETFD, FD_CLOEXEC);
    folder.store = store_open(path, rows_of(w), !in_pool, fault);
    if (!folder.store) return ERR_SYSTEM;
    folder.worker = w;
    store_wake(folder.store, wake, w);
    if (w->engine) w->engine->store = folder.store;
    net_join(&w->net, &room);
    return 0;
}

int state_folder_lock(void) { return folder.store ? store_lock(folder.store) : -1; }

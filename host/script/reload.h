/* reload: the next generation takes over from the running one. It is made beside the running one (reload_stage) and
 * runs its script; until the take-over nothing that it asks for happens, as the loop does not turn. A connection that
 * both have declared is adopted: it stays, and belongs to the next generation. What only the next one has is opened,
 * what only the last one had is closed. Then the last one is closed itself. */
#ifndef SCRIPT_RELOAD_H
#define SCRIPT_RELOAD_H

#include "base/buf.h"
#include "script/engine.h"

/* Before a reload, callbacks and tasks of `e` may be given time to finish. reload_is_awaited: does any of them wait,
 * for anything but messages? reload_hold keeps events of its connections back from the script meanwhile (`holds`), or
 * delivers them again. */
bool reload_is_awaited(const struct engine *e);
void reload_hold(struct engine *e, bool holds);

/* What differs between a program (app/generation.c) and a bot under test (testing/bot.c). `arg` is that of
 * reload_run. */
struct reload_way {
    /* Runs the script in `next`, up to its end or its first wait. Returns false where that failed, with `*why`, to be
     * freed by the caller. */
    bool (*load)(void *arg, struct engine *next, char **why);

    /* Decides at last whether `next` takes over. `ok`: its script was loaded, its connections were matched, and
     * host.on_reload was called. */
    bool (*judge)(void *arg, struct engine *next, bool ok, char **why);

    /* Called when `next` takes over: from here on nothing can fail. */
    void (*take_over)(void *arg, struct engine *next);
};

/* One reload of `last`, from beginning to end. True: the next generation has taken over, `last` was freed, and `report`
 * has a line for people: what was kept, reopened, opened, closed and cancelled. False: `last` goes on as before; `*why`
 * says why, to be freed by the caller, or is NULL where nothing is to be reported. */
bool reload_run(struct engine *last, const struct reload_way *way, void *arg, struct buf *report, char **why);

/* Does what the script of a generation has asked for by the time of the take-over: a stop, or another reload. */
void reload_follow(struct engine *e);

/* The first part of a reload: makes the next generation, with a copy of what `e` has in host.state. NULL with `*why`,
 * to be given to free() by the caller. */
struct engine *reload_stage(struct engine *e, char **why);

/* Closes a staged generation whose reload has failed; nothing else has changed. */
void reload_abandon(struct engine *next);

#endif

/* reload: the next generation takes over from the running one. It was made beside it (engine_stage), and has run its
 * script; up to here nothing that it asked for has happened, as the loop did not turn. What both have declared is
 * adopted: the connection stays, its script side is new. What only the next one has is opened, what only the last one
 * had is closed. Then the last one is closed itself. */
#ifndef SCRIPT_RELOAD_H
#define SCRIPT_RELOAD_H

#include "base/buf.h"
#include "script/engine.h"

/* Before it is staged, those of `e` who wait may be let finish: are there any, whatever they wait for but messages?
 * What its connections have to tell is kept meanwhile (`holds`), for whoever goes on. */
bool reload_is_awaited(const struct engine *e);
void reload_hold(struct engine *e, bool holds);

/* What is particular to whoever reloads: a program (app/generation.c), or a bot under test (testing/bot.c). */
struct reload_way {
    /* Runs the script in `next`, up to its end or its first wait. False where that failed, with `*why`, the caller's.
     */
    bool (*load)(void *arg, struct engine *next, char **why);

    /* `ok`: it has loaded and was matched, and host.on_reload was called. Has the last word. */
    bool (*judge)(void *arg, struct engine *next, bool ok, char **why);

    /* It takes over: from here on nothing can fail. */
    void (*take_over)(void *arg, struct engine *next);
};

/* One reload of `last`, from beginning to end. True: the next generation has taken over, `last` is gone, and `report`
 * has a line for people: what was kept, reopened, opened, closed and cut off. False: `last` goes on as if nothing had
 * been, with `*why`, the caller's, or NULL where there is nothing to be said. */
bool reload_run(struct engine *last, const struct reload_way *way, void *arg, struct buf *report, char **why);

/* Does what the script of a generation that took over had asked for by then: a stop, another reload. */
void reload_follow(struct engine *e);

/* The parts of it. Makes the next generation, with what `e` has in host.state. NULL with `*why`, the caller's, to be
 * given to free(). */
struct engine *reload_stage(struct engine *e, char **why);

/* It failed: it is closed, and nothing has changed. */
void reload_abandon(struct engine *next);

#endif

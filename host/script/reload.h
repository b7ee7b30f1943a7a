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

/* Makes the next generation, with what `e` has in host.state. NULL with `*why`, the caller's, to be given to free(). */
struct engine *reload_stage(struct engine *e, char **why);

/* It failed: it is closed, and nothing has changed. */
void reload_abandon(struct engine *next);

/* Finds out which of its connections take over which of the last generation's; commit does it. False with `*why`, the
 * caller's: there is no memory for that. */
bool reload_match(struct engine *last, struct engine *next, char **why);

/* It loaded, and was matched: it takes over from `last`, which is closed. `report` gets a line for people: what was
 * kept, reopened, opened, closed and cut off. */
void reload_commit(struct engine *last, struct engine *next, struct buf *report);

#endif

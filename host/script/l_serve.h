/* l_serve: the web servers of a generation, for those who begin and end one. */
#ifndef SCRIPT_L_SERVE_H
#define SCRIPT_L_SERVE_H

#include "script/engine.h"

/* What becomes of a server at a take-over. */
enum serve_fate { SERVE_KEPT, SERVE_OPENED, SERVE_CLOSED };

typedef void serve_tell(void *arg, enum serve_fate fate, const char *address);

/* Of the servers of `last` those that `next` has as well, by host and port, are its own from now on, with their
 * connections; its others begin to listen. Those that only `last` had end with it. `tell` is called for each. */
void l_serve_take_over(struct engine *last, struct engine *next, serve_tell *tell, void *arg);

/* Calls `tell` for each server, with the address that was asked for. */
void l_serve_each(const struct engine *e, void (*tell)(void *arg, const char *address), void *arg);

/* Requests that were held are told (see engine->holds). */
void l_serve_offer(struct engine *e);

/* Listens no more; what is under way has a few seconds to be answered. */
void l_serve_stop(struct engine *e);

/* Ends those that began since `mark`, handlers and all. Returns how many those were. */
unsigned l_serve_end_since(lua_State *L, uint64_t mark);

#endif

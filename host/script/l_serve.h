/* l_serve: the web servers of a generation, for the code that begins and ends generations. */
#ifndef SCRIPT_L_SERVE_H
#define SCRIPT_L_SERVE_H

#include "script/engine.h"

/* What becomes of a server at a take-over. */
enum serve_fate { SERVE_KEPT, SERVE_OPENED, SERVE_CLOSED };

typedef void serve_tell(void *arg, enum serve_fate fate, const char *address);

/* Servers that both generations have, by host and port, become those of `next` with their connections; the other
 * servers of `next` begin to listen, the other servers of `last` end. `tell` is called for each. */
void l_serve_take_over(struct engine *last, struct engine *next, serve_tell *tell, void *arg);

/* Calls `tell` for each server, with the address that was asked for. */
void l_serve_each(const struct engine *e, void (*tell)(void *arg, const char *address), void *arg);

/* Gives the script the requests that were kept back (see engine->holds). */
void l_serve_offer(struct engine *e);

/* Stops to listen; requests under way have a few seconds to be answered. */
void l_serve_stop(struct engine *e);

/* Ends the servers that began since `mark` (engine->births), handlers included. Returns how many. */
unsigned l_serve_end_since(lua_State *L, uint64_t mark);

#endif

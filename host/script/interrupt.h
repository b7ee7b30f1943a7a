/* interrupt: what keeps the loop from turning is looked at four times a second, by SIGALRM, as long as somebody wants
 * that: a signal is not answered yet, or a function has a limit. So that both reach Lua code in any coroutine, and
 * beside a hook of the script's own, the thread that runs is given a hook which raises. Code that Lua lets no hook
 * into (finalizers, hooks, C) is not reached by it. */
#ifndef SCRIPT_INTERRUPT_H
#define SCRIPT_INTERRUPT_H

#include "script/engine.h"

/* Seconds: after which a signal interrupts, and what a function of a take-over may run without a wait. */
enum { INTERRUPT_AFTER = 1, INTERRUPT_BOUND = 10 };

/* Who looks. Called in a signal handler; false: there is nothing to look at any more. */
void interrupt_open(bool (*look)(uint64_t now));

/* Begins to look; may be called in a signal handler. */
void interrupt_watch(void);

/* Raises an error in the Lua code that runs now: "interrupted!", or, past a bound, what that was for. Does nothing
 * while none runs. For a signal handler. */
void interrupt_raise(struct engine *e);

/* Has what runs now kept the loop waiting for so many seconds? And is it past its bound? */
bool interrupt_is_busy(const struct engine *e, uint64_t now, unsigned seconds);
bool interrupt_is_late(const struct engine *e, uint64_t now);

/* The Lua code that is called next may not run for longer than INTERRUPT_BOUND; `what` is its name in the error, a
 * literal. It is over with interrupt_unbound, and with the first wait. */
void interrupt_bound(struct engine *e, const char *what);
static inline void interrupt_unbound(struct engine *e) { e->bounded = NULL; }

/* Takes an interrupt that has come too late for a thread to the code around it. True: there was one. */
bool interrupt_take(struct engine *e, lua_State *L);

/* Was "interrupted!" raised since the last time this was asked? */
bool interrupt_was_raised(struct engine *e);

#endif

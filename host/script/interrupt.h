/* interrupt: stops Lua code that keeps the loop from turning: for a signal that the loop should handle, or past a time
 * limit. As long as somebody wants that, SIGALRM checks four times a second. The thread that runs, in whatever
 * coroutine, then gets a hook which raises an error; a hook of the script's own stays behind it. Lua calls no hook in
 * finalizers, in hooks and in C functions: these cannot be interrupted. */
#ifndef SCRIPT_INTERRUPT_H
#define SCRIPT_INTERRUPT_H

#include "script/engine.h"

/* Seconds after which a signal interrupts Lua code; seconds that a function called in a take-over may run without a
 * wait. */
enum { INTERRUPT_AFTER = 1, INTERRUPT_BOUND = 10 };

/* Sets the function that checks; `now` is uv_hrtime. It is called in a signal handler, and returns false when there is
 * nothing to check any more. */
void interrupt_open(bool (*look)(uint64_t now));

/* Begins to check; may be called in a signal handler. */
void interrupt_watch(void);

/* Has an error raised in the Lua code that runs now: "interrupted!", or, past a time limit, one that names the
 * function. Does nothing while no Lua code runs. For a signal handler. */
void interrupt_raise(struct engine *e);

/* Has the Lua code that runs now kept the loop waiting for so many seconds? Is it past the limit of interrupt_bound? */
bool interrupt_is_busy(const struct engine *e, uint64_t now, unsigned seconds);
bool interrupt_is_late(const struct engine *e, uint64_t now);

/* The Lua function that is called next may not run for longer than INTERRUPT_BOUND; `what` is its name in the error, a
 * literal. The limit ends with interrupt_unbound, and with the first wait. */
void interrupt_bound(struct engine *e, const char *what);
static inline void interrupt_unbound(struct engine *e) { e->bounded = NULL; }

/* Where an interrupt has come too late to raise in this thread, moves it to the Lua code that runs now. True: there was
 * one. */
bool interrupt_take(struct engine *e, lua_State *L);

/* Was "interrupted!" raised since the last time this was asked? */
bool interrupt_was_raised(struct engine *e);

#endif

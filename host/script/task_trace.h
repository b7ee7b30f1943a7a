/* task_trace: the lines of the trace about tasks (base/trace.h): where in the script they wait, and what they call. All
 * but task_line are to be called only where task_is_traced. */
#ifndef SCRIPT_TASK_TRACE_H
#define SCRIPT_TASK_TRACE_H

#include "script/engine.h"
#include "script/task.h"

/* Are there to be lines about it? Not about tasks that look into a program from outside (net->beside). */
static inline bool task_is_traced(const struct task *t) { return trace_wants(TRACE_TASK) && !t->engine->net->beside; }

/* Finds the line of the script that runs in a thread, below code of ours. False where there is none. */
bool task_line(lua_State *co, lua_Debug *frame);

/* "callback 12, +0.012 s" */
void task_put_subject(const struct trace_subject *s, struct buf *line);

/* Traces that it calls the function below `n` values on the stack of L. `name`: what that is, "on_message"; NULL: a
 * function. */
void task_trace_call(lua_State *L, const struct task *t, const char *name, int n);

/* Traces that it waits from now on, for `timeout` nanoseconds at most (UINT64_MAX: without end). */
void task_trace_wait(lua_State *L, const struct task *t, uint64_t timeout);

/* Traces that it has ended; its stack must be as it was left. */
void task_trace_end(const struct task *t, enum task_end how);

#endif

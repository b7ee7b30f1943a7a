/* tool: a command whose work is done by a Lua module inside the program: connect, ps, attach,
 * inspect, init. */
#ifndef APP_TOOL_H
#define APP_TOOL_H

#include "app/cli.h"
#include "app/worker.h"

/* Runs it to its end. The exit status is then w->status, unless it has ended the program itself. */
void tool_run(struct worker *w, const struct cli_options *options);

#endif

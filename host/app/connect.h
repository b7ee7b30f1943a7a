/* connect: `wsbot connect`: a conversation by hand (lualib/wsbot/connect.lua). */
#ifndef APP_CONNECT_H
#define APP_CONNECT_H

#include "app/cli.h"
#include "app/worker.h"

/* Runs it to its end. The exit status is then w->status, unless it has ended the program itself. */
void connect_run(struct worker *w, const struct cli_options *options);

#endif

/* test: `wsbot test`: busted inside the host (lualib/wsbot/test.lua). */
#ifndef APP_TEST_H
#define APP_TEST_H

#include "app/cli.h"

/* Runs busted to its end, with the arguments behind our own. Returns the exit status, unless busted has ended the
 * program itself. */
int test_run(int argc, char **argv, const struct cli_options *options);

#endif

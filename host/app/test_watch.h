/* test_watch: `wsbot test --watch`: runs the tests; then, whenever a file that was loaded is saved, those that it
 * affects, or those that a key asks for. It runs no Lua itself: each run is this program again, started with the same
 * words except --watch, and with the names of the spec files to leave out. */
#ifndef APP_TEST_WATCH_H
#define APP_TEST_WATCH_H

#include "app/cli.h"

/* Runs the tests until it is told to stop. Returns the exit status. */
int test_watch(int argc, char **argv, const struct cli_options *options);

#endif

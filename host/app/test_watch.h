/* test_watch: `wsbot test --watch`: runs the tests, and again those that are affected whenever a file that was loaded
 * is saved, or as a key says. It runs no Lua itself: each run is this program again, started with the same words but
 * --watch, and the names of those that are to be left out. */
#ifndef APP_TEST_WATCH_H
#define APP_TEST_WATCH_H

#include "app/cli.h"

/* Runs the tests until it is told to stop. Returns the exit status. */
int test_watch(int argc, char **argv, const struct cli_options *options);

#endif

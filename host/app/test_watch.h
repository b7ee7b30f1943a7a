/* test_watch: `wsbot test --watch`: runs the tests, and again whenever a file that was loaded is saved. It runs no Lua
 * itself: each run is this program again, started with the same words but --watch, which tells by a file that the two
 * share what it loads. */
#ifndef APP_TEST_WATCH_H
#define APP_TEST_WATCH_H

#include "app/worker.h"

/* Runs the tests until it is told to stop. `first` is the index of the first word behind `test`. Returns the exit
 * status. */
int test_watch(int argc, char **argv, int first);

/* In such a run, before any Lua: from now on it tells what it loads. Does nothing in a program that nobody watches. */
void test_watch_tell(struct worker *w);

#endif

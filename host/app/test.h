/* test: `wsbot test`: busted inside the host (lualib/wsbot/test.lua). */
#ifndef APP_TEST_H
#define APP_TEST_H

#include "app/worker.h"

/* Runs busted with the arguments from argv[first] on, up to its end. The exit status is w->status, where busted has not
 * ended the program itself. */
void test_run(struct worker *w, int argc, char **argv, int first);

#endif

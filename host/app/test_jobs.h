/* test_jobs: `wsbot test -j N`: processes that run a spec file each: this program again, with the same words and some
 * more. What one prints, and what it tells of its tests, goes to files that are read when it has ended; what there is
 * to say about them is Lua's (lualib/wsbot/test/jobs.lua). */
#ifndef APP_TEST_JOBS_H
#define APP_TEST_JOBS_H

#include "app/worker.h"

struct job;

struct test_jobs {
    struct worker *worker;
    char **argv;
    int argc, first; /* the index of the first word behind `test` */
    bool watched;    /* they tell what they load, too (test_notes.h) */
    struct job *all; /* those that have not told their end */
    unsigned running;
    struct waiters room; /* tasks that wait to start one */
    bool stops;
};

/* Pushes the module wsbot.test.processes; `jobs` must outlive the Lua state. May raise. */
void l_test_jobs_push(lua_State *L, struct test_jobs *jobs);

/* Ends those that run, and waits for that. */
void test_jobs_end(struct test_jobs *jobs);

#endif

/* test_jobs: `wsbot test -j N`: starts processes that run a spec file each: this program again, with the same words and
 * some more. What a job prints, and what its tests do, goes to files that are read when it has ended; the reports are
 * made in Lua (lualib/wsbot/test/jobs.lua). */
#ifndef APP_TEST_JOBS_H
#define APP_TEST_JOBS_H

#include "app/worker.h"

struct job;

struct test_jobs {
    struct worker *worker;
    char **argv;
    int argc, first; /* the index of the first word behind `test` */
    bool watched;    /* jobs note what they load, too (test_notes.h) */
    struct job *all; /* the jobs whose run() has not returned yet */
    unsigned running;
    struct waiters room; /* tasks that wait to start a job */
    bool stops;
};

/* Pushes the module wsbot.test.processes; `jobs` must outlive the Lua state. May raise. */
void l_test_jobs_push(lua_State *L, struct test_jobs *jobs);

/* Ends the jobs that run, and waits until they have ended. */
void test_jobs_end(struct test_jobs *jobs);

#endif

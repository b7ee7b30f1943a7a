/* test_notes: which files the spec files were loaded from, so that a save has those run that it affects. A run of the
 * tests tells of them by a file that it shares with the process that watches. */
#ifndef APP_TEST_NOTES_H
#define APP_TEST_NOTES_H

#include "script/engine.h"
#include <stdio.h>

/* ---- in the process that watches ---- */

/* A spec file, by the name that busted has for it; the name "" stands for what all of them were loaded with: helpers,
 * .busted. */
struct spec {
    struct spec *next;
    bool runs;   /* in the run that is under way, or was last */
    bool noted;  /* it was found then */
    bool passed; /* when it last ran: it came to its end, and nothing failed */
    char name[];
};

/* All zero at first. */
struct test_notes {
    struct spec *specs;
    struct engine_file *files; /* what is to be watched; each is that of a struct noted */
    FILE *shared;              /* with the run that is under way */
    struct timespec began;     /* that run, by the clock that files are marked with */
};

/* Which spec files are to run next: all; those that failed (false: there are none); none. */
void test_notes_choose_all(struct test_notes *n);
bool test_notes_choose_failed(struct test_notes *n);
void test_notes_choose_none(struct test_notes *n);

/* Before a run of these and of those that were loaded from a file that has been saved since. 0, or a libuv error; then
 * nothing is under way. */
int test_notes_begin(struct test_notes *n);

/* After it: reads what it told, and forgets what its spec files need no more. `ok`: nothing failed. False: it told
 * nothing. */
bool test_notes_end(struct test_notes *n, bool ok);

void test_notes_clear(struct test_notes *n);

/* ---- in a run ---- */

enum { TEST_NOTES_FD = 3 }; /* where it tells */

/* Whom a run tells, and of which spec file. */
struct teller {
    int fd; /* 0: nobody watches */
    char spec[4096];
};

/* Has who is started next find the descriptor TEST_NOTES_FD, or no more. */
void test_notes_pass_on(bool on);

/* Before any Lua. */
void teller_open(struct teller *t);

/* That file was loaded, for the spec file t->spec. */
void teller_note(struct teller *t, const struct engine_file *file);

/* What is loaded from now on is loaded for this spec file; "" for all. */
void teller_set_spec(struct teller *t, const char *name);

/* That one has come to its end. */
void teller_end_spec(struct teller *t, const char *name, bool passed);

#endif

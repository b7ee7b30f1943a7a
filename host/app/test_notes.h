/* test_notes: which files the spec files were loaded from, so that after a save those spec files run that it affects. A
 * run of the tests writes that to a file which it shares with the process that watches. */
#ifndef APP_TEST_NOTES_H
#define APP_TEST_NOTES_H

#include "script/engine.h"
#include <stdio.h>

/* ---- in the process that watches ---- */

/* A spec file, by the name that busted has for it; the name "" stands for what all of them were loaded with: helpers,
 * .busted. */
struct spec {
    struct spec *next;
    bool runs;   /* it runs in the run under way, or ran in the last one */
    bool noted;  /* that run has found it */
    bool passed; /* when it last ran: it came to its end, and nothing failed */
    char name[];
};

/* All zero at first. */
struct test_notes {
    struct spec *specs;
    struct engine_file *files; /* the files to watch; each is a member of a struct noted */
    FILE *shared;              /* the file shared with the run under way */
    struct timespec began;     /* when that run began, by the clock that files are marked with */
};

/* Choose the spec files that run next: all; those that failed (false: there are none); none. */
void test_notes_choose_all(struct test_notes *n);
bool test_notes_choose_failed(struct test_notes *n);
void test_notes_choose_none(struct test_notes *n);

/* To be called before a run of the chosen spec files: adds those that use a file which was saved since. 0, or a libuv
 * error; then no run is under way. */
int test_notes_begin(struct test_notes *n);

/* To be called after the run: reads its notes, and forgets what its spec files need no more. `ok`: nothing failed.
 * False: it has written no notes. */
bool test_notes_end(struct test_notes *n, bool ok);

void test_notes_clear(struct test_notes *n);

/* ---- in a run ---- */

enum { TEST_NOTES_FD = 3 }; /* the descriptor that it writes its notes to */

/* Where a run writes its notes, and about which spec file. */
struct teller {
    int fd; /* 0: nobody watches */
    char spec[4096];
};

/* Has processes that are started from now on get the descriptor TEST_NOTES_FD, or not. */
void test_notes_pass_on(bool on);

/* Finds that descriptor; to be called before any Lua code runs. */
void teller_open(struct teller *t);

/* Notes that this file was loaded, for the spec file t->spec. */
void teller_note(struct teller *t, const struct engine_file *file);

/* What is loaded from now on is loaded for this spec file; "" for all. */
void teller_set_spec(struct teller *t, const char *name);

/* Notes that this spec file has come to its end. */
void teller_end_spec(struct teller *t, const char *name, bool passed);

#endif

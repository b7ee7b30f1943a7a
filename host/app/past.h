/* past: the sources of the generations that ran before, for host.back and a trial that fails to go back to. */
#ifndef APP_PAST_H
#define APP_PAST_H

#include "script/loader.h"

enum { PAST_MOST = 8 }; /* generations */

/* All zero: none is kept. */
struct past {
    struct engine_file *files[PAST_MOST]; /* the last one last */
    unsigned count;
};

/* Keeps the files of one, which become its own; of too many the oldest goes. */
void past_push(struct past *p, struct engine_file *files);

/* Takes the last one, which is the caller's; NULL: there is none. */
struct engine_file *past_pop(struct past *p);

void past_clear(struct past *p);

#endif

/* past: the sources of the generations that ran before, for host.back and for a trial that has failed. */
#ifndef APP_PAST_H
#define APP_PAST_H

#include "script/loader.h"

enum { PAST_MOST = 8 }; /* generations */

/* All zero: none is kept. */
struct past {
    struct engine_file *files[PAST_MOST]; /* the newest last */
    unsigned count;
};

/* Keeps the files of a generation, and owns them from now on; where there are too many, the oldest go. */
void past_push(struct past *p, struct engine_file *files);

/* Gives the files of the newest generation to the caller; NULL: there is none. */
struct engine_file *past_pop(struct past *p);

void past_clear(struct past *p);

#endif

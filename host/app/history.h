/* history: what became of the last reloads, for whoever looks into the program. */
#ifndef APP_HISTORY_H
#define APP_HISTORY_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

enum { HISTORY_MOST = 20 }; /* reloads */

struct history_entry {
    uint64_t generation; /* that it has made, or would have */
    double time, took;   /* when it was over, by the wall clock; how long it took, seconds */
    bool ok;
    char *cause, *report; /* its own */
};

/* All zero: there was none. */
struct history {
    struct history_entry entries[HISTORY_MOST]; /* the oldest first */
    unsigned count;
};

/* Adds one; copies the texts. */
void history_add(struct history *h, struct history_entry entry, const char *cause, struct slice report);

void history_clear(struct history *h);

#endif

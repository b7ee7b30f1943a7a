/* history: a short list. */
#include "app/history.h"

#include "base/text.h"
#include <stdlib.h>
#include <string.h>

static void clear(struct history_entry *e) {
    free(e->cause);
    free(e->report);
}

void history_add(struct history *h, struct history_entry entry, const char *cause, struct slice report) {
    if (h->count == HISTORY_MOST) {
        clear(&h->entries[0]);
        memmove(h->entries, h->entries + 1, --h->count * sizeof *h->entries);
    }
    entry.cause = text_of(slice_str(cause ? cause : "?"));
    entry.report = text_of(report);
    h->entries[h->count++] = entry;
}

void history_clear(struct history *h) {
    while (h->count) clear(&h->entries[--h->count]);
}

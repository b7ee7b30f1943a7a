/* past: a stack; when it is full, its oldest entry goes. */
#include "app/past.h"

#include <string.h>

void past_push(struct past *p, struct engine_file *files) {
    if (!files) return;
    if (p->count == PAST_MOST) {
        loader_free_files(p->files[0]);
        memmove(p->files, p->files + 1, --p->count * sizeof *p->files);
    }
    p->files[p->count++] = files;
}

struct engine_file *past_pop(struct past *p) {
    return p->count ? p->files[--p->count] : NULL;
}

void past_clear(struct past *p) {
    while (p->count) loader_free_files(past_pop(p));
}

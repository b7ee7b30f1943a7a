/* tally: a short list, in the order in which each way was first met. */
#include "net/conn/tally.h"

void tally_add(struct tally *t, uint16_t code, enum fault_kind fault) {
    for (uint32_t i = 0; i < t->used; i++) {
        struct tally_entry *e = &t->entries[i];
        if (e->code != code || e->fault != fault) continue;
        e->count++;
        return;
    }
    if (t->used < TALLY_MOST)
        t->entries[t->used++] = (struct tally_entry){code, (uint16_t)fault, 1};
    else
        t->others++;
}

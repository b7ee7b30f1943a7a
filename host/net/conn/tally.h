/* tally: how attempts have ended, counted by the peer's close code and by the kind of failure. */
#ifndef NET_CONN_TALLY_H
#define NET_CONN_TALLY_H

#include "base/err.h"
#include <stdint.h>

enum { TALLY_MOST = 16 }; /* ways to end that are told apart */

/* All zero: nothing has ended. */
struct tally {
    struct tally_entry {
        uint16_t code;  /* as conn_end has it */
        uint16_t fault; /* enum fault_kind; FAULT_NONE: in order */
        uint32_t count;
    } entries[TALLY_MOST];
    uint32_t used, others; /* entries; ends that are none of them */
};

void tally_add(struct tally *t, uint16_t code, enum fault_kind fault);

#endif

/* fuzz: what every fuzzer has: libFuzzer's entry, and a way to say that something must hold. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include "base/slice.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Takes one byte off the front of the input; 0 at its end. */
static inline uint8_t take_byte(struct slice *in) {
    uint8_t byte = in->n ? in->p[0] : 0;
    *in = slice_skip(*in, in->n ? 1 : 0);
    return byte;
}

#endif

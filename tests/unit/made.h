/* made: elements of DER put together, for certificates as no tool makes them. What is made stays until the program
 * ends. */
#ifndef UNIT_MADE_H
#define UNIT_MADE_H

#include "base/slice.h"
#include "wire/der.h"
#include <assert.h>

static uint8_t made_room[1 << 20];
static size_t made_used;

static inline struct slice made_bytes(const void *bytes, size_t n) {
    assert(n <= sizeof made_room - made_used);
    uint8_t *at = made_room + made_used;
    if (n) memcpy(at, bytes, n);
    made_used += n;
    return slice_of(at, n);
}
#define BYTES(text) slice_of(text, sizeof(text) - 1)

static inline struct slice made_of(uint8_t tag, const struct slice *parts, size_t count) {
    uint8_t head[4] = {tag};
    size_t size = 0, n = 2;
    for (size_t i = 0; i < count; i++) size += parts[i].n;
    assert(size < 1 << 16);
    if (size >= 0x100) {
        head[1] = 0x82, head[2] = (uint8_t)(size >> 8), head[3] = (uint8_t)size, n = 4;
    } else if (size >= 0x80) {
        head[1] = 0x81, head[2] = (uint8_t)size, n = 3;
    } else {
        head[1] = (uint8_t)size;
    }
    struct slice whole = made_bytes(head, n);
    for (size_t i = 0; i < count; i++) made_bytes(parts[i].p, parts[i].n);
    return slice_of(whole.p, n + size);
}

/* An element with this tag, of the slices that follow. */
#define MADE(tag, ...)                                                                                                 \
    made_of(tag, (const struct slice[]){__VA_ARGS__},                                                                  \
            sizeof((const struct slice[]){__VA_ARGS__}) / sizeof(struct slice))
#define SEQUENCE(...) MADE(DER_SEQUENCE, __VA_ARGS__)
#define OID_OF(text)  MADE(DER_OID, BYTES(text))
#define NOTHING       slice_of("", 0)

#endif

/* mask: word by word, and by the vector units where there is enough to do. */
#include "wire/mask.h"

#include "wire/avx2.h"
#include <string.h>

/* The mask as it falls on the byte at `offset` and the seven after it. */
static uint64_t turned(const uint8_t mask[4], uint64_t offset) {
    uint8_t bytes[8];
    uint64_t word;
    for (size_t i = 0; i < 8; i++) bytes[i] = mask[(offset + i) & 3];
    memcpy(&word, bytes, 8);
    return word;
}

static void copy(uint8_t *to, const uint8_t *from, size_t n, uint64_t mask) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= mask;
        memcpy(to + i, &word, 8);
    }
    uint8_t bytes[8];
    memcpy(bytes, &mask, 8);
    for (; i < n; i++) to[i] = from[i] ^ bytes[i & 7];
}

void mask_copy_plain(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset) {
    copy(to, from, n, turned(mask, offset));
}

void mask_copy(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset) {
    uint64_t word = turned(mask, offset);
    size_t done = n >= 64 && avx2_is_there() ? avx2_mask(to, from, n, word) : 0;
    copy(to + done, from + done, n - done, word);
}

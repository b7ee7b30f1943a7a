/* mask: word by word, and by the vector units where there is enough to do. */
#include "wire/mask.h"

#include "wire/avx2.h"
#include <string.h>

/* The mask as it falls on the byte at `offset` and the seven after it. */
static uint64_t turned(const uint8_t mask[4], uint64_t offset) {
    uint32_t half;
    memcpy(&half, mask, 4);
    if (offset & 3) { /* rarely needed, and slow: bytes that were just stored are loaded as a word */
        uint8_t bytes[4];
        for (size_t i = 0; i < 4; i++) bytes[i] = mask[(offset + i) & 3];
        memcpy(&half, bytes, 4);
    }
    return half | (uint64_t)half << 32;
}

/* Copies and masks. A result below 0x80: all bytes were ASCII before. */
static uint8_t copy(uint8_t *to, const uint8_t *from, size_t n, uint64_t mask) {
    uint64_t word, seen = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, from + i, 8);
        seen |= word;
        word ^= mask;
        memcpy(to + i, &word, 8);
    }
    uint8_t bytes[8], rest = 0;
    memcpy(bytes, &mask, 8);
    for (; i < n; i++) {
        rest |= from[i];
        to[i] = from[i] ^ bytes[i & 7];
    }
    return rest | (seen & UINT64_C(0x8080808080808080) ? 0x80 : 0);
}

bool mask_copy_plain(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset) {
    return copy(to, from, n, turned(mask, offset)) < 0x80;
}

bool mask_copy(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset) {
    uint64_t word = turned(mask, offset);
    bool ascii = true;
    size_t done = n >= 64 && avx2_is_there() ? avx2_mask(to, from, n, word, &ascii) : 0;
    return copy(to + done, from + done, n - done, word) < 0x80 && ascii;
}

/* mask: the payload of a client's frames is masked (RFC 6455 5.3). */
#ifndef WIRE_MASK_H
#define WIRE_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies `n` bytes, masked by `mask`; `offset` is the place of the first of them in its payload. `to` may be `from`.
 * True: all of them were ASCII before. */
bool mask_copy(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset);

/* The same without the processor's vector units. */
bool mask_copy_plain(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[4], uint64_t offset);

#endif

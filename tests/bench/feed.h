/* feed: frames made once and sent again and again, so that the load generator costs next to nothing. */
#ifndef BENCH_FEED_H
#define BENCH_FEED_H

#include <stddef.h>
#include <stdint.h>

/* Whole frames, back to back. After the last message the feed goes on with message `again`. */
struct feed {
    char kind[16];
    size_t size;    /* of each message, before compression */
    uint8_t *bytes; /* all frames */
    size_t *ends;   /* where each message ends in `bytes` */
    size_t count;   /* of messages */
    size_t again;
    struct feed *next;
};

/* The feed of messages of `size` bytes:
 *   binary   random bytes
 *   text     printable ASCII
 *   mixed    text of many scripts
 *   json     like ticks of an exchange, not compressed
 *   trade    a trade as an exchange sends it, of 168 bytes, with white space behind it
 *   shared   json, permessage-deflate with context takeover
 *   alone    the same, permessage-deflate, each message by itself
 * Made at the first call, kept for ever; NULL where there is no such kind. No two messages of a feed are the same. */
const struct feed *feed_get(const char *kind, size_t size);

/* Writes the head of an unmasked frame, which takes 10 bytes at most; returns its size. */
size_t feed_head(uint8_t *out, uint8_t first, size_t length);

#endif

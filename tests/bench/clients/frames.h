/* frames: the least of RFC 6455 that a client can do with; for the two floors. No UTF-8, no fragments, no rules kept.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES_HEAD_MAX = 14, FRAMES_TEXT = 0x1, FRAMES_BINARY = 0x2, FRAMES_CLOSE = 0x8 };

/* The size of an unmasked head, 0 where only part of it is there. */
static inline size_t frames_head(const uint8_t *p, size_t n, uint64_t *length) {
    if (n < 2) return 0;
    size_t wide = p[1] < 126 ? 0 : p[1] == 126 ? 2 : 8;
    if (n < 2 + wide) return 0;
    *length = wide ? 0 : p[1];
    for (size_t i = 0; i < wide; i++) *length = *length << 8 | p[2 + i];
    return 2 + wide;
}

static inline uint32_t frames_key(void) {
    static uint32_t seed = 2463534242u;
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^= seed << 5;
}

/* Writes a whole masked frame, FRAMES_HEAD_MAX + n bytes at most; returns its size. */
static inline size_t frames_put(uint8_t *out, uint8_t opcode, const uint8_t *p, size_t n) {
    int wide = n < 126 ? 0 : n <= 0xFFFF ? 2 : 8;
    out[0] = 0x80 | opcode;
    out[1] = 0x80 | (uint8_t)(wide == 0 ? n : wide == 2 ? 126 : 127);
    for (int i = 0; i < wide; i++) out[2 + i] = (uint8_t)(n >> 8 * (wide - 1 - i));
    uint32_t key = frames_key();
    uint64_t key2 = (uint64_t)key << 32 | key, word;
    memcpy(out + 2 + wide, &key, 4);
    uint8_t *to = out + 6 + wide;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, p + i, 8);
        word ^= key2;
        memcpy(to + i, &word, 8);
    }
    for (; i < n; i++) to[i] = p[i] ^ (uint8_t)(key2 >> 8 * (i & 7));
    return (size_t)(to + n - out);
}

/* The request of the opening handshake; the answer is not judged but by its first line. */
static inline size_t frames_request(char *out, size_t room, const char *host, int port, const char *path,
                                    bool deflate) {
    return (size_t)snprintf(out, room,
                            "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                            path, host, port, deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
}

/* The size of the answer's head; 0 where it is not all here, -1 where it says no. `p` has room for one byte more. */
static inline long frames_answer(char *p, size_t n) {
    p[n] = 0;
    char *end = strstr(p, "\r\n\r\n");
    if (!end) return 0;
    return strncmp(p, "HTTP/1.1 101", 12) == 0 ? end + 4 - p : -1;
}

#endif

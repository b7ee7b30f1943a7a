/* digest: SHA-1, SHA-256 and Base64, most of it thin over wolfCrypt. For the handshake (RFC 6455 4.2.2), Basic
 * credentials, records and pinned keys. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/buf.h"

enum { SHA1_SIZE = 20, SHA256_SIZE = 32 };

/* The SHA-1 of `a` followed by `b`. */
void digest_sha1(struct slice a, struct slice b, uint8_t out[SHA1_SIZE]);

void digest_sha256(struct slice in, uint8_t out[SHA256_SIZE]);

/* Writes the Base64 of `in` as a string to `to`, which has DIGEST_BASE64_SIZE(in.n) bytes. */
#define DIGEST_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
void digest_base64_text(char *to, struct slice in);

/* Appends the Base64 of `in` (RFC 4648 4: padded, no line breaks). 0, ERR_FULL or ERR_NOMEM. */
int digest_base64(struct buf *out, struct slice in);

/* Appends the bytes that the Base64 `text` stands for. 0, ERR_SYNTAX, ERR_FULL or ERR_NOMEM. */
int digest_base64_read(struct buf *out, struct slice text);

/* True when `text` is canonical Base64 of exactly `n` bytes. */
bool digest_is_base64_of(struct slice text, size_t n);

#endif

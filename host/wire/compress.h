/* compress: streams of zlib (RFC 1950), gzip (RFC 1952), raw deflate (RFC 1951) and zstd (RFC 8878), in pieces of any
 * size. zstd is that of libzstd.so.1, where the system has it: it is found when it is first asked for. */
#ifndef WIRE_COMPRESS_H
#define WIRE_COMPRESS_H

#include "base/buf.h"
#include <zlib.h>

enum compress_format { COMPRESS_ZLIB, COMPRESS_GZIP, COMPRESS_RAW, COMPRESS_ZSTD, COMPRESS_FORMATS };
extern const char *const compress_names[]; /* "zlib", "gzip", "raw", "zstd"; NULL at the end */

/* One direction of a stream. */
struct compress {
    enum compress_format format;
    bool inflates;
    bool ended;      /* inflating: a stream, member or frame has ended, and no other has begun */
    bool began;      /* inflating: bytes of one have come */
    bool done;       /* deflating: the end was written */
    const char *why; /* what is wrong, for good: a literal or of the library; NULL: nothing */
    z_stream zlib;
    void *zstd; /* of the library; NULL: not zstd */
};

/* Begins to inflate. 0, or ERR_NOMEM, or ERR_SYSTEM with c->why: there is no libzstd. */
int compress_begin_inflating(struct compress *c, enum compress_format format);

/* The same to deflate; `level` is the library's: 0 to 9, of zstd 1 to 19; -1: the usual one. */
int compress_begin_deflating(struct compress *c, enum compress_format format, int level);

/* What was there before the first byte, of which matches may be copied; before anything else, and of COMPRESS_RAW
 * alone. 0, or ERR_NOMEM. */
int compress_set_dictionary(struct compress *c, struct slice dictionary);

/* Appends to `out`, up to its cap, what `in` gives. Several gzip members or zstd frames are one stream. 0, ERR_NOMEM,
 * or ERR_SYNTAX or ERR_FULL (more than `out` may hold) with c->why; after these every call gives them. */
int compress_inflate(struct compress *c, struct slice in, struct buf *out);

/* The same the other way. `flush`: all that was given can be inflated from what is there then. `finish`: it is the
 * end. */
int compress_deflate(struct compress *c, struct slice in, bool flush, bool finish, struct buf *out);

/* Inflating: has all that was begun ended? */
static inline bool compress_is_whole(const struct compress *c) { return c->ended || !c->began; }

void compress_end(struct compress *c);

#endif

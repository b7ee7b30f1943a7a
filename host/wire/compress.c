/* compress: one loop for both libraries: room, a step, until the input is used up. */
#include "wire/compress.h"

#include "base/err.h"
#include "base/library.h"
#include <dlfcn.h>
#include <string.h>

const char *const compress_names[] = {
    [COMPRESS_ZLIB] = "zlib", [COMPRESS_GZIP] = "gzip", [COMPRESS_RAW] = "raw", [COMPRESS_ZSTD] = "zstd", NULL};

enum { ROOM = 16 * 1024 }; /* bytes that a step may write at the least, where the cap allows it */

/* ---- libzstd ---- */

struct zstd_in {
    const void *at;
    size_t size, used;
};
struct zstd_out {
    void *at;
    size_t size, used;
};
enum { ZSTD_CONTINUE, ZSTD_FLUSH, ZSTD_END };                   /* ZSTD_EndDirective */
enum { ZSTD_LEVEL = 100, ZSTD_WINDOW_MOST = 100, WINDOW = 23 }; /* parameters; 8 MiB, as RFC 8878 3.1.1.1.2 asks for */

static struct {
    bool looked, is_there;
    void *(*createDCtx)(void);
    size_t (*freeDCtx)(void *d);
    size_t (*DCtx_setParameter)(void *d, int parameter, int value);
    size_t (*decompressStream)(void *d, struct zstd_out *out, struct zstd_in *in);
    void *(*createCCtx)(void);
    size_t (*freeCCtx)(void *c);
    size_t (*CCtx_setParameter)(void *c, int parameter, int value);
    size_t (*compressStream2)(void *c, struct zstd_out *out, struct zstd_in *in, int directive);
    unsigned (*isError)(size_t code);
    const char *(*getErrorName)(size_t code);
} zstd;

static bool find_zstd(void) {
    if (zstd.looked) return zstd.is_there;
    zstd.looked = true;
    void *library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL);
#define FUNCTION(name)                                                                                                 \
    { "ZSTD_" #name, (void **)&zstd.name }
    const struct library_function wanted[] = {
        FUNCTION(createDCtx), FUNCTION(freeDCtx),    FUNCTION(DCtx_setParameter), FUNCTION(decompressStream),
        FUNCTION(createCCtx), FUNCTION(freeCCtx),    FUNCTION(CCtx_setParameter), FUNCTION(compressStream2),
        FUNCTION(isError),    FUNCTION(getErrorName)};
#undef FUNCTION
    zstd.is_there = library && !library_find(library, wanted, sizeof wanted / sizeof *wanted);
    return zstd.is_there;
}

static int begin_zstd(struct compress *c, int level) {
    if (!find_zstd()) {
        c->why = "zstd needs libzstd (Debian: libzstd1)";
        return ERR_SYSTEM;
    }
    c->zstd = c->inflates ? zstd.createDCtx() : zstd.createCCtx();
    if (!c->zstd) return ERR_NOMEM;
    if (c->inflates) zstd.DCtx_setParameter(c->zstd, ZSTD_WINDOW_MOST, WINDOW);
    if (!c->inflates && level >= 0) zstd.CCtx_setParameter(c->zstd, ZSTD_LEVEL, level);
    return 0;
}

/* ---- both ---- */

/* What zlib calls a format: the size of the window, and what is around the data. */
static int window_of(enum compress_format format) {
    return format == COMPRESS_RAW ? -MAX_WBITS : format == COMPRESS_GZIP ? MAX_WBITS + 16 : MAX_WBITS;
}

int compress_begin_inflating(struct compress *c, enum compress_format format) {
    *c = (struct compress){.format = format, .inflates = true};
    if (format == COMPRESS_ZSTD) return begin_zstd(c, -1);
    return inflateInit2(&c->zlib, window_of(format)) == Z_OK ? 0 : ERR_NOMEM;
}

int compress_begin_deflating(struct compress *c, enum compress_format format, int level) {
    *c = (struct compress){.format = format};
    if (format == COMPRESS_ZSTD) return begin_zstd(c, level);
    int rc = deflateInit2(&c->zlib, level, Z_DEFLATED, window_of(format), 8, Z_DEFAULT_STRATEGY);
    return rc == Z_OK ? 0 : ERR_NOMEM;
}

int compress_set_dictionary(struct compress *c, struct slice dictionary) {
    enum { WINDOW_MOST = 1 << MAX_WBITS }; /* what is before it is out of reach */
    if (dictionary.n > WINDOW_MOST) dictionary = slice_skip(dictionary, dictionary.n - WINDOW_MOST);
    uInt n = (uInt)dictionary.n;
    int rc =
        c->inflates ? inflateSetDictionary(&c->zlib, dictionary.p, n) : deflateSetDictionary(&c->zlib, dictionary.p, n);
    return rc == Z_OK ? 0 : ERR_NOMEM;
}

void compress_end(struct compress *c) {
    if (c->zstd)
        (c->inflates ? zstd.freeDCtx : zstd.freeCCtx)(c->zstd);
    else if (c->zlib.state)
        (c->inflates ? inflateEnd : deflateEnd)(&c->zlib);
    *c = (struct compress){.why = "it has ended"};
}

static int fail(struct compress *c, int rc, const char *why) {
    c->why = why;
    return rc;
}

/* Room for a step, in `*n`; NULL: the cap is reached, or there is no memory. */
static uint8_t *make_room(struct buf *out, size_t *n) {
    *n = out->cap - out->len < ROOM ? out->cap - out->len : ROOM;
    return *n ? buf_reserve(out, *n) : NULL;
}

/* ---- inflating ---- */

/* What one step did: the end of a member or frame. Negative: c->why. */
static int step_zlib(struct compress *c, struct slice *in, uint8_t *to, size_t room, size_t *wrote, bool *ended) {
    c->zlib.next_in = (Bytef *)in->p;
    c->zlib.avail_in = in->n < UINT32_MAX ? (uInt)in->n : UINT32_MAX;
    c->zlib.next_out = to;
    c->zlib.avail_out = (uInt)room;
    size_t before = c->zlib.avail_in;
    int rc = inflate(&c->zlib, Z_NO_FLUSH);
    *in = slice_skip(*in, before - c->zlib.avail_in);
    *wrote = room - c->zlib.avail_out;
    *ended = rc == Z_STREAM_END;
    if (rc == Z_MEM_ERROR) return ERR_NOMEM;
    if (rc == Z_NEED_DICT) return fail(c, ERR_SYNTAX, "it needs a dictionary");
    if (rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR) return 0;
    return fail(c, ERR_SYNTAX, c->zlib.msg ? c->zlib.msg : "it is not compressed in this format");
}

static int step_zstd(struct compress *c, struct slice *in, uint8_t *to, size_t room, size_t *wrote, bool *ended) {
    struct zstd_in from = {in->p, in->n, 0};
    struct zstd_out out = {to, room, 0};
    size_t rc = zstd.decompressStream(c->zstd, &out, &from);
    *in = slice_skip(*in, from.used);
    *wrote = out.used;
    *ended = rc == 0;
    return zstd.isError(rc) ? fail(c, ERR_SYNTAX, zstd.getErrorName(rc)) : 0;
}

/* Behind the end of a member or frame: another one, where the format has several. */
static int begin_again(struct compress *c) {
    c->ended = false;
    if (c->format == COMPRESS_ZSTD) return 0;
    if (c->format != COMPRESS_GZIP) return fail(c, ERR_SYNTAX, "there is something behind its end");
    return inflateReset(&c->zlib) == Z_OK ? 0 : ERR_NOMEM;
}

int compress_inflate(struct compress *c, struct slice in, struct buf *out) {
    if (c->why) return ERR_SYNTAX;
    for (bool full = true; in.n || (full && !c->ended);) {
        size_t room, wrote = 0, before = in.n;
        int rc = c->ended ? begin_again(c) : 0;
        uint8_t *to = make_room(out, &room), probe; /* of one byte more than there may be */
        if (rc < 0 || (!to && room)) return rc < 0 ? rc : ERR_NOMEM;
        bool ended = false;
        rc = (c->zstd ? step_zstd : step_zlib)(c, &in, room ? to : &probe, room ? room : 1, &wrote, &ended);
        if (rc < 0) return rc;
        if (!room && wrote) return fail(c, ERR_FULL, "it inflates to more than is allowed (max)");
        buf_commit(out, wrote);
        c->began = true;
        c->ended = ended;
        full = wrote == room && room > 0;
        if (wrote == 0 && in.n == before && !ended) break; /* it needs more */
    }
    return 0;
}

/* ---- deflating ---- */

static int deflate_zlib(struct compress *c, struct slice *in, int flush, uint8_t *to, size_t room, size_t *wrote,
                        bool *over) {
    c->zlib.next_in = (Bytef *)in->p;
    c->zlib.avail_in = in->n < UINT32_MAX ? (uInt)in->n : UINT32_MAX;
    c->zlib.next_out = to;
    c->zlib.avail_out = (uInt)room;
    size_t before = c->zlib.avail_in;
    int rc = deflate(&c->zlib, flush);
    *in = slice_skip(*in, before - c->zlib.avail_in);
    *wrote = room - c->zlib.avail_out;
    *over = in->n == 0 && (flush == Z_FINISH ? rc == Z_STREAM_END : c->zlib.avail_out > 0);
    return rc == Z_STREAM_ERROR ? fail(c, ERR_SYNTAX, "the stream is broken") : 0;
}

static int deflate_zstd(struct compress *c, struct slice *in, int directive, uint8_t *to, size_t room, size_t *wrote,
                        bool *over) {
    struct zstd_in from = {in->p, in->n, 0};
    struct zstd_out out = {to, room, 0};
    size_t rc = zstd.compressStream2(c->zstd, &out, &from, directive);
    *in = slice_skip(*in, from.used);
    *wrote = out.used;
    *over = in->n == 0 && (directive == ZSTD_CONTINUE || rc == 0);
    return zstd.isError(rc) ? fail(c, ERR_SYNTAX, zstd.getErrorName(rc)) : 0;
}

int compress_deflate(struct compress *c, struct slice in, bool flush, bool finish, struct buf *out) {
    if (c->why) return ERR_SYNTAX;
    if (c->done) return fail(c, ERR_SYNTAX, "it was finished");
    int how = c->zstd ? (finish  ? ZSTD_END
                         : flush ? ZSTD_FLUSH
                                 : ZSTD_CONTINUE)
                      : (finish  ? Z_FINISH
                         : flush ? Z_SYNC_FLUSH
                                 : Z_NO_FLUSH);
    for (bool over = false; !over;) {
        size_t room, wrote = 0;
        uint8_t *to = make_room(out, &room);
        if (!to) return room ? ERR_NOMEM : fail(c, ERR_FULL, "it deflates to more than is allowed");
        int rc = (c->zstd ? deflate_zstd : deflate_zlib)(c, &in, how, to, room, &wrote, &over);
        if (rc < 0) return rc;
        buf_commit(out, wrote);
    }
    c->done = finish;
    return 0;
}

/* Arbitrary bytes as a compressed stream of each format: what comes out stays within the cap, is the same however the
 * bytes are cut, and what is refused is refused by a word and for good. Then the same bytes as data to compress, as
 * several members of one stream where the format has them, or behind a dictionary: the other side has them back. */
#include "base/err.h"
#include "fuzz.h"
#include "wire/compress.h"

enum { MEMBERS = 3, ROOM = 1 << 20 };

static bool has_members(enum compress_format f) { return f == COMPRESS_GZIP || f == COMPRESS_ZSTD; }

/* Of a stream that fails, each later call does. */
static void stays_failed(struct compress *c, struct buf *out) {
    size_t before = out->len;
    MUST(c->why);
    MUST(compress_inflate(c, slice_of("x", 1), out) == ERR_SYNTAX);
    MUST(c->why && out->len == before);
}

/* Inflates `in`, cut into pieces of these sizes in turn (0: whole). */
static int inflate_cut(enum compress_format format, struct slice in, uint8_t size, struct buf *out, bool *whole) {
    struct compress c;
    int rc = compress_begin_inflating(&c, format);
    MUST(rc == 0);
    for (struct slice part; in.n && rc == 0; in = slice_skip(in, part.n)) {
        part = size ? slice_head(in, size) : in;
        rc = compress_inflate(&c, part, out);
        MUST(out->len <= out->cap);
        MUST(rc == 0 || rc == ERR_SYNTAX || rc == ERR_FULL);
    }
    if (rc < 0) stays_failed(&c, out);
    *whole = rc == 0 && compress_is_whole(&c);
    compress_end(&c);
    return rc;
}

/* Where a bomb reaches the cap, both have it full; what is wrong behind that, only one of them may have seen. */
static void inflate_anything(enum compress_format format, struct slice in, uint8_t size, size_t cap) {
    struct buf at_once, cut;
    bool whole[2];
    buf_init(&at_once, cap);
    buf_init(&cut, cap);
    int rc = inflate_cut(format, in, 0, &at_once, &whole[0]);
    int rc_cut = inflate_cut(format, in, size, &cut, &whole[1]);
    if (rc == 0 && rc_cut == 0) MUST(whole[0] == whole[1]);
    if (rc == 0) MUST(rc_cut == 0 && slice_eq(buf_slice(&at_once), buf_slice(&cut)));
    if (rc == ERR_FULL) MUST(rc_cut == ERR_FULL && at_once.len == cap && cut.len == cap);
    buf_clear(&at_once);
    buf_clear(&cut);
}

/* Appends a member, or frame, that holds `data`, which is given in two pieces. */
static void put_member(enum compress_format format, int level, struct slice data, bool flush, struct buf *out) {
    struct compress c;
    struct slice half = slice_head(data, data.n / 2);
    MUST(compress_begin_deflating(&c, format, level) == 0);
    MUST(compress_deflate(&c, half, flush, false, out) == 0);
    MUST(compress_deflate(&c, slice_skip(data, half.n), false, true, out) == 0);
    MUST(compress_deflate(&c, data, false, true, out) == ERR_SYNTAX && c.why);
    compress_end(&c);
}

static void there_and_back(enum compress_format format, struct slice data, uint8_t size, uint8_t how) {
    struct buf shorter, expected, back;
    bool whole;
    buf_init(&shorter, ROOM);
    buf_init(&expected, ROOM);
    for (int i = 0; i < (has_members(format) ? 1 + how % MEMBERS : 1); i++) {
        put_member(format, how % 10, data, how & 1, &shorter);
        MUST(buf_append(&expected, data) == 0);
    }
    buf_init(&back, expected.len);
    MUST(inflate_cut(format, buf_slice(&shorter), size, &back, &whole) == 0);
    MUST(whole && slice_eq(buf_slice(&back), buf_slice(&expected)));
    if (expected.len) {
        buf_clear(&back);
        buf_init(&back, expected.len - 1);
        MUST(inflate_cut(format, buf_slice(&shorter), size, &back, &whole) == ERR_FULL);
    }
    buf_clear(&back);
    buf_clear(&expected);
    buf_clear(&shorter);
}

/* Inflates with what was there before. */
static int inflate_after(struct slice dictionary, struct slice in, struct buf *out) {
    struct compress c;
    MUST(compress_begin_inflating(&c, COMPRESS_RAW) == 0);
    MUST(compress_set_dictionary(&c, dictionary) == 0);
    int rc = compress_inflate(&c, in, out);
    MUST(rc == 0 || rc == ERR_SYNTAX || rc == ERR_FULL);
    compress_end(&c);
    return rc;
}

/* The first bytes are there before the others are deflated. */
static void with_a_dictionary(struct slice in, uint8_t how) {
    struct slice dictionary = slice_head(in, how), data = slice_skip(in, dictionary.n);
    struct compress c;
    struct buf shorter, back;
    buf_init(&shorter, ROOM);
    buf_init(&back, ROOM);
    MUST(compress_begin_deflating(&c, COMPRESS_RAW, how % 10) == 0);
    MUST(compress_set_dictionary(&c, dictionary) == 0);
    MUST(compress_deflate(&c, data, false, true, &shorter) == 0);
    compress_end(&c);
    MUST(inflate_after(dictionary, buf_slice(&shorter), &back) == 0 && slice_eq(buf_slice(&back), data));
    buf_clear(&back);
    buf_init(&back, 1 + (size_t)how * 256);
    inflate_after(dictionary, data, &back);
    buf_clear(&back);
    buf_clear(&shorter);
}

/* There may be no libzstd here. */
static bool is_there(enum compress_format format) {
    struct compress c;
    int rc = compress_begin_inflating(&c, format);
    MUST(rc == 0 || (rc == ERR_SYSTEM && c.why));
    compress_end(&c);
    return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    enum compress_format format = take_byte(&in) % COMPRESS_FORMATS;
    uint8_t cut = take_byte(&in), how = take_byte(&in);
    if (!is_there(format)) return 0;
    inflate_anything(format, in, cut, 1 + (size_t)how * 256);
    there_and_back(format, in, cut, how);
    if (format == COMPRESS_RAW) with_a_dictionary(in, how);
    return 0;
}

/* buf: bytes that grow up to a cap they are born with. Taking bytes off the front moves nothing until their space is
 * needed again. A length announced by a peer is compared with the cap, never handed to malloc. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

struct buf {
    uint8_t *base; /* the allocation, or NULL */
    size_t size;   /* of the allocation */
    size_t start;  /* the content is base[start .. start + len) */
    size_t len;
    size_t cap; /* len never passes this */
};

/* An empty buffer for up to `cap` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t cap);

/* Gives the memory back; the cap stays and the buffer may be used again. */
void buf_clear(struct buf *b);

/* Forgets the bytes, keeps up to `keep` bytes of memory for the next ones. */
void buf_reset(struct buf *b, size_t keep);

static inline struct slice buf_slice(const struct buf *b) {
    return slice_of(b->base ? b->base + b->start : NULL, b->len);
}
static inline bool buf_fits(const struct buf *b, size_t n) { return n <= b->cap && b->len <= b->cap - n; }

/* Makes room for `n` more bytes and returns where they go, or NULL (past the cap, or no memory: buf_fits tells which).
 * The caller writes at most `n` there, then says how many with buf_commit. */
uint8_t *buf_reserve(struct buf *b, size_t n);
static inline void buf_commit(struct buf *b, size_t n) {
    err_must(n <= b->size - b->start - b->len);
    b->len += n;
}

/* Makes room for `n` bytes in all, with `before` free bytes in front of them and one behind, so that another owner can
 * take over the allocation as it is. The buffer is empty, or was given such room before. 0, ERR_FULL or ERR_NOMEM. */
int buf_make_room(struct buf *b, size_t before, size_t n);

/* Adds a copy of `s`. 0, ERR_FULL (past the cap) or ERR_NOMEM; all of it or nothing. */
int buf_append(struct buf *b, struct slice s);

/* The same for one byte. */
static inline int buf_append_byte(struct buf *b, uint8_t byte) {
    if (b->len == b->cap || b->start + b->len >= b->size) return buf_append(b, slice_of(&byte, 1));
    b->base[b->start + b->len++] = byte;
    return 0;
}

/* Adds what printf would print. 0, ERR_FULL or ERR_NOMEM. */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops `n` bytes, at most `len`, from the front. */
void buf_consume(struct buf *b, size_t n);

/* Exchanges the contents of two buffers; each keeps its own cap. */
void buf_swap(struct buf *a, struct buf *b);

#endif

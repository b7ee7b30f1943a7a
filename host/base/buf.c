/* buf: capped bytes. Grows by doubling, so appending is linear in what is appended. */
#include "base/buf.h"

#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST = 256 };

void buf_init(struct buf *b, size_t cap) { *b = (struct buf){.cap = cap}; }

void buf_clear(struct buf *b) {
    free(b->base);
    buf_init(b, b->cap);
}

void buf_reset(struct buf *b, size_t keep) {
    if (b->size > keep) {
        buf_clear(b);
        return;
    }
    b->start = b->len = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t n) {
    if (!buf_fits(b, n)) return NULL;
    if (b->size - b->start - b->len >= n && b->base) return b->base + b->start + b->len;
    if (b->base && b->size - b->len >= n &&
        b->start >= b->len) { /* moving is cheaper than growing, and pays for itself */
        memmove(b->base, b->base + b->start, b->len);
        b->start = 0;
        return b->base + b->len;
    }
    size_t need = b->len + n, size = b->size > BUF_FIRST ? b->size : BUF_FIRST;
    while (size < need) size = size > SIZE_MAX / 2 ? need : size * 2;
    if (size > b->cap && need <= b->cap) size = b->cap;
    uint8_t *base = malloc(size);
    if (!base) return NULL;
    if (b->len) memcpy(base, b->base + b->start, b->len);
    free(b->base);
    b->base = base;
    b->size = size;
    b->start = 0;
    return base + b->len;
}

int buf_make_room(struct buf *b, size_t before, size_t n) {
    if (n > b->cap || n > SIZE_MAX - before - 1) return ERR_FULL;
    if (b->len == 0) buf_clear(b); /* nothing is worth moving */
    uint8_t *base = realloc(b->base, before + n + 1);
    if (!base) return ERR_NOMEM;
    b->base = base;
    b->size = before + n + 1;
    b->start = before;
    return 0;
}

int buf_append(struct buf *b, struct slice s) {
    if (s.n == 0) return 0;
    uint8_t *to = buf_reserve(b, s.n);
    if (!to) return buf_fits(b, s.n) ? ERR_NOMEM : ERR_FULL;
    memcpy(to, s.p, s.n);
    b->len += s.n;
    return 0;
}

int buf_printf(struct buf *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = number_vprint(NULL, 0, format, args);
    va_end(args);
    uint8_t *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1); /* it writes a NUL behind */
    if (to) {
        number_vprint((char *)to, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    if (to) return 0;
    return n < 0 || buf_fits(b, (size_t)n + 1) ? ERR_NOMEM : ERR_FULL;
}

void buf_consume(struct buf *b, size_t n) {
    err_must(n <= b->len);
    b->start += n;
    b->len -= n;
    if (b->len == 0) b->start = 0;
}

void buf_swap(struct buf *a, struct buf *b) {
    struct buf t = *a;
    size_t cap = b->cap;
    *a = *b;
    a->cap = t.cap;
    *b = t;
    b->cap = cap;
}

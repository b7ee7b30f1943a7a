/* der: one head after the other; nothing is copied. */
#include "wire/der.h"

enum { LENGTH_BYTES = 4 };

bool der_take(struct slice *in, struct der *out) {
    if (in->n < 2 || (in->p[0] & 0x1F) == 0x1F) return false;
    size_t head = 2, size = in->p[1];
    if (size & 0x80) { /* so many bytes of length follow */
        size_t bytes = size & 0x7F;
        if (bytes == 0 || bytes > LENGTH_BYTES || in->n < 2 + bytes || in->p[2] == 0) return false;
        for (size = 0; head < 2 + bytes; head++) size = size << 8 | in->p[head];
        if (size < 0x80) return false;
    }
    if (in->n - head < size) return false;
    struct slice whole = slice_head(*in, head + size);
    *in = slice_skip(*in, head + size); /* which may be out->body */
    *out = (struct der){.tag = whole.p[0], .whole = whole, .body = slice_skip(whole, head)};
    return true;
}

bool der_take_tag(struct slice *in, uint8_t tag, struct der *out) {
    return in->n && in->p[0] == tag && der_take(in, out);
}

bool der_small_integer(struct slice body, int *n) {
    if (body.n == 0 || body.n > 4 || body.p[0] & 0x80) return false;
    if (body.n > 1 && body.p[0] == 0 && !(body.p[1] & 0x80)) return false;
    *n = 0;
    for (size_t i = 0; i < body.n; i++) *n = *n << 8 | body.p[i];
    return true;
}

bool der_boolean(struct slice body, bool *yes) {
    if (body.n != 1 || (body.p[0] != 0 && body.p[0] != 0xFF)) return false;
    *yes = body.p[0];
    return true;
}

bool der_bits(struct slice body, struct slice *bits) {
    if (body.n == 0 || body.p[0] > 7 || (body.n == 1 && body.p[0])) return false;
    *bits = slice_skip(body, 1);
    if (body.p[0] && bits->p[bits->n - 1] & ((1 << body.p[0]) - 1)) return false; /* X.690 11.2.1 */
    return true;
}

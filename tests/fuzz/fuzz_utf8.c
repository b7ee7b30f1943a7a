/* The validator says what a plain reading of RFC 3629 says, wherever the text is cut. */
#include "fuzz.h"
#include "wire/utf8.h"

static bool plainly_valid(struct slice s) {
    for (size_t i = 0; i < s.n;) {
        uint8_t c = s.p[i];
        size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
        if (n == 0 || i + n > s.n) return false;
        uint32_t code = n == 1 ? c : c & (0xFF >> (n + 1));
        for (size_t k = 1; k < n; k++) {
            if (s.p[i + k] >> 6 != 2) return false;
            code = code << 6 | (s.p[i + k] & 0x3F);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
        i += n;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    size_t step = 1 + take_byte(&in) % 9;
    bool plain = plainly_valid(in);
    MUST(utf8_valid(in) == plain);
    uint8_t far[256]; /* the same behind and before so much that the vector units look at it, at any place in theirs */
    size_t shift = step * 7 % 64;
    if (in.n <= 96) {
        memset(far, 'x', sizeof far);
        if (in.n) memcpy(far + 64 + shift, in.p, in.n);
        MUST(utf8_valid(slice_of(far, sizeof far)) == plain);
        MUST(utf8_valid(slice_of(far, 64 + shift + in.n)) == plain);
    }
    struct utf8 u = {0};
    bool ok = true;
    while (in.n && ok) {
        ok = utf8_step(&u, slice_head(in, step));
        in = slice_skip(in, slice_head(in, step).n);
    }
    MUST((ok && utf8_whole(&u)) == plain);
    return 0;
}

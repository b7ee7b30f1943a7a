/* utf8: long texts are looked at by the processor's vector units, where it has those. The rest skips ASCII eight bytes
 * at a time, and judges what remains by the table of RFC 3629 section 4, which also rules out overlong forms,
 * surrogates and what lies above U+10FFFF. */
#include "wire/utf8.h"

#include "wire/avx2.h"

/* Sets what must follow the lead byte `c`; false where `c` can be none. */
static bool lead(struct utf8 *u, uint8_t c) {
    u->lo = 0x80;
    u->hi = 0xBF;
    if (c >= 0xC2 && c <= 0xDF) {
        u->need = 1;
    } else if (c >= 0xE0 && c <= 0xEF) {
        u->need = 2;
        if (c == 0xE0) u->lo = 0xA0; /* else overlong */
        if (c == 0xED) u->hi = 0x9F; /* else a surrogate */
    } else if (c >= 0xF0 && c <= 0xF4) {
        u->need = 3;
        if (c == 0xF0) u->lo = 0x90; /* else overlong */
        if (c == 0xF4) u->hi = 0x8F; /* else above U+10FFFF */
    } else {
        return false;
    }
    return true;
}

bool utf8_step_plain(struct utf8 *u, struct slice s) {
    if (s.n == 0) return true;
    const uint8_t *p = s.p, *end = s.p + s.n;
    while (p < end) {
        if (u->need) {
            if (*p < u->lo || *p > u->hi) return false;
            u->lo = 0x80;
            u->hi = 0xBF;
            u->need--;
            p++;
            continue;
        }
        while (end - p >= 8) {
            uint64_t word;
            memcpy(&word, p, 8);
            if (word & UINT64_C(0x8080808080808080)) break;
            p += 8;
        }
        while (p < end && *p < 0x80) p++;
        if (p < end && !lead(u, *p++)) return false;
    }
    return true;
}

bool utf8_step(struct utf8 *u, struct slice s) {
    if (s.n >= 128 && avx2_is_there()) {
        struct slice head = slice_head(s, u->need); /* the rest of a character that was cut */
        if (!utf8_step_plain(u, head)) return false;
        s = slice_skip(s, head.n);
        size_t valid = avx2_utf8(s.p, s.n);
        if (valid == SIZE_MAX) return false;
        s = slice_skip(s, valid);
    }
    return utf8_step_plain(u, s);
}

size_t utf8_wrong_at(struct slice s) {
    enum { BLOCK = 4096 }; /* bytes that are validated at once, and byte by byte where that fails */
    struct utf8 u = {0}, before = u;
    size_t at = 0;
    for (struct slice part; at < s.n && (part = slice_head(slice_skip(s, at), BLOCK), utf8_step(&u, part));
         at += part.n)
        before = u;
    while (at < s.n && utf8_step_plain(&before, slice_of(s.p + at, 1))) at++;
    return at;
}

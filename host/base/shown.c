/* shown: character by character; what is harmless goes through in runs. */
#include "base/shown.h"

enum { ESCAPE_SIZE = 16 }; /* of the longest escape, with a NUL */

size_t shown_character(struct slice s, uint32_t *code) {
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n == 0 || n > s.n) return 0;
    *code = n == 1 ? c : c & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xC0) != 0x80) return 0;
        *code = *code << 6 | (s.p[i] & 0x3F);
    }
    if ((n == 3 && *code < 0x800) || (*code >= 0xD800 && *code <= 0xDFFF)) return 0;
    return n == 4 && (*code < 0x10000 || *code > 0x10FFFF) ? 0 : n;
}

bool shown_is_harmless(uint32_t code) {
    if (code < 0x80) return code >= ' ' && code != 0x7F;
    return code >= 0xA0 && code != 0x061C && code != 0x200E && code != 0x200F && !(code >= 0x2028 && code <= 0x202E) &&
           !(code >= 0x2066 && code <= 0x2069);
}

/* How many bytes of control characters at the front of `s` stay as they are. */
static size_t kept(struct slice s, unsigned keep) {
    static const char heading[] = "\nstack traceback:\n\t";
    uint8_t c = s.p[0];
    if ((c == '\t' && keep & SHOWN_TABS) || (c == '\n' && keep & SHOWN_LINES)) return 1;
    if (c != '\n' || !(keep & SHOWN_TRACEBACK)) return 0;
    if (s.n > 1 && s.p[1] == '\t') return 2;
    return slice_eq(slice_head(s, sizeof heading - 1), slice_str(heading)) ? sizeof heading - 1 : 0;
}

/* How many bytes at the front of `s` stay; 0: they are to be escaped. */
static size_t harmless(struct slice s, unsigned keep) {
    uint32_t code;
    size_t n = shown_character(s, &code);
    return n && shown_is_harmless(code) ? n : kept(s, keep);
}

/* Writes the escape of what stands at the front of `s`. Returns how many bytes it stands for. */
static size_t escape(char text[ESCAPE_SIZE], struct slice s) {
    uint32_t code;
    size_t n = shown_character(s, &code);
    if (n > 1)
        snprintf(text, ESCAPE_SIZE, "\\u{%x}", (unsigned)code);
    else if (s.p[0] == '\n' || s.p[0] == '\r' || s.p[0] == '\t')
        snprintf(text, ESCAPE_SIZE, "\\%c", s.p[0] == '\n' ? 'n' : s.p[0] == '\r' ? 'r' : 't');
    else
        snprintf(text, ESCAPE_SIZE, "\\x%02x", s.p[0]);
    return n > 1 ? n : 1;
}

void shown_append(struct buf *out, struct slice text, unsigned keep) {
    while (text.n) {
        char escaped[ESCAPE_SIZE];
        size_t run = 0, n;
        while (run < text.n && (n = harmless(slice_skip(text, run), keep))) run += n;
        buf_append(out, slice_head(text, run));
        text = slice_skip(text, run);
        if (text.n == 0) return;
        n = escape(escaped, text);
        buf_append(out, slice_str(escaped));
        text = slice_skip(text, n);
    }
}

void shown_write(FILE *to, struct slice text, unsigned keep) {
    struct buf shown;
    buf_init(&shown, SIZE_MAX);
    shown_append(&shown, text, keep);
    if (shown.len) fwrite(buf_slice(&shown).p, 1, shown.len, to);
    buf_clear(&shown);
}

void shown_copy(char *to, size_t size, struct slice text, unsigned keep) {
    size_t at = 0;
    while (text.n) {
        char escaped[ESCAPE_SIZE];
        struct slice part = slice_head(text, harmless(text, keep));
        size_t n = part.n ? part.n : escape(escaped, text);
        if (part.n == 0) part = slice_str(escaped);
        if (part.n >= size - at) break;
        memcpy(to + at, part.p, part.n);
        at += part.n;
        text = slice_skip(text, n);
    }
    to[at] = '\0';
}

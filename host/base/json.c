/* json: escapes what must be, and nothing else. */
#include "base/json.h"

/* How many bytes at the front of `s` are one character of UTF-8; 0: none. */
static size_t character(struct slice s) {
    uint8_t c = s.p[0];
    size_t n = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;
    if (n > s.n) return 0;
    for (size_t i = 1; i < n; i++)
        if ((s.p[i] & 0xC0) != 0x80) return 0;
    if ((c == 0xE0 && s.p[1] < 0xA0) || (c == 0xED && s.p[1] > 0x9F)) return 0;
    if ((c == 0xF0 && s.p[1] < 0x90) || (c == 0xF4 && s.p[1] > 0x8F)) return 0;
    return n;
}

void json_string(struct buf *out, struct slice text) {
    buf_append(out, slice_str("\""));
    while (text.n) {
        size_t n = character(text);
        uint8_t c = text.p[0];
        if (n == 0)
            buf_append(out, slice_str("\xEF\xBF\xBD"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\t')
            buf_printf(out, "\\%c", c == '\n' ? 'n' : 't');
        else if (c < ' ')
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, slice_head(text, n));
        text = slice_skip(text, n ? n : 1);
    }
    buf_append(out, slice_str("\""));
}

/* json: escapes what must be, and what may not be shown. */
#include "base/json.h"

#include "base/shown.h"

void json_string(struct buf *out, struct slice text) {
    buf_append(out, slice_str("\""));
    while (text.n) {
        uint32_t code = 0;
        size_t n = shown_character(text, &code);
        uint8_t c = text.p[0];
        if (n == 0)
            buf_append(out, slice_str("\xEF\xBF\xBD"));
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n' || c == '\t')
            buf_printf(out, "\\%c", c == '\n' ? 'n' : 't');
        else if (!shown_is_harmless(code))
            buf_printf(out, "\\u%04x", (unsigned)code); /* all of these are below U+10000 */
        else
            buf_append(out, slice_head(text, n));
        text = slice_skip(text, n ? n : 1);
    }
    buf_append(out, slice_str("\""));
}

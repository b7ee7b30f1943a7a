/* A flame graph of any bytes is well-formed XML: each tag that opens is closed in its turn, and text is escaped. */
#include "base/flame.h"
#include "base/shown.h"
#include "fuzz.h"
#include <string.h>

enum { NESTED = 8 };

/* The name of the tag at the front of `s`, which is behind its '<'. */
static struct slice tag_name(struct slice s) {
    size_t n = 0;
    while (n < s.n && !strchr(" />\n", s.p[n])) n++;
    return slice_head(s, n);
}

static void check_tags(struct slice xml) {
    struct slice open[NESTED];
    int depth = 0;
    while (xml.n) {
        const uint8_t *at = memchr(xml.p, '<', xml.n);
        if (!at) break;
        xml = slice_skip(xml, (size_t)(at - xml.p) + 1);
        const uint8_t *end = memchr(xml.p, '>', xml.n);
        MUST(end != NULL);
        if (xml.p[0] == '/') {
            MUST(depth > 0 && slice_eq(open[--depth], tag_name(slice_skip(xml, 1))));
        } else if (end[-1] != '/') {
            MUST(depth < NESTED);
            open[depth++] = tag_name(xml);
        }
        xml = slice_skip(xml, (size_t)(end - xml.p) + 1);
    }
    MUST(depth == 0);
}

static void check_text(struct slice xml) {
    for (uint32_t code; xml.n;) {
        size_t n = shown_character(xml, &code);
        MUST(n && (code == '\n' || (shown_is_harmless(code) && code != 0xFFFE && code != 0xFFFF)));
        if (code == '&') MUST(memchr(xml.p, ';', xml.n < 6 ? xml.n : 6));
        xml = slice_skip(xml, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice text = slice_of(data, size), title = slice_head(text, size % 16);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    MUST(flame_draw(&out, text, title) == 0);
    check_tags(buf_slice(&out));
    check_text(buf_slice(&out));
    buf_clear(&out);
    return 0;
}

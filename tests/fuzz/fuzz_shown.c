/* What is shown of any bytes is harmless, and does not change when it is shown again; what is left out of any address
 * leaves something that is as harmless: what is kept (a byte), then the text. */
#include "base/json_write.h"
#include "base/shown.h"
#include "fuzz.h"
#include "wire/secret.h"

static void check_shown(struct slice text, unsigned keep) {
    struct buf once, again, json;
    buf_init(&once, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    buf_init(&json, SIZE_MAX);
    shown_append(&once, text, keep);
    for (struct slice s = buf_slice(&once); s.n;) {
        uint32_t code;
        size_t n = shown_character(s, &code);
        MUST(n && (shown_is_harmless(code) || (keep && (code == '\n' || code == '\t'))));
        s = slice_skip(s, n);
    }
    shown_append(&again, buf_slice(&once), keep);
    MUST(slice_eq(buf_slice(&once), buf_slice(&again)));
    json_put_shown(&json, text);
    buf_reset(&again, SIZE_MAX);
    shown_append(&again, buf_slice(&json), 0);
    MUST(slice_eq(buf_slice(&json), buf_slice(&again)));
    buf_clear(&once);
    buf_clear(&again);
    buf_clear(&json);
}

static void check_secrets(struct slice text) {
    struct buf address, all;
    char shown[SECRET_SHOWN_SIZE];
    buf_init(&address, SIZE_MAX);
    buf_init(&all, SIZE_MAX);
    secret_put_address(&address, text, &secret_for_people);
    MUST(!strpbrk(secret_shown(text, shown), "?#"));
    secret_put_address(&all, text, NULL);
    MUST(slice_eq(buf_slice(&all), text));
    secret_put_protocols(&all, text, &secret_in_records);
    buf_clear(&address);
    buf_clear(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice text = slice_of(data, size);
    unsigned keep = take_byte(&text) & (SHOWN_TABS | SHOWN_LINES | SHOWN_TRACEBACK);
    check_shown(text, keep);
    check_secrets(text);
    return 0;
}

/* A text of any bytes is read within its bounds; where it is JSON, what is written of its strings and numbers is read
 * as the same. */
#include "base/err.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "fuzz.h"
#include <math.h>

static void write_string(const uint8_t *p, const uint8_t *close) {
    struct json_fault fault = {0};
    struct buf text, written, again;
    bool escapes;
    buf_init(&text, SIZE_MAX);
    buf_init(&written, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    int rc = json_unescape(&text, p, close, &fault);
    MUST(rc == 0 || (rc == ERR_SYNTAX && fault.why && fault.at >= p && fault.at <= close));
    if (rc == 0) {
        MUST(json_put_string(&written, buf_slice(&text)) == 0 && buf_append(&written, slice_of("", 1)) == 0);
        const uint8_t *from = buf_slice(&written).p, *end = from + written.len - 1;
        MUST(json_string_end(from + 1, end, &escapes, &fault) == end - 1);
        MUST(json_unescape(&again, from + 1, end - 1, &fault) == 0);
        MUST(slice_eq(buf_slice(&again), buf_slice(&text)));
    }
    buf_clear(&text);
    buf_clear(&written);
    buf_clear(&again);
}

static void write_number(const struct json_number *n) {
    struct json_fault fault = {0};
    struct json_number again;
    struct buf written;
    if (!n->is_integer && !isfinite(n->real)) return;
    buf_init(&written, SIZE_MAX);
    MUST((n->is_integer ? json_put_integer(&written, n->integer) : json_put_real(&written, n->real)) == 0);
    MUST(buf_append(&written, slice_of("", 1)) == 0);
    MUST(json_number(buf_slice(&written).p, &again, &fault) == buf_slice(&written).p + written.len - 1);
    if (again.is_integer)
        MUST(n->is_integer ? again.integer == n->integer : (double)again.integer == n->real);
    else
        MUST(!n->is_integer && again.real == n->real);
    buf_clear(&written);
}

/* Of a text that is JSON, each string and number. */
static void write_each(const uint8_t *p, const uint8_t *end) {
    struct json_fault fault = {0};
    struct json_number number;
    bool escapes;
    while (p < end) {
        if (*p == '"') {
            const uint8_t *close = json_string_end(p + 1, end, &escapes, &fault);
            MUST(close);
            write_string(p + 1, close);
            p = close + 1;
        } else if (*p == '-' || (uint8_t)(*p - '0') <= 9) {
            const uint8_t *from = p;
            p = json_number(p, &number, &fault);
            MUST(p);
            write_number(&number);
            if (!number.is_integer) json_number_loses(from, p, number.real);
        } else {
            p++;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_fault fault = {0};
    uint8_t *text = malloc(size + 1);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    const uint8_t *end = text + size, *p = json_skip(json_space(text), end, &fault);
    MUST(p ? p <= end && p > text : fault.why && fault.at >= text && fault.at <= end);
    if (p) write_each(text, p);
    free(text);
    return 0;
}

/* A jar: whatever servers set, it stays small, and what it sends is what one line of a request may have. */
#include "fuzz.h"
#include "wire/cookie.h"
#include "wire/http1.h"

static struct cookie_place place(unsigned which) {
    static const char *const hosts[] = {"example.org", "a.example.org", "127.0.0.1", "org"};
    static const char *const targets[] = {"/", "/a/b?c=/d", "/a", "?"};
    return (struct cookie_place){
        .host = slice_str(hosts[which & 3]), .target = slice_str(targets[which >> 2 & 3]), .secure = which >> 4 & 1};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size), line;
    struct cookie_jar jar = {0};
    struct buf out;
    buf_init(&out, 1 << 20);
    for (int64_t now = 0; slice_split(&in, '\n', &line); now++) {
        if (!line.n || !http1_is_value(slice_skip(line, 1))) continue;
        struct cookie_place from = place(line.p[0]), to = place(line.p[0] >> 3);
        cookie_jar_take(&jar, slice_skip(line, 1), &from, now);
        MUST(jar.count <= COOKIES_MAX * 4);
        buf_reset(&out, SIZE_MAX);
        MUST(cookie_jar_write(&jar, &to, now, &out) == 0);
        MUST(out.len <= COOKIES_SIZE_MAX);
        MUST(http1_is_value(buf_slice(&out)));
    }
    cookie_jar_clear(&jar);
    buf_clear(&out);
    return 0;
}

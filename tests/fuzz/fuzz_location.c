/* A Location leads to an address that a request can be made of, or is refused: base, newline, Location. */
#include "fuzz.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice location = slice_of(data, size), text;
    struct url base, url;
    struct fault fault = {0};
    if (!slice_split(&location, '\n', &text) || url_parse(text, &base, &fault) != 0) return 0;
    fault = (struct fault){0};
    int rc = url_resolve(&base, location, &url, &fault);
    MUST(rc == 0 || (fault_set(&fault) && !url.host));
    if (rc == 0) {
        MUST(url.host[0] && url.port && url.target[0] == '/');
        for (const char *p = url.target; *p; p++) MUST(*p > ' ' && *p < 0x7F);
        MUST(url_same_origin(&url, &url));
        url_clear(&url);
    }
    url_clear(&base);
    return 0;
}

/* A proxy's answers: the first byte chooses its kind, and then how its words are cut. However they are cut, the way
 * ends at the same place, and what is kept of them stays within a head. */
#include "fuzz.h"
#include "wire/http1.h"
#include "wire/proxy.h"

static const char *const addresses[] = {"http://proxy", "https://me:pw@proxy", "socks5://proxy",
                                        "socks5h://me:pw@proxy"};

/* Plays it in parts of at most `most` bytes; what was said meanwhile is dropped. */
static enum proxy_state play(const struct url *at, struct slice in, size_t most) {
    struct proxy p;
    enum proxy_step step = PROXY_MORE;
    proxy_init(&p, at, "example.org", 443);
    MUST(p.out.len > 0);
    while (in.n && step == PROXY_MORE) {
        struct slice part = slice_head(in, most);
        in = slice_skip(in, part.n);
        step = proxy_step(&p, part);
        MUST(p.in.len <= HTTP1_HEAD_MAX && p.out.len <= HTTP1_HEAD_MAX);
    }
    MUST((step == PROXY_FAILED) == fault_set(&p.fault));
    MUST((step == PROXY_DONE) == (p.state == PROXY_THROUGH));
    enum proxy_state state = p.state;
    proxy_clear(&p);
    return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    uint8_t choice = take_byte(&in);
    struct url at;
    struct fault fault = {0};
    MUST(url_parse_proxy(slice_str(addresses[choice & 3]), &at, &fault) == 0);
    enum proxy_state slowly = play(&at, in, 1), cut = play(&at, in, 1 + (choice >> 2)), whole = play(&at, in, SIZE_MAX);
    /* What comes too early shows when it is read together; bytewise the end may come before it. */
    MUST(whole == slowly || (whole == PROXY_REFUSED && slowly != PROXY_CONNECT));
    MUST(cut == slowly || (cut == PROXY_REFUSED && slowly != PROXY_CONNECT));
    url_clear(&at);
    return 0;
}

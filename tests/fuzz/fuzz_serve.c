/* A request to a web server, in any cut: judged the same however it comes, its body found to end at one place, and
 * answered or refused. */
#include "fuzz.h"
#include "wire/serve.h"

enum { BODY_MOST = 300 };

/* Reads the body in parts of `cut` bytes: what came of it, and how much of `in` it took. */
static int read_body(const struct serve_request *r, struct slice in, size_t cut, struct buf *out, size_t *taken) {
    struct serve_body b;
    struct slice left = in;
    int rc = 0;
    buf_init(out, BODY_MOST);
    serve_body_init(&b, r);
    do {
        struct slice part = slice_head(left, cut);
        size_t had = part.n;
        rc = serve_body_step(&b, &part, out);
        left = slice_skip(left, had - part.n);
    } while (left.n && rc == 0);
    MUST((rc == ERR_SYNTAX) == (b.why != NULL) && out->len <= BODY_MOST);
    *taken = in.n - left.n;
    return rc;
}

static void read_both_ways(const struct serve_request *r, struct slice in, size_t cut) {
    struct buf whole, cut_up;
    size_t taken, taken_cut_up;
    int rc = read_body(r, in, in.n + 1, &whole, &taken), slowly = read_body(r, in, cut, &cut_up, &taken_cut_up);
    MUST(rc == slowly);
    if (rc >= 0) MUST(taken == taken_cut_up && slice_eq(buf_slice(&whole), buf_slice(&cut_up)));
    if (rc == 1 && !r->chunked) MUST(whole.len == r->length);
    buf_clear(&whole);
    buf_clear(&cut_up);
}

static void reply(const struct serve_request *r, unsigned status, const char *why, struct slice text) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    if (status == 0) {
        const struct serve_answer a = {.status = 200 + (unsigned)text.n % 800, .body = text};
        MUST(serve_answer_write(&out, &a, r, (int64_t)text.n * 1000003) == 0);
    } else {
        MUST(why && !r->keeps && serve_refusal_write(&out, status, why, r, 0) == 0);
    }
    size_t scanned = 0;
    MUST(http1_head_size(buf_slice(&out), &scanned) > 0);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct http1_head parts;
    struct slice in = slice_of(data, size);
    struct serve_request r;
    const char *why = NULL;
    size_t cut = (size_t)take_byte(&in) + 1, scanned = 0, n = http1_head_size(in, &scanned);
    if (n == 0) return 0;
    uint8_t *head = malloc(n);
    MUST(head);
    memcpy(head, in.p, n);
    if (http1_request_parse(head, n, &parts, &why) == 0) {
        unsigned status = serve_judge(&parts, &r, &why);
        if (status == 0) MUST(r.path.n > 0 && (r.path.p[0] == '/' || r.path.p[0] == '*'));
        if (status == 0) read_both_ways(&r, slice_skip(in, n), cut);
        reply(&r, status, why, slice_skip(in, n));
    }
    free(head);
    return 0;
}

/* serve: first the head, then the body byte by byte where it is in chunks, then the answer. */
#include "wire/serve.h"

#include "wire/date.h"

/* ---- the head ---- */

static unsigned refuse(unsigned status, const char *text, const char **why) {
    *why = text;
    return status;
}

/* RFC 9112 3.2: "/path?query", a whole address with http:// before the host, or "*". A fragment is never sent. */
static bool read_target(struct slice target, struct serve_request *out) {
    struct slice rest = target;
    if (memchr(target.p, '#', target.n)) return false;
    if (slice_eq_nocase(slice_head(rest, 7), slice_str("http://"))) {
        rest = slice_skip(rest, 7);
        size_t host = 0;
        while (host < rest.n && rest.p[host] != '/' && rest.p[host] != '?') host++;
        if (host == 0) return false;
        rest = slice_skip(rest, host);
    } else if (target.p[0] != '/') {
        out->path = target;
        return slice_eq(target, slice_str("*")) && slice_eq(out->method, slice_str("OPTIONS"));
    }
    const uint8_t *mark = rest.n ? memchr(rest.p, '?', rest.n) : NULL;
    out->path = slice_head(rest, mark ? (size_t)(mark - rest.p) : rest.n);
    out->query = mark ? slice_skip(rest, out->path.n + 1) : slice_of("", 0);
    if (out->path.n == 0) out->path = slice_str("/");
    return true;
}

/* One Host, and nothing in it but a host and a port (RFC 9112 3.2, RFC 3986 3.2.2). */
static bool is_host_right(const struct http1_head *head) {
    size_t count = http1_field_count(head, "Host");
    if (count == 0) return head->minor == 0;
    struct slice host = http1_field_get(head, "Host");
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || strchr("/?#@,\\\"<>", host.p[i])) return false;
    return count == 1;
}

/* Reads a Content-Length: digits alone, and not more of them than any body needs. */
static bool read_length(struct slice text, uint64_t *out) {
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        n = n > UINT64_MAX / 100 ? UINT64_MAX / 10 : n * 10 + (text.p[i] - '0');
    }
    *out = n;
    return text.n > 0;
}

/* Where the body ends (RFC 9112 6.1, 6.3). */
static unsigned judge_framing(const struct http1_head *head, struct serve_request *out, const char **why) {
    size_t codings = http1_field_count(head, "Transfer-Encoding"), lengths = http1_field_count(head, "Content-Length");
    if (codings && lengths) return refuse(400, "both Transfer-Encoding and Content-Length", why);
    if (codings && head->minor == 0) return refuse(400, "Transfer-Encoding in HTTP/1.0", why);
    if (lengths > 1) return refuse(400, "more than one Content-Length", why);
    if (lengths && !read_length(http1_field_get(head, "Content-Length"), &out->length))
        return refuse(400, "a Content-Length that is no number", why);
    if (!codings) return 0;
    out->chunked = codings == 1 && slice_eq_nocase(http1_field_get(head, "Transfer-Encoding"), slice_str("chunked"));
    return out->chunked ? 0 : refuse(501, "a Transfer-Encoding other than chunked", why);
}

static unsigned judge_expectation(const struct http1_head *head, struct serve_request *out, const char **why) {
    struct slice expected = http1_field_get(head, "Expect");
    if (!expected.p || head->minor == 0) return 0;
    out->continues = http1_field_count(head, "Expect") == 1 && slice_eq_nocase(expected, slice_str("100-continue"));
    return out->continues ? 0 : refuse(417, "an Expect other than 100-continue", why);
}

unsigned serve_judge(const struct http1_head *head, struct serve_request *out, const char **why) {
    *out = (struct serve_request){.method = head->method, .query = slice_of("", 0), .is_old = head->minor == 0};
    out->without_body = slice_eq(head->method, slice_str("HEAD"));
    if (!is_host_right(head)) return refuse(400, "Host is missing, wrong, or there twice", why);
    if (slice_eq(head->method, slice_str("CONNECT"))) return refuse(501, "CONNECT is for proxies", why);
    if (!read_target(head->target, out)) return refuse(400, "a target that is neither a path nor an address", why);
    unsigned status = judge_framing(head, out, why);
    if (status == 0) status = judge_expectation(head, out, why);
    if (status) return status;
    out->keeps =
        out->is_old ? http1_list_has(head, "Connection", "keep-alive") : !http1_list_has(head, "Connection", "close");
    return 0;
}

/* ---- the body ---- */

void serve_body_init(struct serve_body *b, const struct serve_request *r) {
    *b = (struct serve_body){.place = r->chunked ? SERVE_SIZE : SERVE_PLAIN, .left = r->length};
    if (!r->chunked && r->length == 0) b->place = SERVE_WHOLE;
}

static int fail(struct serve_body *b, const char *why) {
    b->why = why;
    return ERR_SYNTAX;
}

static int take_content(struct serve_body *b, struct slice *in, struct buf *out) {
    struct slice part = slice_head(*in, b->left < SIZE_MAX ? (size_t)b->left : SIZE_MAX);
    int rc = buf_append(out, part);
    if (rc < 0) return rc;
    *in = slice_skip(*in, part.n);
    b->left -= part.n;
    if (b->left == 0) b->place = b->place == SERVE_PLAIN ? SERVE_WHOLE : SERVE_DATA_CR;
    return 0;
}

static int take_digit(struct serve_body *b, uint8_t c) {
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
    if (digit < 0 && b->place == SERVE_SIZE) return fail(b, "a chunk without its size");
    if (digit >= 0) {
        if (b->left >> 56) return ERR_FULL;
        b->left = b->left << 4 | (unsigned)digit;
        b->place = SERVE_SIZE_MORE;
        return 0;
    }
    if (c != '\r' && c != ';' && c != ' ' && c != '\t') return fail(b, "a wrong size of a chunk");
    b->place = c == '\r' ? SERVE_SIZE_END : SERVE_EXTENSION;
    return 0;
}

/* Skips a byte of extensions or trailers, which nobody reads; `end`: the place that follows a CR. */
static int skip(struct serve_body *b, uint8_t c, enum serve_place end) {
    if (++b->extra > SERVE_EXTRA_MAX) return fail(b, "more than 8 KB of chunk extensions and trailers");
    if (c == '\n' || (c < ' ' && c != '\r' && c != '\t') || c == 0x7F)
        return fail(b, "a control character in a chunk extension or trailer");
    if (c == '\r') b->place = end;
    return 0;
}

/* The byte that must be here. */
static int expect(struct serve_body *b, uint8_t c, char expected, enum serve_place next) {
    if (c != (uint8_t)expected) return fail(b, "a chunk, or a line of it, that does not end where it should");
    b->place = next;
    return 0;
}

static int take_byte(struct serve_body *b, uint8_t c) {
    switch (b->place) {
    case SERVE_SIZE:
    case SERVE_SIZE_MORE: return take_digit(b, c);
    case SERVE_EXTENSION: return skip(b, c, SERVE_SIZE_END);
    case SERVE_SIZE_END: return expect(b, c, '\n', b->left ? SERVE_DATA : SERVE_TRAILER_BEGIN);
    case SERVE_DATA_CR: return expect(b, c, '\r', SERVE_DATA_LF);
    case SERVE_DATA_LF: return expect(b, c, '\n', SERVE_SIZE);
    case SERVE_TRAILER_BEGIN: b->place = SERVE_TRAILER; return skip(b, c, SERVE_END_LF);
    case SERVE_TRAILER: return skip(b, c, SERVE_TRAILER_LF);
    case SERVE_TRAILER_LF: return expect(b, c, '\n', SERVE_TRAILER_BEGIN);
    case SERVE_END_LF: return expect(b, c, '\n', SERVE_WHOLE);
    case SERVE_PLAIN:
    case SERVE_DATA:
    case SERVE_WHOLE: break;
    }
    return 0;
}

int serve_body_step(struct serve_body *b, struct slice *in, struct buf *out) {
    while (in->n && b->place != SERVE_WHOLE && !b->failed) {
        if (b->place == SERVE_PLAIN || b->place == SERVE_DATA) {
            b->failed = take_content(b, in, out);
        } else {
            b->failed = take_byte(b, in->p[0]);
            *in = slice_skip(*in, 1);
        }
    }
    return b->failed ? b->failed : b->place == SERVE_WHOLE;
}

/* ---- the answer ---- */

static const char *reason(unsigned status) {
    static const struct {
        unsigned status;
        const char *text;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {418, "I'm a teapot"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].text;
    return ""; /* a reason may be empty (RFC 9112 4) */
}

/* RFC 9110 6.4.1, 8.6: answers of these statuses have neither a body nor its length. */
static bool has_no_body(unsigned status) { return status == 204 || status == 304; }

int serve_answer_write(struct buf *out, const struct serve_answer *a, const struct serve_request *to, int64_t now) {
    char date[DATE_TEXT];
    date_print(now, date);
    bool bare = has_no_body(a->status);
    int rc = buf_printf(out, "HTTP/1.1 %u %s\r\n", a->status, reason(a->status));
    if (rc == 0 && !a->dated) rc = buf_printf(out, "Date: %s\r\n", date);
    if (rc == 0) rc = buf_append(out, a->fields);
    if (rc == 0 && !bare) rc = buf_printf(out, "Content-Length: %zu\r\n", a->body.n);
    if (rc == 0 && !to->keeps) rc = buf_append(out, slice_str("Connection: close\r\n"));
    if (rc == 0 && to->keeps && to->is_old) rc = buf_append(out, slice_str("Connection: keep-alive\r\n"));
    if (rc == 0) rc = buf_append(out, slice_str("\r\n"));
    if (rc == 0 && !bare && !to->without_body) rc = buf_append(out, a->body);
    return rc;
}

int serve_refusal_write(struct buf *out, unsigned status, const char *why, const struct serve_request *to,
                        int64_t now) {
    struct buf text;
    buf_init(&text, 256);
    int rc = buf_printf(&text, "%s\n", why);
    const struct serve_answer a = {
        .status = status, .fields = slice_str("Content-Type: text/plain\r\n"), .body = buf_slice(&text)};
    if (rc == 0) rc = serve_answer_write(out, &a, to, now);
    buf_clear(&text);
    return rc;
}

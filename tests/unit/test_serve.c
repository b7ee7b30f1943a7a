/* test_serve: requests as a server judges them, their bodies however they are cut, and the answers. */
#include "unit.h"
#include "wire/date.h"
#include "wire/serve.h"
#include <stdio.h>

static struct http1_head head;
static struct serve_request request;

/* Judges a request line and fields; the status that refuses it, or 0. */
static unsigned judge(const char *text, const char **why) {
    static char copy[4096];
    *why = "";
    snprintf(copy, sizeof copy, "%s\r\n", text);
    return http1_request_parse((uint8_t *)copy, strlen(copy), &head, why) < 0 ? 1 : serve_judge(&head, &request, why);
}

static void is_right(const char *text) {
    const char *why;
    unsigned status = judge(text, &why);
    if (status) fail_msg("%s: %u %s", text, status, why);
}

static void is(struct slice s, const char *text) {
    if (!slice_eq(s, slice_str(text))) fail_msg("'%.*s' is not '%s'", SLICE_ARGS(s), text);
}

static void a_target_is_a_path_and_a_query(void **state) {
    (void)state;
    static const char *const targets[][3] = {
        {"/", "/", ""},
        {"/a/b%20c?x=1&y=?2", "/a/b%20c", "x=1&y=?2"},
        {"/a?", "/a", ""},
        {"//a", "//a", ""},
        {"http://h:80/a?b", "/a", "b"},
        {"HTTP://h", "/", ""},
        {"http://h?b", "/", "b"},
    };
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char text[200];
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n", targets[i][0]);
        is_right(text);
        is(request.path, targets[i][1]);
        is(request.query, targets[i][2]);
    }
    is_right("OPTIONS * HTTP/1.1\r\nHost: h\r\n");
    is(request.path, "*");
}

static void what_is_ambiguous_is_refused(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *text;
    } wrong[] = {
        {400, "GET / HTTP/1.1\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n"},
        {400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a, b\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: u@a\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: a\r\n"},
        {400, "GET a HTTP/1.1\r\nHost: a\r\n"},
        {400, "GET /#a HTTP/1.1\r\nHost: a\r\n"},
        {400, "GET http:///a HTTP/1.1\r\nHost: a\r\n"},
        {400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n"},
        {501, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n"},
        {1, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \vchunked\r\n"}, /* by the parser */
        {417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: the worst\r\n"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *why;
        unsigned status = judge(wrong[i].text, &why);
        if (status != wrong[i].status || !*why) fail_msg("%s: %u %s", wrong[i].text, status, why);
        assert_false(request.keeps);
    }
}

static void a_request_says_what_becomes_of_its_connection(void **state) {
    (void)state;
    is_right("GET / HTTP/1.1\r\nHost: a\r\n");
    assert_true(request.keeps && !request.is_old && !request.without_body);
    is_right("GET / HTTP/1.1\r\nHost: a\r\nConnection: te, Close\r\n");
    assert_false(request.keeps);
    is_right("GET / HTTP/1.0\r\n");
    assert_true(!request.keeps && request.is_old);
    is_right("HEAD / HTTP/1.0\r\nConnection: Keep-Alive\r\n");
    assert_true(request.keeps && request.without_body);
    is_right("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\nExpect: 100-Continue\r\n");
    assert_true(request.continues && request.length == 7);
    is_right("POST / HTTP/1.0\r\nContent-Length: 7\r\nExpect: 100-continue\r\n");
    assert_false(request.continues);
    is_right("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999\r\n");
    assert_true(request.length > UINT64_MAX / 100);
    is_right("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n");
    assert_true(request.chunked);
}

/* Reads a body in steps of `step` bytes. What serve_body_step says at last; `*left`: what was not taken. */
static int read_body(const char *text, size_t step, struct buf *out, size_t *left) {
    struct serve_body b;
    int rc = 0;
    buf_clear(out);
    serve_body_init(&b, &request);
    struct slice in = slice_str(text);
    do {
        struct slice part = slice_head(in, step);
        size_t had = part.n;
        rc = serve_body_step(&b, &part, out);
        in = slice_skip(in, had - part.n);
    } while (in.n && rc == 0);
    *left = in.n;
    struct slice none = {0};
    assert_int_equal(serve_body_step(&b, &none, out), rc);
    assert_true((rc == ERR_SYNTAX) == (b.why != NULL));
    return rc;
}

static void a_body_is_the_same_at_every_cut(void **state) {
    (void)state;
    struct buf out;
    size_t left;
    buf_init(&out, 16);
    for (size_t step = 1; step < 70; step++) {
        request = (struct serve_request){.length = 5};
        assert_int_equal(read_body("helloGET", step, &out, &left), 1);
        is(buf_slice(&out), "hello");
        assert_int_equal(left, 3);
        request = (struct serve_request){.chunked = true};
        assert_int_equal(
            read_body("2;a=\"b\"\r\nhe\r\n003 \r\nllo\r\n0\r\nA: b\r\nC:\td\r\n\r\nGET", step, &out, &left), 1);
        is(buf_slice(&out), "hello");
        assert_int_equal(left, 3);
        assert_int_equal(read_body("0\r\n\r\n", step, &out, &left), 1);
        assert_int_equal(out.len, 0);
        assert_int_equal(read_body("11\r\n0123456789abcdefg\r\n", step, &out, &left), ERR_FULL);
        assert_int_equal(read_body("fffffffffffffffff\r\n", step, &out, &left), ERR_FULL);
    }
    request = (struct serve_request){0};
    assert_int_equal(read_body("", 1, &out, &left), 1);
    buf_clear(&out);
}

static void wrong_chunks_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "\r\n",    ";a\r\n",  " 1\r\n",      "g\r\n",        "-1\r\n",   "+1\r\n",   "0x1\r\n",
        "1\n",     "1\r\r",   "1;a\n",       "1;\x01\r\n",   "1\r\nab",  "1\r\na\n", "1\r\na\rx",
        "1_0\r\n", "0\r\n\n", "0\r\nA: b\n", "0\r\nA: b\rx", "0\r\n\rx",
    };
    struct buf out;
    size_t left;
    buf_init(&out, 16);
    request = (struct serve_request){.chunked = true};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (size_t step = 1; step < 8; step++)
            if (read_body(wrong[i], step, &out, &left) != ERR_SYNTAX) fail_msg("%s", wrong[i]);
    static char endless[SERVE_EXTRA_MAX + 100];
    memset(endless, 'a', sizeof endless - 1);
    memcpy(endless, "1;", 2);
    assert_int_equal(read_body(endless, 100, &out, &left), ERR_SYNTAX);
    memcpy(endless, "0\r\n", 3);
    assert_int_equal(read_body(endless, 100, &out, &left), ERR_SYNTAX);
    buf_clear(&out);
}

static struct slice answer(struct buf *out, unsigned status, const char *fields, bool dated) {
    const struct serve_answer a = {
        .status = status, .fields = slice_str(fields), .dated = dated, .body = slice_str("body")};
    buf_reset(out, 0);
    assert_int_equal(serve_answer_write(out, &a, &request, 784111777), 0);
    return buf_slice(out);
}

static void an_answer_fits_its_request(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    request = (struct serve_request){.keeps = true};
    is(answer(&out, 200, "A: b\r\n", false),
       "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nA: b\r\nContent-Length: 4\r\n\r\nbody");
    is(answer(&out, 204, "Date: today\r\n", true), "HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n");
    is(answer(&out, 299, "Date: x\r\n", true), "HTTP/1.1 299 \r\nDate: x\r\nContent-Length: 4\r\n\r\nbody");
    request.is_old = true;
    is(answer(&out, 304, "Date: x\r\n", true),
       "HTTP/1.1 304 Not Modified\r\nDate: x\r\nConnection: keep-alive\r\n\r\n");
    request = (struct serve_request){.without_body = true};
    is(answer(&out, 404, "Date: x\r\n", true),
       "HTTP/1.1 404 Not Found\r\nDate: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
    request = (struct serve_request){0};
    buf_reset(&out, 0);
    assert_int_equal(serve_refusal_write(&out, 413, "too much", &request, 0), 0);
    is(buf_slice(&out), "HTTP/1.1 413 Content Too Large\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                        "Content-Type: text/plain\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo much\n");
    buf_clear(&out);
    buf_init(&out, 8);
    assert_int_equal(serve_refusal_write(&out, 413, "too much", &request, 0), ERR_FULL);
    buf_clear(&out);
}

static void a_date_that_is_written_is_read_again(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } dates[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-1, "Thu, 01 Jan 1970 00:00:00 GMT"},
    };
    char text[DATE_TEXT];
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        date_print(dates[i].seconds, text);
        assert_string_equal(text, dates[i].text);
    }
    for (int64_t t = 0; t < INT64_C(253402300799); t += 24 * 3600 * 17 + 12345) {
        int64_t read;
        date_print(t, text);
        assert_true(date_read(slice_str(text), &read) && read == t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_is_a_path_and_a_query),
        cmocka_unit_test(what_is_ambiguous_is_refused),
        cmocka_unit_test(a_request_says_what_becomes_of_its_connection),
        cmocka_unit_test(a_body_is_the_same_at_every_cut),
        cmocka_unit_test(wrong_chunks_are_refused),
        cmocka_unit_test(an_answer_fits_its_request),
        cmocka_unit_test(a_date_that_is_written_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

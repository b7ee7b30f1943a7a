/* test_http1: heads of responses and requests, however they come, and the bodies of refusals. */
#include "unit.h"
#include "wire/http1.h"
#include <stdio.h>

static struct http1_head head;

static const char *response(const char *text) {
    static char copy[8192];
    const char *why = NULL;
    snprintf(copy, sizeof copy, "%s", text);
    return http1_response_parse((uint8_t *)copy, strlen(text), &head, &why) == 0 ? NULL : why;
}

static void is(struct slice s, const char *text) {
    if (!slice_eq(s, slice_str(text))) fail_msg("'%.*s' is not '%s'", SLICE_ARGS(s), text);
}

static void the_end_of_a_head_is_found_at_every_cut(void **state) {
    (void)state;
    static const char *const heads[] = {"A\r\nB: c\r\n\r\nrest", "A\nB: c\n\nrest", "A\r\nB: c\n\r\nrest", "\r\n\r\n",
                                        "\n\nx"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct slice whole = slice_str(heads[i]);
        size_t scanned = 0, size = http1_head_size(whole, &scanned), slowly = 0;
        assert_true(size > 0);
        scanned = 0;
        for (size_t n = 0; n <= whole.n && !slowly; n++) slowly = http1_head_size(slice_head(whole, n), &scanned);
        assert_int_equal(size, slowly);
    }
    size_t scanned = 0;
    assert_int_equal(http1_head_size(slice_str("A\r\nB: c\r\n"), &scanned), 0);
}

static void a_response_is_cut_into_parts(void **state) {
    (void)state;
    assert_null(response("HTTP/1.1 101 Switching Protocols\r\nUpgrade:  websocket \r\nX:\r\n\r\n"));
    assert_int_equal(head.status, 101);
    assert_int_equal(head.minor, 1);
    is(head.reason, "Switching Protocols");
    is(http1_field_get(&head, "upgrade"), "websocket");
    assert_non_null(http1_field_get(&head, "x").p);
    assert_int_equal(http1_field_get(&head, "x").n, 0);
    assert_null(http1_field_get(&head, "y").p);
    assert_int_equal(http1_field_count(&head, "UPGRADE"), 1);
}

static void a_reason_may_be_missing(void **state) {
    (void)state;
    assert_null(response("HTTP/1.1 403\r\n\r\n"));
    assert_null(response("HTTP/1.1 403 \r\n\r\n"));
    assert_int_equal(head.status, 403);
    assert_int_equal(head.reason.n, 0);
}

static void a_lone_line_feed_ends_a_line(void **state) {
    (void)state;
    assert_null(response("HTTP/1.1 101 X\nA: b\n\n"));
    is(http1_field_get(&head, "a"), "b");
}

static void a_folded_line_is_unfolded(void **state) { /* RFC 9112 5.2 */
    (void)state;
    assert_null(response("HTTP/1.1 101 X\r\nA: b\r\n  c\r\n\td\r\n\r\n"));
    struct slice a = http1_field_get(&head, "a");
    assert_int_equal(a.p[0], 'b');
    assert_int_equal(a.p[a.n - 1], 'd');
    assert_int_equal(head.field_count, 1);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"SSH-2.0-x\r\n\r\n", "not HTTP"},
        {"HTTP/2 101\r\n\r\n", "not HTTP"},
        {"HTTP/1.1\r\n\r\n", "status line"},
        {"HTTP/1.1 99\r\n\r\n", "status line"},
        {"HTTP/1.1 1010 X\r\n\r\n", "status line"},
        {"HTTP/1.1 abc X\r\n\r\n", "status line"},
        {"HTTP/1.1 099 X\r\n\r\n", "status line"},
        {"HTTP/1.1 101 X\r\nUpgrade\r\n\r\n", "colon"},
        {"HTTP/1.1 101 X\r\nUpgrade : websocket\r\n\r\n", "name"},
        {"HTTP/1.1 101 X\r\n: websocket\r\n\r\n", "name"},
        {"HTTP/1.1 101 X\r\nA: b\rc\r\n\r\n", "control"},
        {"HTTP/1.1 101 X\r\nA: b\x01\r\n\r\n", "control"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *why = response(wrong[i][0]);
        if (!why || !strstr(why, wrong[i][1])) fail_msg("%s: %s", wrong[i][0], why ? why : "taken");
    }
}

static void more_than_256_lines_are_refused(void **state) {
    (void)state;
    static char text[8192] = "HTTP/1.1 101 X\r\n";
    for (int i = 0; i < 256; i++) strcat(text, "A: b\r\n");
    size_t n = strlen(text);
    strcat(text, "\r\n");
    assert_null(response(text));
    text[n] = '\0';
    strcat(text, "A: b\r\n\r\n");
    assert_non_null(response(text));
}

static void a_token_is_found_in_lists_of_several_lines(void **state) {
    (void)state;
    assert_null(response("HTTP/1.1 101 X\r\nConnection: keep-alive , close\r\nConnection:UPGRADE\r\n\r\n"));
    assert_true(http1_list_has(&head, "connection", "upgrade"));
    assert_true(http1_list_has(&head, "Connection", "close"));
    assert_false(http1_list_has(&head, "Connection", "keep"));
}

static void a_request_is_cut_into_parts(void **state) {
    (void)state;
    char text[] = "GET /chat?x HTTP/1.1\r\nHost: h\r\n\r\n", bad[] = "GET  /chat HTTP/1.1\r\n\r\n",
         old[] = "GET /\r\n\r\n";
    const char *why;
    assert_int_equal(http1_request_parse((uint8_t *)text, strlen(text), &head, &why), 0);
    is(head.method, "GET");
    is(head.target, "/chat?x");
    assert_true(http1_request_parse((uint8_t *)bad, strlen(bad), &head, &why) < 0);
    assert_true(http1_request_parse((uint8_t *)old, strlen(old), &head, &why) < 0);
}

/* Reads the body behind a head in steps of `step` bytes; gives what was kept. */
static struct slice body(const char *fields, const char *text, size_t step, bool *done) {
    static struct buf kept;
    static char all[512];
    struct http1_body b;
    snprintf(all, sizeof all, "HTTP/1.1 503 X\r\n%s\r\n", fields);
    assert_null(response(all));
    buf_clear(&kept);
    buf_init(&kept, 16);
    http1_body_init(&b, &head, &kept);
    *done = false;
    for (struct slice in = slice_str(text); in.n && !*done; in = slice_skip(in, slice_head(in, step).n))
        *done = http1_body_step(&b, slice_head(in, step));
    return buf_slice(&kept);
}

static void bodies_end_where_they_say(void **state) {
    (void)state;
    bool done;
    for (size_t step = 1; step < 40; step++) {
        is(body("Content-Length: 5\r\n", "sorry and more", step, &done), "sorry");
        assert_true(done);
        is(body("Transfer-Encoding: chunked\r\n", "3;a=b\r\nsor\r\n2\r\nry\r\n0\r\n\r\n", step, &done), "sorry");
        assert_true(done);
        is(body("", "until the", step, &done), "until the");
        assert_false(done);
        is(body("", "more than sixteen bytes", step, &done), "more than sixtee");
        assert_true(done);
    }
    body("Content-Length: 0\r\n", "", 1, &done);
    struct buf none;
    struct http1_body b;
    buf_init(&none, 1);
    http1_body_init(&b, &head, &none);
    assert_true(http1_body_step(&b, slice_of(NULL, 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_head_is_found_at_every_cut),
        cmocka_unit_test(a_response_is_cut_into_parts),
        cmocka_unit_test(a_reason_may_be_missing),
        cmocka_unit_test(a_lone_line_feed_ends_a_line),
        cmocka_unit_test(a_folded_line_is_unfolded),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(more_than_256_lines_are_refused),
        cmocka_unit_test(a_token_is_found_in_lists_of_several_lines),
        cmocka_unit_test(a_request_is_cut_into_parts),
        cmocka_unit_test(bodies_end_where_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

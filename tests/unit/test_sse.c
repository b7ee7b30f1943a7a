/* What a stream of server-sent events gives (WHATWG HTML 9.2.6): the same whole, cut at every offset, and byte by
 * byte. */
#include "unit.h"
#include "wire/sse.h"
#include <stdio.h>

enum { CAP = 32, TOLD = 4096 };

/* Reads more of a stream, and adds "type/id:data|" for each event, or "!" where it has failed. */
static void read_piece(struct sse *s, struct slice in, char *told) {
    struct sse_event event;
    int rc;
    while ((rc = sse_step(s, &in, &event)) == 1) {
        size_t n = strlen(told);
        snprintf(told + n, TOLD - n, "%.*s/%.*s:%.*s|", SLICE_ARGS(event.type), SLICE_ARGS(event.id),
                 SLICE_ARGS(event.data));
    }
    if (rc < 0 && !strchr(told, '!')) strcat(told, "!");
    if (rc == 0) assert_int_equal(in.n, 0);
}

static void read_cut(struct slice stream, size_t first, size_t step, const char *expected) {
    struct sse s;
    char told[TOLD] = "";
    sse_init(&s, CAP);
    read_piece(&s, slice_head(stream, first), told);
    for (struct slice rest = slice_skip(stream, first); rest.n;) {
        struct slice piece = slice_head(rest, step);
        read_piece(&s, piece, told);
        rest = slice_skip(rest, piece.n);
    }
    sse_clear(&s);
    assert_string_equal(told, expected);
}

static void gives(const char *stream, size_t n, const char *expected) {
    for (size_t cut = 0; cut <= n; cut++) read_cut(slice_of(stream, n), cut, SIZE_MAX, expected);
    read_cut(slice_of(stream, n), 0, 1, expected);
}

#define GIVES(stream, expected) gives(stream, sizeof(stream) - 1, expected)

static void data_is_joined(void **state) {
    (void)state;
    GIVES("data: YHOO\ndata: +2\ndata: 10\n\n", "message/:YHOO\n+2\n10|");
    GIVES("data\n\ndata\ndata\n\ndata:", "message/:|message/:\n|");
    GIVES("data:test\n\ndata: test\n\ndata:  test\n\n", "message/:test|message/:test|message/: test|");
    GIVES("data:a:b\n\n", "message/:a:b|");
}

static void a_line_ends_in_three_ways(void **state) {
    (void)state;
    GIVES("data:1\r\rdata:2\n\ndata:3\r\n\r\ndata:4\r\n\ndata:5\n\r\n",
          "message/:1|message/:2|message/:3|message/:4|message/:5|");
    GIVES("data:1\rdata:2\r\ndata:3\n\r", "message/:1\n2\n3|");
}

static void an_event_is_told_before_the_lf_of_its_end(void **state) {
    (void)state;
    struct sse s;
    char told[TOLD] = "";
    sse_init(&s, CAP);
    read_piece(&s, slice_str("data: 1\r\n\r"), told);
    assert_string_equal(told, "message/:1|");
    read_piece(&s, slice_str("\ndata: 2\r\n\r"), told);
    assert_string_equal(told, "message/:1|message/:2|");
    sse_clear(&s);
}

static void comments_and_unknown_fields_are_passed_over(void **state) {
    (void)state;
    GIVES(": test stream\n\ndata: x\n:\n: y\nretry: 10\nretry\nDATA: no\n data: no\ndata : no\nother\n\n",
          "message/:x|");
}

static void the_id_stays(void **state) {
    (void)state;
    GIVES("data:a\nid: 1\n\ndata:b\n\nid\ndata:c\n\n", "message/1:a|message/1:b|message/:c|");
    GIVES("id: 7\n\ndata:x\n\n", "message/7:x|");
    GIVES("id: 1\nid: 2\0\ndata:x\n\n", "message/1:x|");
}

static void the_type_does_not(void **state) {
    (void)state;
    GIVES("event: add\ndata: 1\n\ndata: 2\n\nevent: a\nevent: b\ndata: 3\n\n", "add/:1|message/:2|b/:3|");
    GIVES("event: gone\n\ndata: 1\n\nevent\ndata: 2\n\n", "message/:1|message/:2|");
}

static void a_byte_order_mark_is_dropped_once(void **state) {
    (void)state;
    GIVES("\xEF\xBB\xBF"
          "data: 1\n\n\xEF\xBB\xBF"
          "data: 2\n\ndata: 3\n\n",
          "message/:1|message/:3|");
    GIVES("\xEF\xBB\xBF\xEF\xBB\xBF"
          "data: 1\n\n",
          "");
    GIVES("\xEF\xBB\xBF\ndata: \xEF\xBB\xBF\n\n", "message/:\xEF\xBB\xBF|");
}

static void what_is_not_ended_is_dropped(void **state) {
    (void)state;
    GIVES("data: 1\n\ndata: 2\n", "message/:1|");
    GIVES("data: 1\n\ndata: 2", "message/:1|");
    GIVES("", "");
}

static void a_long_line_is_an_error(void **state) {
    (void)state;
    GIVES("data:789012345678901234567890123\n\n", "message/:789012345678901234567890123|"); /* of 32 bytes */
    GIVES("data:1\n\ndata:7890123456789012345678901234\n\ndata:2\n\n", "message/:1|!");
    GIVES(":2345678901234567890123456789012X", "!");
}

static void so_are_many_lines_of_one_event(void **state) {
    (void)state;
    GIVES("data:345678901234567\ndata:234567890123456\n\n", "message/:345678901234567\n234567890123456|");
    GIVES("data:345678901234567\ndata:234567890123456\ndata:7\n\ndata:8\n\n", "!");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_joined),
        cmocka_unit_test(a_line_ends_in_three_ways),
        cmocka_unit_test(an_event_is_told_before_the_lf_of_its_end),
        cmocka_unit_test(comments_and_unknown_fields_are_passed_over),
        cmocka_unit_test(the_id_stays),
        cmocka_unit_test(the_type_does_not),
        cmocka_unit_test(a_byte_order_mark_is_dropped_once),
        cmocka_unit_test(what_is_not_ended_is_dropped),
        cmocka_unit_test(a_long_line_is_an_error),
        cmocka_unit_test(so_are_many_lines_of_one_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

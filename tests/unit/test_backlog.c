/* test_backlog: messages that wait come out as they went in. */
#include "unit.h"
#include "wire/backlog.h"

static void messages_come_out_in_order_and_whole(void **state) {
    (void)state;
    struct backlog b;
    struct ws_event ev;
    backlog_init(&b);
    assert_false(backlog_first(&b, &ev));
    assert_int_equal(backlog_put(&b, WS_TEXT, 0, slice_str("one")), 0);
    assert_int_equal(backlog_put(&b, WS_BINARY, 0, slice_of(NULL, 0)), 0);
    assert_int_equal(backlog_put(&b, WS_TEXT, 0, slice_str("three")), 0);
    assert_int_equal(backlog_count(&b), 3);
    assert_int_equal(backlog_size(&b), 8);
    assert_true(backlog_first(&b, &ev) && ev.kind == WS_TEXT && slice_eq(ev.data, slice_str("one")));
    backlog_drop(&b);
    assert_true(backlog_first(&b, &ev) && ev.kind == WS_BINARY && ev.data.n == 0);
    backlog_drop(&b);
    assert_int_equal(backlog_put(&b, WS_TEXT, 0, slice_str("four")), 0);
    assert_true(backlog_first(&b, &ev) && slice_eq(ev.data, slice_str("three")));
    backlog_drop(&b);
    backlog_drop(&b);
    assert_true(backlog_is_empty(&b));
    assert_int_equal(backlog_count(&b) + backlog_size(&b), 0);
    backlog_drop(&b);
    backlog_clear(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(messages_come_out_in_order_and_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

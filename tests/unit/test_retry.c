/* test_retry: when an attempt is followed by another. */
#include "unit.h"
#include "wire/retry.h"

#define S UINT64_C(1000000000)

static struct retry_policy usual(void) {
    return (struct retry_policy){.on = true, .min = S, .max = 60 * S, .stable = 30 * S, .factor = 2};
}

static const struct retry_end dropped = {.code = 1006};

static void delays_double_up_to_the_cap(void **state) {
    (void)state;
    struct retry_policy p = usual();
    uint32_t tries = 0;
    uint64_t delay;
    const uint64_t longest[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    char why[64];
    for (size_t i = 0; i < sizeof longest / sizeof *longest; i++) {
        assert_true(retry_decide(&p, &dropped, UINT32_MAX, &tries, &delay, why));
        assert_int_equal(delay, longest[i] * S);
        assert_int_equal(tries, i + 1);
    }
    for (int i = 0; i < 100000; i++) assert_true(retry_decide(&p, &dropped, UINT32_MAX, &tries, &delay, why));
    assert_int_equal(delay, 60 * S);
}

static void the_jitter_is_full(void **state) {
    (void)state;
    struct retry_policy p = usual();
    uint32_t tries = 3;
    uint64_t delay;
    char why[64];
    assert_true(retry_decide(&p, &dropped, 0, &tries, &delay, why));
    assert_int_equal(delay, 0);
    tries = 3;
    assert_true(retry_decide(&p, &dropped, UINT32_MAX / 2, &tries, &delay, why));
    assert_in_range(delay, 3999 * S / 1000, 4001 * S / 1000);
}

static void a_factor_of_one_keeps_the_delay(void **state) {
    (void)state;
    struct retry_policy p = usual();
    p.factor = 1;
    uint32_t tries = UINT32_MAX - 1;
    uint64_t delay;
    char why[64];
    assert_true(retry_decide(&p, &dropped, UINT32_MAX, &tries, &delay, why));
    assert_int_equal(delay, S);
}

static void what_can_never_succeed_is_not_tried_again(void **state) {
    (void)state;
    struct retry_policy p = usual();
    uint16_t fatal[] = {4004, 503};
    p.fatal = (struct retry_codes){fatal, 2};
    const unsigned statuses[] = {400, 401, 403, 404, 410, 503};
    const uint16_t codes[] = {1002, 1003, 1007, 1009, 1010, 4004};
    uint32_t tries = 0;
    uint64_t delay;
    char why[64];
    for (size_t i = 0; i < 6; i++) {
        struct retry_end refused = {.status = statuses[i], .code = 1006}, closed = {.code = codes[i]};
        assert_false(retry_decide(&p, &refused, 0, &tries, &delay, why));
        assert_memory_equal(why, "status ", 7);
        assert_false(retry_decide(&p, &closed, 0, &tries, &delay, why));
        assert_memory_equal(why, "close code ", 11);
    }
    const unsigned passing[] = {301, 408, 426, 429, 500, 502, 504};
    for (size_t i = 0; i < 7; i++) {
        struct retry_end refused = {.status = passing[i], .code = 1006};
        assert_true(retry_decide(&p, &refused, 0, &tries, &delay, why));
    }
    const uint16_t fine[] = {1000, 1001, 1005, 1006, 1008, 1011, 1012, 1013, 4000};
    for (size_t i = 0; i < 9; i++) {
        struct retry_end closed = {.code = fine[i]};
        assert_true(retry_decide(&p, &closed, 0, &tries, &delay, why));
    }
}

static void attempts_in_a_row_are_counted_and_a_stable_one_begins_anew(void **state) {
    (void)state;
    struct retry_policy p = usual();
    p.attempts = 2;
    uint32_t tries = 0;
    uint64_t delay;
    char why[64];
    const struct retry_end brief = {.code = 1006, .uptime = 29 * S}, stable = {.code = 1006, .uptime = 30 * S};
    assert_true(retry_decide(&p, &dropped, 0, &tries, &delay, why));
    assert_true(retry_decide(&p, &brief, 0, &tries, &delay, why));
    assert_false(retry_decide(&p, &brief, 0, &tries, &delay, why));
    assert_string_equal(why, "3 attempts failed");
    assert_true(retry_decide(&p, &stable, UINT32_MAX, &tries, &delay, why));
    assert_int_equal(delay, S);
    assert_int_equal(tries, 1);
}

static void retry_after_is_waited_for(void **state) {
    (void)state;
    struct retry_policy p = usual();
    uint32_t tries = 0;
    uint64_t delay;
    char why[64];
    const struct retry_end busy = {.status = 503, .code = 1006, .retry_after = 120 * S};
    assert_true(retry_decide(&p, &busy, UINT32_MAX, &tries, &delay, why));
    assert_int_equal(delay, 120 * S);
}

static uint64_t after(const char *value, int64_t now) {
    uint64_t delay = 1;
    assert_true(retry_after_read(slice_str(value), now, &delay));
    return delay / S;
}

static void retry_after_is_seconds_or_a_date(void **state) {
    (void)state;
    assert_int_equal(after("0", 0), 0);
    assert_int_equal(after("120", 0), 120);
    assert_int_equal(after("3600", 0), 3600);
    assert_int_equal(after("3601", 0), 3600);
    assert_int_equal(after("99999999999999999999999", 0), 3600);
    const int64_t date = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 GMT", date - 10), 10);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 GMT", date), 0);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 GMT", date + 10), 0);
    assert_int_equal(after("Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 - 5), 5);
    assert_int_equal(after("Fri, 01 Mar 2024 00:00:00 GMT", 1709164800 + 86400 - 5), 5);
    assert_int_equal(after("Fri, 01 Mar 2024 00:00:00 GMT", 0), 3600);
    assert_int_equal(after("Thu, 01 Jan 1970 00:00:07 GMT", 0), 7);
    const char *const none[] = {"",
                                "-1",
                                "1.5",
                                "soon",
                                "12 s",
                                " 120",
                                "0x5",
                                "Sun, 06 Foo 1994 08:49:37 GMT",
                                "Sun, 06 anF 1994 08:49:37 GMT",
                                "Sun, 99 Nov 1994 08:49:37 GMT"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        uint64_t delay = 1;
        assert_false(retry_after_read(slice_str(none[i]), 0, &delay));
        assert_int_equal(delay, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_cap),
        cmocka_unit_test(the_jitter_is_full),
        cmocka_unit_test(a_factor_of_one_keeps_the_delay),
        cmocka_unit_test(what_can_never_succeed_is_not_tried_again),
        cmocka_unit_test(attempts_in_a_row_are_counted_and_a_stable_one_begins_anew),
        cmocka_unit_test(retry_after_is_waited_for),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_histogram: what a histogram says of the values that it was given. */
#include "base/histogram.h"

#include "unit.h"
#include <float.h>
#include <math.h>

static bool is_near(double value, double exact) { return fabs(value - exact) <= fabs(exact) * 0.01; }

static void one_that_is_empty_takes_no_memory(void **state) {
    (void)state;
    struct histogram h = {0}, other = {0};
    assert_true(histogram_quantile(&h, 0.5) == 0);
    assert_int_equal(histogram_at_most(&h, 1e9), 0);
    histogram_merge(&h, &other);
    assert_int_equal(histogram_size(&h), 0);
    assert_null(h.entries);
    histogram_clear(&h);
}

static void count_sum_least_and_most_are_exact(void **state) {
    (void)state;
    struct histogram h = {0};
    double values[] = {0.25, 3, 0.125, 1000, 7.5};
    for (size_t i = 0; i < 5; i++) histogram_add(&h, values[i]);
    assert_int_equal(h.count, 5);
    assert_true(h.sum == 1010.875 && h.least == 0.125 && h.most == 1000);
    assert_true(histogram_quantile(&h, 0) == 0.125 && histogram_quantile(&h, 1) == 1000);
    histogram_clear(&h);
    assert_int_equal(h.count, 0);
}

/* Each value alone beside two far ones, so that nothing but its bucket says where it is. */
static void every_value_is_known_within_one_percent(void **state) {
    (void)state;
    for (double value = 1.1e-9; value < 1.7e10; value *= 1.0017) {
        struct histogram h = {0};
        histogram_add(&h, value / 2);
        histogram_add(&h, value);
        histogram_add(&h, value * 2);
        assert_true(is_near(histogram_quantile(&h, 0.5), value));
        histogram_clear(&h);
    }
}

static void quantiles_of_many_values_are_within_one_percent(void **state) {
    (void)state;
    struct histogram h = {0};
    enum { N = 20000 };
    for (unsigned i = 1; i <= N; i++) histogram_add(&h, (i * 7919 % N + 1) * 1e-6);
    double parts[] = {0.01, 0.1, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < 6; i++) assert_true(is_near(histogram_quantile(&h, parts[i]), parts[i] * N * 1e-6));
    histogram_clear(&h);
}

static void buckets_follow_each_other_and_hold_their_values(void **state) {
    (void)state;
    struct histogram h = {0};
    uint64_t sum = 0;
    double end = 0;
    for (double value = 1e9; value > 1e-3; value /= 1.01) histogram_add(&h, value); /* the last first */
    for (unsigned i = 0; i < h.used; i++) {
        struct histogram_bucket b = histogram_bucket(&h, i);
        assert_true(b.lower >= end && b.upper > b.lower && b.upper <= b.lower * (1 + 1.0 / HISTOGRAM_PARTS));
        assert_true(b.count > 0);
        sum += b.count;
        end = b.upper;
    }
    assert_int_equal(sum, h.count);
    histogram_clear(&h);
}

static void how_many_are_at_most_some_value(void **state) {
    (void)state;
    struct histogram h = {0};
    for (int i = 0; i <= 100; i++) histogram_add(&h, i);
    assert_int_equal(histogram_at_most(&h, -1), 0);
    assert_int_equal(histogram_at_most(&h, 0), 1);
    assert_int_equal(histogram_at_most(&h, 1), 2);
    assert_int_equal(histogram_at_most(&h, 1.9), 2);
    assert_int_equal(histogram_at_most(&h, 50), 51);
    assert_int_equal(histogram_at_most(&h, 1e9), 101);
    histogram_clear(&h);
}

static void a_merge_is_the_same_as_all_values_in_one(void **state) {
    (void)state;
    struct histogram all = {0}, even = {0}, odd = {0};
    for (int i = -3; i < 5000; i++) {
        histogram_add(&all, i * 0.25);
        histogram_add(i % 2 ? &odd : &even, i * 0.25);
    }
    histogram_merge(&even, &odd);
    assert_int_equal(even.count, all.count);
    assert_true(even.sum == all.sum && even.least == all.least && even.most == all.most);
    assert_int_equal(even.used, all.used);
    assert_memory_equal(even.entries, all.entries, all.used * sizeof *all.entries);
    histogram_clear(&all);
    histogram_clear(&even);
    histogram_clear(&odd);
}

static void what_is_beyond_the_range_counts_at_its_ends(void **state) {
    (void)state;
    struct histogram h = {0};
    double values[] = {-DBL_MAX, -1, -0.0, 0, 5e-324, 1e-12, 1e12, DBL_MAX, DBL_MAX};
    for (size_t i = 0; i < 9; i++) histogram_add(&h, values[i]);
    assert_int_equal(h.used, 3);
    assert_true(histogram_bucket(&h, 0).lower == 0 && histogram_bucket(&h, 0).upper == 0);
    assert_int_equal(histogram_bucket(&h, 0).count, 4);
    assert_true(histogram_bucket(&h, 1).lower == ldexp(1, HISTOGRAM_LEAST));
    assert_int_equal(histogram_bucket(&h, 1).count, 2);
    assert_true(histogram_bucket(&h, 2).upper == ldexp(1, HISTOGRAM_LEAST + HISTOGRAM_OCTAVES));
    assert_int_equal(histogram_bucket(&h, 2).count, 3);
    assert_true(h.least == -DBL_MAX && h.most == DBL_MAX && isfinite(h.sum));
    for (double part = 0; part <= 1; part += 0.125) assert_true(isfinite(histogram_quantile(&h, part)));
    histogram_clear(&h);
}

static void a_sum_that_no_double_holds_stays_a_number(void **state) {
    (void)state;
    struct histogram h = {0};
    histogram_add(&h, DBL_MAX);
    histogram_add(&h, DBL_MAX);
    assert_true(h.sum == DBL_MAX);
    histogram_clear(&h);
}

static void every_bucket_at_once_takes_32_kilobytes(void **state) {
    (void)state;
    struct histogram h = {0};
    for (double octave = ldexp(1, HISTOGRAM_LEAST); octave < ldexp(1, 34); octave *= 2)
        for (int part = HISTOGRAM_PARTS; part-- > 0;) histogram_add(&h, octave * (1 + part / 64.0));
    histogram_add(&h, 0);
    assert_int_equal(h.used, HISTOGRAM_BUCKETS);
    assert_int_equal(histogram_size(&h), 8 * HISTOGRAM_BUCKETS);
    histogram_clear(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_empty_takes_no_memory),
        cmocka_unit_test(count_sum_least_and_most_are_exact),
        cmocka_unit_test(every_value_is_known_within_one_percent),
        cmocka_unit_test(quantiles_of_many_values_are_within_one_percent),
        cmocka_unit_test(buckets_follow_each_other_and_hold_their_values),
        cmocka_unit_test(how_many_are_at_most_some_value),
        cmocka_unit_test(a_merge_is_the_same_as_all_values_in_one),
        cmocka_unit_test(what_is_beyond_the_range_counts_at_its_ends),
        cmocka_unit_test(a_sum_that_no_double_holds_stays_a_number),
        cmocka_unit_test(every_bucket_at_once_takes_32_kilobytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

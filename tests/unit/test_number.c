/* test_number: what is printed and read is the same in a locale with a decimal comma. */
#include "base/buf.h"
#include "base/err.h"
#include "base/number.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Makes such a locale in a folder of its own; without what that needs there may be one that is installed. */
static bool choose_comma(void) {
    static char folder[] = "/tmp/wsbot-locale-XXXXXX";
    char command[256];
    if (mkdtemp(folder)) {
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", folder, folder);
        if (system(command) == 0) setenv("LOCPATH", folder, 1);
    }
    bool chosen = setlocale(LC_ALL, "de_DE.UTF-8") && strcmp(localeconv()->decimal_point, ",") == 0;
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0) chosen = false;
    return chosen;
}

static bool has_comma;

static int in_c(void **state) {
    (void)state;
    return setlocale(LC_ALL, "C") == NULL;
}

static int in_comma(void **state) {
    in_c(state);
    has_comma = choose_comma();
    return 0;
}

static void check_print(void) {
    char text[64];
    assert_int_equal(number_print(text, sizeof text, "%.6f %g %d %s", 1234.5, 0.25, 7, "a,b"), 22);
    assert_string_equal(text, "1234.500000 0.25 7 a,b");
}

static void check_read(void) {
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},      {"-1.5", -1.5},   {"+.5", 0.5},        {"1.", 1},
                {"1e3", 1000}, {"2.5E-1", 0.25}, {"1e999", INFINITY}, {"123456789.125", 123456789.125}};
    static const char *const bad[] = {"",    ".",   "-",  "1,5", " 1",  "1 ",   "1.5.", "1e",
                                      "1e+", "0x1", "e1", "inf", "nan", "1.5f", "--1"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!number_read(good[i].text, &value)) fail_msg("'%s' is a number", good[i].text);
        if (value != good[i].value) fail_msg("'%s' is not %g", good[i].text, value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (number_read(bad[i], &value)) fail_msg("'%s' is no number", bad[i]);
}

static void numbers_have_a_point(void **state) {
    (void)state;
    check_print();
    check_read();
}

static void they_have_one_where_others_have_a_comma(void **state) {
    (void)state;
    char text[16];
    if (!has_comma) skip();
    check_print();
    check_read();
    snprintf(text, sizeof text, "%g", 0.5); /* the locale stays as it was */
    assert_string_equal(text, "0,5");
}

static void what_prints_by_a_format_does_it_so(void **state) {
    (void)state;
    struct buf b;
    struct fault fault = {0};
    if (!has_comma) skip();
    buf_init(&b, 100);
    assert_int_equal(buf_printf(&b, "%.3f", 0.5), 0);
    assert_int_equal(b.len, 5);
    assert_memory_equal(buf_slice(&b).p, "0.500", 5);
    buf_clear(&b);
    fault_put(&fault, FAULT_TIMEOUT, "within %g s", 0.5);
    assert_string_equal(fault.text, "within 0.5 s");
}

static void scopes_may_lie_within_each_other(void **state) {
    (void)state;
    struct number_scope outer, inner;
    char text[16];
    if (!has_comma) skip();
    number_enter(&outer);
    number_enter(&inner);
    number_leave(&inner);
    snprintf(text, sizeof text, "%g", 0.5);
    assert_string_equal(text, "0.5");
    number_leave(&outer);
    snprintf(text, sizeof text, "%g", 0.5);
    assert_string_equal(text, "0,5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers_have_a_point, in_c),
        cmocka_unit_test_setup(they_have_one_where_others_have_a_comma, in_comma),
        cmocka_unit_test(what_prints_by_a_format_does_it_so),
        cmocka_unit_test_teardown(scopes_may_lie_within_each_other, in_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_flame: the boxes of a flame graph: which there are, where, and how they are labelled. */
#include "base/flame.h"

#include "unit.h"
#include <stdio.h>
#include <stdlib.h>

/* The picture, with a NUL behind it; to be given to free(). */
static char *drawn(const char *folded, const char *title) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_int_equal(flame_draw(&out, slice_str(folded), slice_str(title)), 0);
    char *text = strndup((const char *)buf_slice(&out).p, out.len);
    buf_clear(&out);
    return text;
}

/* Is the text in the picture, and how often? */
static unsigned count(const char *picture, const char *text) {
    unsigned n = 0;
    for (const char *at = picture; (at = strstr(at, text)); at++) n++;
    return n;
}

static void lines_that_begin_alike_share_their_boxes(void **state) {
    (void)state;
    char *p = drawn("main;read;parse 30\nmain;read 10\nmain;write 40\ntimer 20\n", "a title");
    assert_int_equal(count(p, "<rect "), 6); /* all, main, timer, read, write, parse */
    assert_int_equal(count(p, "<title>all: 100 samples, 100.0 %</title>"), 1);
    assert_int_equal(count(p, "<title>main: 80 samples, 80.0 %</title>"), 1);
    assert_int_equal(count(p, "<title>read: 40 samples, 40.0 %</title>"), 1);
    assert_int_equal(count(p, "<title>parse: 30 samples, 30.0 %</title>"), 1);
    assert_int_equal(count(p, ">a title</text>"), 1);
    free(p);
}

static void boxes_stand_by_name_above_those_that_called(void **state) {
    (void)state;
    char *p = drawn("b;z 50\na;y 25\nb 25\n", "");
    assert_int_equal(count(p, "x=\"10.0\" y=\"-36\" width=\"295.0\""), 1);  /* a */
    assert_int_equal(count(p, "x=\"10.0\" y=\"-54\" width=\"295.0\""), 1);  /* y, above a */
    assert_int_equal(count(p, "x=\"305.0\" y=\"-36\" width=\"885.0\""), 1); /* b, right of a */
    assert_int_equal(count(p, "x=\"305.0\" y=\"-54\" width=\"590.0\""), 1); /* z, above b, which ran itself, too */
    free(p);
}

static void a_name_has_one_colour_in_all_pictures(void **state) {
    (void)state;
    char *p = drawn("a;name 1\nb;name 1\n", ""), *q = drawn("name 7\n", "");
    const char *box = strstr(q, "<title>name: 7 samples, 100.0 %</title><rect class=\"c"), *colour = strstr(box, "\"c");
    char expected[80];
    snprintf(expected, sizeof expected, "<title>name: 1 samples, 50.0 %%</title><rect class=%.4s", colour);
    assert_int_equal(count(p, expected), 2);
    free(p);
    free(q);
}

static void what_is_narrower_than_a_thousandth_is_left_out(void **state) {
    (void)state;
    char *p = drawn("wide 9990\nthin;within 9\nthick 1\n", "");
    assert_int_equal(count(p, "<title>wide"), 1);
    assert_int_equal(count(p, "<title>thin"), 0);
    assert_int_equal(count(p, "<title>within"), 0);
    assert_int_equal(count(p, "<title>thick"), 0);
    free(p);
}

static void depth_is_bounded(void **state) {
    (void)state;
    struct buf folded;
    buf_init(&folded, SIZE_MAX);
    for (int i = 0; i < 10 * FLAME_DEPTH; i++) buf_printf(&folded, "%sf%d", i ? ";" : "", i);
    buf_printf(&folded, " 1\n");
    buf_append_byte(&folded, '\0');
    char *p = drawn((const char *)buf_slice(&folded).p, "");
    assert_int_equal(count(p, "<rect "), FLAME_DEPTH + 1);
    free(p);
    buf_clear(&folded);
}

static void a_label_is_cut_to_its_box(void **state) {
    (void)state;
    char *p = drawn("a_long_name_of_a_function 10\nother 190\n", "");
    assert_int_equal(count(p, "<title>a_long_name_of_a_function: 10"), 1);
    assert_int_equal(count(p, ">a_lon..</text>"), 1); /* 59 pixels */
    free(p);
    p = drawn("n\xc3\xa4m\xe2\x82\xac_of_a_function 10\nother 190\n", "");
    assert_int_equal(count(p, ">n\xc3\xa4m\xe2\x82\xac_..</text>"), 1); /* not within a character */
    free(p);
}

static void any_name_is_xml(void **state) {
    (void)state;
    char *p = drawn("<script>&\"x\x01\xff\xef\xbf\xbe 1\n", "]]>");
    assert_int_equal(count(p, "<title>&lt;script&gt;&amp;\"x\\x01\\xff?: 1 samples"), 1);
    assert_int_equal(count(p, "]]&gt;</text>"), 1);
    free(p);
}

static void what_is_no_line_is_passed_over(void **state) {
    (void)state;
    char *p = drawn("a 1\nb\nc x\n 3\nd 0\ne 12345678901234567890\nf -1\n\ng 1", "");
    assert_int_equal(count(p, "<rect "), 3); /* all, a, g */
    assert_int_equal(count(p, "<title>all: 2 samples"), 1);
    free(p);
    p = drawn("", "nothing");
    assert_int_equal(count(p, "<rect "), 0);
    assert_int_equal(count(p, "</svg>"), 1);
    free(p);
}

static void a_buffer_that_is_full_says_so(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(flame_draw(&out, slice_str("a 1\n"), slice_str("")), ERR_FULL);
    buf_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_begin_alike_share_their_boxes),
        cmocka_unit_test(boxes_stand_by_name_above_those_that_called),
        cmocka_unit_test(a_name_has_one_colour_in_all_pictures),
        cmocka_unit_test(what_is_narrower_than_a_thousandth_is_left_out),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_label_is_cut_to_its_box),
        cmocka_unit_test(any_name_is_xml),
        cmocka_unit_test(what_is_no_line_is_passed_over),
        cmocka_unit_test(a_buffer_that_is_full_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

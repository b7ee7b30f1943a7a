/* test_shown: what a terminal and a log may be given of what strangers say. */
#include "base/shown.h"

#include "base/json_write.h"
#include "unit.h"
#include <stdio.h>

static void check(const char *text, size_t n, unsigned keep, const char *expected) {
    struct buf out, again;
    buf_init(&out, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    shown_append(&out, slice_of(text, n), keep);
    buf_append(&out, slice_of("", 1));
    assert_bytes_equal(buf_slice(&out).p, expected);
    shown_append(&again, slice_str(expected), keep);
    assert_true(slice_eq(buf_slice(&again), slice_str(expected)));
    buf_clear(&out);
    buf_clear(&again);
}

#define CHECK(text, keep, expected) check(text, sizeof(text) - 1, keep, expected)

static void control_characters_are_escaped(void **state) {
    (void)state;
    CHECK("plain \\ text, \"quoted\"", 0, "plain \\ text, \"quoted\"");
    CHECK("", 0, "");
    CHECK("a\0b\x1b[2J\x07\x7f", 0, "a\\x00b\\x1b[2J\\x07\\x7f");
    CHECK("a\r\nb\tc", 0, "a\\r\\nb\\tc");
    CHECK("\xc2\x9b"
          "31m \xc2\x80\xc2\x9f\xc2\xa0",
          0, "\\u{9b}31m \\u{80}\\u{9f}\xc2\xa0"); /* C1; U+00A0 is a space */
}

static void bytes_that_are_no_utf8_are_escaped(void **state) {
    (void)state;
    CHECK("\x9b"
          "31m \xff\xe2\x82",
          0, "\\x9b31m \\xff\\xe2\\x82");
    CHECK("\xc0\x9b \xe0\x80\x9b \xed\xa0\x80 \xf4\x90\x80\x80", 0,
          "\\xc0\\x9b \\xe0\\x80\\x9b \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80");
    CHECK("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 0, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
}

static void marks_of_direction_are_escaped(void **state) {
    (void)state;
    static const uint32_t marks[] = {0x061C, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202B,
                                     0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069};
    for (uint32_t code = 0xA0; code < 0x3000; code++) {
        bool listed = false;
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) listed |= marks[i] == code;
        assert_int_equal(shown_is_harmless(code), !listed);
    }
    CHECK("abc\xe2\x80\xae"
          "cba\xe2\x81\xa6\xd8\x9c",
          0, "abc\\u{202e}cba\\u{2066}\\u{61c}");
}

static void a_message_forges_no_line_of_a_traceback(void **state) {
    (void)state;
    unsigned keep = SHOWN_TABS | SHOWN_TRACEBACK;
    CHECK("a\tb\nc\n", SHOWN_TABS, "a\tb\\nc\\n");
    CHECK("a\n\r\tb\n", SHOWN_TABS | SHOWN_LINES, "a\n\\r\tb\n");
    CHECK("x.lua:1: no\nwsbot: all is well\nstack traceback:\n\tx.lua:1: in f\n\t[C]: in ?", keep,
          "x.lua:1: no\\nwsbot: all is well\nstack traceback:\n\tx.lua:1: in f\n\t[C]: in ?");
    CHECK("no\nstack traceback:\nwsbot: all is well", keep, "no\\nstack traceback:\\nwsbot: all is well");
}

static void a_copy_is_cut_between_escapes(void **state) {
    (void)state;
    char text[8];
    shown_copy(text, sizeof text, slice_str("abc\x1b"), 0);
    assert_string_equal(text, "abc\\x1b");
    shown_copy(text, sizeof text, slice_str("abcd\x1b"), 0);
    assert_string_equal(text, "abcd");
    shown_copy(text, sizeof text, slice_str("abcdef\xc3\xa9"), 0);
    assert_string_equal(text, "abcdef");
    shown_copy(text, 1, slice_str("a"), 0);
    assert_string_equal(text, "");
}

static void json_escapes_the_same(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    json_put_shown(&out, slice_str("\x1b[m\n\xc2\x9b\xe2\x80\xae\xe2\x80\xa8\x7f\x9b\xc3\xa9"));
    assert_true(
        slice_eq(buf_slice(&out), slice_str("\"\\u001b[m\\n\\u009b\\u202e\\u2028\\u007f\xef\xbf\xbd\xc3\xa9\"")));
    buf_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_escaped), cmocka_unit_test(bytes_that_are_no_utf8_are_escaped),
        cmocka_unit_test(marks_of_direction_are_escaped), cmocka_unit_test(a_message_forges_no_line_of_a_traceback),
        cmocka_unit_test(a_copy_is_cut_between_escapes),  cmocka_unit_test(json_escapes_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_utf8: every pair of bytes, the edges of RFC 3629, and cuts. */
#include "unit.h"
#include "wire/utf8.h"

static void the_edges_are_where_the_rfc_has_them(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF",
                                       "abcdefgh\xC3\xA9ijklmnop"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\xC0",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF",
                                      "abcdefgh\x80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!utf8_valid(slice_str(good[i]))) fail_msg("good %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (utf8_valid(slice_str(bad[i]))) fail_msg("bad %zu", i);
}

static void every_character_is_valid_and_every_surrogate_is_not(void **state) {
    (void)state;
    for (uint32_t c = 0x80; c <= 0x10FFFF; c++) {
        uint8_t s[4];
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n - 1; i > 0; i--) s[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3F));
        s[0] = (uint8_t)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c >> (6 * (n - 1)));
        if (utf8_valid(slice_of(s, n)) == (c >= 0xD800 && c <= 0xDFFF)) fail_msg("U+%04X", c);
    }
}

static void a_wrong_byte_is_told_at_once(void **state) {
    (void)state;
    struct utf8 u = {0};
    assert_true(utf8_step(&u, slice_of("\xF0", 1)));
    assert_false(utf8_whole(&u));
    assert_false(utf8_step(&u, slice_of("\x80", 1))); /* overlong, whatever follows */
    u = (struct utf8){0};
    assert_false(utf8_step(&u, slice_of("\xC0", 1)));
    u = (struct utf8){0};
    assert_true(utf8_step(&u, slice_of("\xED", 1)));
    assert_false(utf8_step(&u, slice_of("\xA0", 1)));
}

static void a_text_may_be_cut_anywhere(void **state) {
    (void)state;
    struct slice text = slice_str("plain, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x98\x80, and plain again");
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct utf8 u = {0};
        assert_true(utf8_step(&u, slice_head(text, cut)));
        assert_true(utf8_step(&u, slice_skip(text, cut)));
        assert_true(utf8_whole(&u));
    }
}

/* A text as the vector units see it: at each place of their 32 bytes, and cut anywhere. */
static void both_ways_agree(void **state) {
    (void)state;
    static const char *const pieces[] = {"a",
                                         "\xC3\xA9",
                                         "\xE2\x82\xAC",
                                         "\xF0\x9F\x98\x80",
                                         "\xEF\xBF\xBF",
                                         "\xF4\x8F\xBF\xBF",
                                         "\xED\x9F\xBF",
                                         "\xE0\xA0\x80",
                                         "\xC2\x80"};
    static const uint8_t wrong[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2,
                                    0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xF8, 0xFF};
    uint8_t text[200];
    uint32_t seed = 1;
    unsigned valid = 0, invalid = 0;
    for (int round = 0; round < 20000; round++) {
        size_t n = 0;
        while (n < sizeof text - 4) {
            seed = seed * 1664525 + 1013904223;
            const char *piece = pieces[(seed >> 16) % (round % 3 ? 9 : 2)];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        }
        seed = seed * 1664525 + 1013904223;
        if (round % 2) text[(seed >> 8) % n] = wrong[(seed >> 24) % sizeof wrong];
        seed = seed * 1664525 + 1013904223;
        size_t cut = (seed >> 8) % (n + 1);
        struct utf8 plain = {0}, quick = {0};
        bool expected = utf8_step_plain(&plain, slice_of(text, n)) && utf8_whole(&plain);
        bool got = utf8_step(&quick, slice_of(text, cut)) && utf8_step(&quick, slice_of(text + cut, n - cut)) &&
                   utf8_whole(&quick);
        assert_int_equal(got, expected);
        assert_int_equal(utf8_valid(slice_of(text, n)), expected);
        expected ? valid++ : invalid++;
    }
    assert_true(valid > 5000 && invalid > 5000);
}

static void where_it_goes_wrong_is_known(void **state) {
    (void)state;
    static char text[10000];
    assert_int_equal(utf8_wrong_at(slice_of(NULL, 0)), 0);
    assert_int_equal(utf8_wrong_at(slice_str("a\xC3(")), 2);
    assert_int_equal(utf8_wrong_at(slice_str("ab\xFF")), 2);
    assert_int_equal(utf8_wrong_at(slice_str("ab\xE2\x82")), 4);
    assert_int_equal(utf8_wrong_at(slice_str("\xED\xA0\x80")), 1);
    for (size_t at = 0; at < sizeof text - 1; at += 1 + at / 7) {
        memset(text, 'x', sizeof text);
        text[at] = '\xC0';
        assert_int_equal(utf8_wrong_at(slice_of(text, sizeof text)), at);
        text[at] = '\xC3';
        assert_int_equal(utf8_wrong_at(slice_of(text, sizeof text)), at + 1);
        assert_int_equal(utf8_wrong_at(slice_of(text, at + 1)), at + 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_edges_are_where_the_rfc_has_them),
        cmocka_unit_test(every_character_is_valid_and_every_surrogate_is_not),
        cmocka_unit_test(a_wrong_byte_is_told_at_once),
        cmocka_unit_test(a_text_may_be_cut_anywhere),
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(where_it_goes_wrong_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_json: what RFC 8259 says of a text, production by production, and that what is written is read back. */
#include "base/err.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/random.h"
#include "unit.h"
#include <math.h>
#include <stdio.h>

/* Where a text goes wrong; -1: nowhere. It is read with nothing but its own bytes behind it. */
static long wrong_at(const char *text, const char **why) {
    size_t n = strlen(text);
    char *own = malloc(n + 1);
    struct json_source source;
    memcpy(own, text, n + 1);
    struct json_reader r = json_begin(&source, slice_of(own, n));
    if (json_pass(&r) && !json_is_over(&r)) json_refuse(&source, r.p, "something follows");
    long at = source.fault.why ? source.fault.at - (const uint8_t *)own : -1;
    if (why) *why = source.fault.why;
    free(own);
    return at;
}

static void each_production_is_read(void **state) {
    (void)state;
    static const char *const right[] = {
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "1.5",
        "-1.5e3",
        "1E+3",
        "1e-3",
        "0.0",
        "0e0",
        "1e400",
        "123456789012345678901234567890",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
        "\"\x7f\"",
        "\"\xc3\xa9\"",
        "[]",
        "[1]",
        "[1,2,[3]]",
        " [ 1 , 2 ] ",
        "{}",
        "{\"a\":1}",
        " { \"a\" : { \"b\" : [ ] } , \"a\" : 2 } ",
        "\t\n\r 1 \t\n\r ",
        "[[[[[[[[[[]]]]]]]]]]",
        "{\"\":0}",
        "[\"a long text of more than sixteen bytes\",\"\\\\\"]",
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        if (wrong_at(right[i], NULL) != -1) fail_msg("refused: %s at %ld", right[i], wrong_at(right[i], NULL));
}

static void what_is_none_is_refused_where_it_goes_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text;
        long at;
    } wrong[] = {
        {"", 0},
        {" ", 1},
        {"nul", 3},
        {"nulL", 3},
        {"True", 0},
        {"+1", 0},
        {"01", 0},
        {"-", 1},
        {"-a", 1},
        {"1.", 2},
        {".5", 0},
        {"1e", 2},
        {"1e+", 3},
        {"0x1", 1},
        {"NaN", 0},
        {"Infinity", 0},
        {"-Infinity", 1},
        {"1 2", 2},
        {"\"", 1},
        {"\"a", 2},
        {"\"\\", 2},
        {"\"\n\"", 1},
        {"\"\x1f\"", 1},
        {"'a'", 0},
        {"[", 1},
        {"[1", 2},
        {"[1,", 3},
        {"[1,]", 3},
        {"[,1]", 1},
        {"[1 2]", 3},
        {"[1}", 2},
        {"{", 1},
        {"{\"a\"", 4},
        {"{\"a\":", 5},
        {"{\"a\":1", 6},
        {"{\"a\":1,", 7},
        {"{\"a\":1,}", 7},
        {"{a:1}", 1},
        {"{1:1}", 1},
        {"{\"a\" 1}", 5},
        {"{\"a\":1]", 6},
        {"]", 0},
        {"}", 0},
        {"// a\n1", 0},
        {"[1]]", 3},
        {"\xef\xbb\xbf"
         "1",
         0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (wrong_at(wrong[i].text, NULL) != wrong[i].at)
            fail_msg("%s: at %ld, not at %ld", wrong[i].text, wrong_at(wrong[i].text, NULL), wrong[i].at);
}

static void nesting_has_a_limit(void **state) {
    (void)state;
    char text[2 * (JSON_DEPTH_MOST + 1) + 1];
    for (int more = 0; more < 2; more++) {
        size_t n = JSON_DEPTH_MOST + (size_t)more;
        memset(text, '[', n);
        memset(text + n, ']', n);
        text[2 * n] = '\0';
        assert_int_equal(wrong_at(text, NULL), more ? JSON_DEPTH_MOST : -1);
    }
}

/* ---- strings ---- */

static int unescape(const char *text, struct buf *out) {
    struct json_fault fault = {0};
    buf_init(out, SIZE_MAX);
    struct json_string string = {.p = (const uint8_t *)text, .n = strlen(text), .escapes = true};
    int rc = json_unescape(out, &string, &fault);
    if (rc == 0) buf_append(out, slice_of("", 1));
    return rc;
}

static void escapes_are_characters(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"\\n\\t\\r\\b\\f\\/\\\\\\\"", "\n\t\r\b\f/\\\""},
        {"\\u0041", "A"},
        {"\\u00e9", "\xc3\xa9"},
        {"\\u20AC", "\xe2\x82\xac"},
        {"\\uD83D\\uDE00", "\xf0\x9f\x98\x80"},
        {"a\\u0062c", "abc"},
        {"\\uffff", "\xef\xbf\xbf"},
    };
    static const char *const wrong[] = {"\\x41",   "\\u12",      "\\u12g4",        "\\ud83d",
                                        "\\ude00", "\\ud83d\\n", "\\ud83d\\u0041", "\\a"};
    struct buf out;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(unescape(pairs[i][0], &out), 0);
        assert_bytes_equal(buf_slice(&out).p, pairs[i][1]);
        buf_clear(&out);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (unescape(wrong[i], &out) != ERR_SYNTAX) fail_msg("taken: %s", wrong[i]);
        buf_clear(&out);
    }
}

static void each_byte_that_must_be_is_escaped_and_read_back(void **state) {
    (void)state;
    struct buf out, back;
    for (size_t size = 1; size < 70; size += 3) {
        for (int c = 0; c < 256; c++) {
            uint8_t text[70];
            struct json_source source;
            struct json_string string;
            memset(text, 'x', size);
            text[size / 2] = (uint8_t)c;
            buf_init(&out, SIZE_MAX);
            buf_init(&back, SIZE_MAX);
            assert_int_equal(json_put_string(&out, slice_of(text, size)), 0);
            struct slice written = buf_slice(&out);
            assert_int_equal(buf_append(&out, slice_of("", 1)), 0);
            struct json_reader r = json_begin(&source, slice_of(buf_slice(&out).p, written.n));
            assert_true(json_string(&r, &string));
            assert_ptr_equal(r.p, source.marks.end - 1);
            assert_int_equal(string.escapes, c < 0x20 || c == '"' || c == '\\');
            assert_int_equal(json_unescape(&back, &string, &source.fault), 0);
            assert_true(slice_eq(buf_slice(&back), slice_of(text, size)));
            buf_clear(&out);
            buf_clear(&back);
        }
    }
}

static void a_long_string_is_written_in_parts(void **state) {
    (void)state;
    enum { SIZE = 10000 };
    char *text = malloc(SIZE);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    memset(text, '\1', SIZE);
    assert_int_equal(json_put_string(&out, slice_of(text, SIZE)), 0);
    assert_int_equal(out.len, 6 * SIZE + 2);
    buf_clear(&out);
    buf_init(&out, 100);
    assert_int_equal(json_put_string(&out, slice_of(text, SIZE)), ERR_FULL);
    buf_clear(&out);
    free(text);
}

/* ---- numbers ---- */

static struct json_number number(const char *text) {
    struct json_number n;
    const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
    struct json_source source = {.marks = json_marks_of(p, end)};
    if (json_number(&source, p, &n) != end) fail_msg("%s: %s", text, source.fault.why);
    return n;
}

static void integers_of_64_bits_stay_as_they_are(void **state) {
    (void)state;
    assert_int_equal(number("0").integer, 0);
    assert_int_equal(number("1190000000000000123").integer, 1190000000000000123);
    assert_int_equal(number("9223372036854775807").integer, INT64_MAX);
    assert_int_equal(number("-9223372036854775808").integer, INT64_MIN);
    assert_false(number("9223372036854775808").is_integer);
    assert_false(number("-9223372036854775809").is_integer);
    assert_false(number("99999999999999999999").is_integer);
    assert_false(number("-0").is_integer);
    assert_true(signbit(number("-0").real));
    assert_false(number("1.0").is_integer);
    assert_false(number("1e2").is_integer);
}

static void doubles_are_the_nearest(void **state) {
    (void)state;
    static const char *const texts[] = {
        "0.1",
        "27.55",
        "1e22",
        "1e23",
        "9007199254740993.0",
        "123456789012345678901234567890",
        "1.7976931348623157e308",
        "5e-324",
        "2.4703282292062327208e-324",
        "2.2250738585072014e-308",
        "0.000001",
        "1e-400",
        "1e400",
        "3.141592653589793238462643383279",
        "8.98846567431158e307",
        "1e-22",
        "1e-23",
        "4.35",
        "100000000000000000000000.0",
        "0.00000000000000000000000000000001",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(number(texts[i]).real == strtod(texts[i], NULL));
}

static void what_loses_digits_is_known(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool loses;
    } cases[] = {
        {"0.1", false},
        {"27.55", false},
        {"0.30000000000000004", false},
        {"0.3000000000000000444", false},
        {"0.3000000000000000445", true},
        {"1e400", true},
        {"100000000000000000000", false},
        {"100000000000000000001", true},
        {"9007199254740993.0", true},
        {"0.000", false},
        {"1e-400", true},
        {"-0.0", false},
        {"123456789012345678901234567890", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *p = (const uint8_t *)cases[i].text;
        if (json_number_loses(p, p + strlen(cases[i].text), number(cases[i].text).real) != cases[i].loses)
            fail_msg("%s", cases[i].text);
    }
}

static const char *written(double value) {
    static char text[64];
    struct buf out;
    buf_init(&out, SIZE_MAX);
    assert_int_equal(json_put_real(&out, value), 0);
    snprintf(text, sizeof text, "%.*s", (int)out.len, (const char *)buf_slice(&out).p);
    buf_clear(&out);
    return text;
}

static void doubles_are_written_in_the_fewest_digits(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {27.55, "27.55"},
        {123456.789, "123456.789"},
        {1e15, "1000000000000000"},
        {1e21, "1e21"},
        {1e300, "1e300"},
        {1.5e300, "1.5e300"},
        {5e-324, "5e-324"},
        {1e-7, "1e-7"},
        {1e-5, "0.00001"},
        {1.25e-7, "1.25e-7"},
        {1.7976931348623157e308, "1.7976931348623157e308"},
        {9007199254740992, "9007199254740992"},
        {100, "100"},
        {-1e-300, "-1e-300"},
        {1152921504606846976, "1.152921504606847e18"},
        {4.35, "4.35"},
        {0.001, "0.001"},
        {99999999999999.9, "99999999999999.9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(written(cases[i].value), cases[i].text);
        assert_true(number(written(cases[i].value)).is_integer ||
                    number(written(cases[i].value)).real == cases[i].value);
    }
}

/* Of a hundred thousand doubles with any bits, and of as many with few decimals. */
static void each_double_is_read_back(void **state) {
    (void)state;
    for (int i = 0; i < 200000; i++) {
        uint64_t bits;
        double value;
        random_fill(&bits, sizeof bits);
        memcpy(&value, &bits, sizeof value);
        if (i % 2) value = (double)(int64_t)(bits >> 24) / pow(10, (double)(bits % 12));
        if (!isfinite(value)) continue;
        struct json_number n = number(written(value));
        if (n.is_integer ? (double)n.integer != value || n.integer != (int64_t)value : n.real != value)
            fail_msg("%.17g became %s", value, written(value));
    }
}

static void a_place_has_its_line_and_column(void **state) {
    (void)state;
    size_t line, column;
    const uint8_t *text = (const uint8_t *)"a\nbc\n\nd";
    json_place(text, text, &line, &column);
    assert_true(line == 1 && column == 1);
    json_place(text, text + 3, &line, &column);
    assert_true(line == 2 && column == 2);
    json_place(text, text + 6, &line, &column);
    assert_true(line == 4 && column == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_production_is_read),
        cmocka_unit_test(what_is_none_is_refused_where_it_goes_wrong),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(escapes_are_characters),
        cmocka_unit_test(each_byte_that_must_be_is_escaped_and_read_back),
        cmocka_unit_test(a_long_string_is_written_in_parts),
        cmocka_unit_test(integers_of_64_bits_stay_as_they_are),
        cmocka_unit_test(doubles_are_the_nearest),
        cmocka_unit_test(what_loses_digits_is_known),
        cmocka_unit_test(doubles_are_written_in_the_fewest_digits),
        cmocka_unit_test(each_double_is_read_back),
        cmocka_unit_test(a_place_has_its_line_and_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

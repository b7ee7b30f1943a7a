/* test_json_marks: the marks of a text are those that a plain reading of it gives, by vector units and without. */
#include "base/json_marks.h"
#include "unit.h"
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 400 };

/* Sets a bit of `to` for each mark. */
static void mark_plainly(const uint8_t *text, size_t n, bool to[]) {
    bool in_string = false, in_word = false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = text[i];
        to[i] = false;
        if (c == '\\') {
            to[i] = in_string || !in_word;
            in_word = !in_string;
            if (i + 1 == n || !(in_string || strchr("\"\\", text[i + 1]))) continue;
            i++; /* what it hides */
            to[i] = in_string && text[i] < 0x20;
        } else if (in_string || c == '"') {
            to[i] = c == '"' || c < 0x20;
            in_string ^= c == '"';
            in_word = false;
        } else {
            bool sign = c && strchr("{}[]:,", c), space = c && strchr(" \t\n\r", c);
            to[i] = sign || (!space && !in_word);
            in_word = !sign && !space;
        }
    }
}

static size_t random_text(uint32_t *seed, unsigned round, uint8_t text[TEXT_MOST]) {
    static const char *const pieces[] = {"\"",   "\\",   "\\\\", "\\\"", "{",    "}",     "[",     "]",      ":",
                                         ",",    " ",    "\n",   "\t",   "\r",   "a",     "true",  "-1.5e3", "\xC3\xA9",
                                         "\x01", "\x1F", "\x0C", "\x1A", "\x7F", "price", "\"x\":"};
    size_t n = 0, most = round % TEXT_MOST;
    while (n < most) {
        *seed = *seed * 1664525 + 1013904223;
        const char *piece = pieces[(*seed >> 16) % (sizeof pieces / sizeof *pieces)];
        size_t size = strlen(piece) < most - n ? strlen(piece) : most - n;
        memcpy(text + n, piece, size);
        n += size;
    }
    return n;
}

static void compare(const uint8_t *text, size_t n, const bool expected[], uint64_t (*next)(struct json_marks *)) {
    struct json_marks m = json_marks_of(text, text + n);
    for (size_t at = 0;;) {
        uint64_t marks = next(&m);
        if (m.block == m.end) {
            while (at < n && !expected[at]) at++;
            if (at != n) fail_msg("no mark at %zu of %.*s", at, (int)n, (const char *)text);
            assert_int_equal(marks, 1);
            return;
        }
        for (; marks; marks &= marks - 1, at++) {
            size_t found = (size_t)(m.block - text) + (size_t)__builtin_ctzll(marks);
            while (at < found && !expected[at]) at++;
            if (at != found || !expected[at]) fail_msg("a mark at %zu of %.*s", found, (int)n, (const char *)text);
        }
    }
}

static void both_ways_mark_what_a_plain_reading_does(void **state) {
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t text[TEXT_MOST], *own;
        bool expected[TEXT_MOST];
        size_t n = random_text(&seed, round, text);
        mark_plainly(text, n, expected);
        own = malloc(n + 1); /* with nothing behind it */
        memcpy(own, text, n);
        compare(own, n, expected, json_marks_next);
        compare(own, n, expected, json_marks_next_plain);
        free(own);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ways_mark_what_a_plain_reading_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

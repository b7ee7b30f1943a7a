/* test_mask: every length and place, with vector units and without. */
#include "unit.h"
#include "wire/mask.h"

static void a_mask_falls_on_each_byte_by_its_place(void **state) {
    (void)state;
    static const uint8_t mask[4] = {0x01, 0x20, 0x40, 0x8F};
    uint8_t from[200], to[200];
    for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i * 37);
    for (size_t offset = 0; offset < 9; offset++) {
        for (size_t n = 0; n <= sizeof from - 1; n++) {
            memset(to, 0xEE, sizeof to);
            mask_copy(to, from, n, mask, offset);
            for (size_t i = 0; i < n; i++) assert_int_equal(to[i], from[i] ^ mask[(offset + i) & 3]);
            assert_int_equal(to[n], 0xEE);
            mask_copy(to, to, n, mask, offset);
            assert_memory_equal(to, from, n);
            size_t ascii = 0;
            while (ascii < n && from[ascii] < 0x80) ascii++;
            assert_int_equal(mask_copy(to, from, n, mask, offset), ascii == n);
        }
    }
}

static void both_ways_agree(void **state) {
    (void)state;
    static const uint8_t mask[4] = {0xFF, 0x00, 0x5A, 0x81};
    uint8_t from[1000], one[1000], other[1000];
    for (size_t i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i * i + i / 7);
    for (size_t n = 0; n < sizeof from - 40; n += 13) {
        for (size_t offset = 0; offset < 37; offset++) {
            mask_copy(one, from + offset, n, mask, offset);
            mask_copy_plain(other, from + offset, n, mask, offset);
            if (n) assert_memory_equal(one, other, n);
        }
    }
}

static void a_byte_that_is_not_ascii_is_seen_wherever_it_is(void **state) {
    (void)state;
    static const uint8_t mask[4] = {0xFF, 0x00, 0x5A, 0x81};
    uint8_t from[200], to[200];
    for (size_t n = 0; n <= sizeof from; n++) {
        memset(from, 'a', sizeof from);
        assert_true(mask_copy(to, from, n, mask, 0));
        assert_true(mask_copy_plain(to, from, n, mask, 0));
        for (size_t at = 0; at < n; at++) {
            from[at] = 0x80;
            assert_false(mask_copy(to, from, n, mask, 0));
            assert_false(mask_copy_plain(to, from, n, mask, 0));
            from[at] = 0x7F;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_falls_on_each_byte_by_its_place),
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(a_byte_that_is_not_ascii_is_seen_wherever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

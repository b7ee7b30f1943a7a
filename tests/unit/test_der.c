/* test_der: what is an element of DER, and what is not. */
#include "unit.h"
#include "wire/der.h"

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static void takes(struct slice in, uint8_t tag, struct slice body, struct slice rest) {
    struct der e;
    struct slice at = in;
    assert_true(der_take(&at, &e));
    assert_int_equal(e.tag, tag);
    assert_true(slice_eq(e.body, body));
    assert_true(slice_eq(e.whole, slice_head(in, in.n - rest.n)));
    assert_true(slice_eq(at, rest));
}

/* Nothing is taken off it, whatever is behind it. */
static void refuses(struct slice in) {
    uint8_t more[64] = {0};
    struct der e;
    struct slice at = in;
    assert_false(der_take(&at, &e));
    assert_ptr_equal(at.p, in.p);
    assert_int_equal(at.n, in.n);
    memcpy(more, in.p, in.n);
    at = slice_of(more, sizeof more);
    assert_false(der_take(&at, &e));
}

static void an_element_is_taken_off_the_front(void **state) {
    (void)state;
    takes(BYTES("\x04\x02hi"), DER_OCTET_STRING, BYTES("hi"), BYTES(""));
    takes(BYTES("\x04\x02hithere"), DER_OCTET_STRING, BYTES("hi"), BYTES("there"));
    takes(BYTES("\x30\0"), DER_SEQUENCE, BYTES(""), BYTES(""));
    takes(BYTES("\xA3\x02\x05\0\x05\0"), DER_CONTEXT_OF(3), BYTES("\x05\0"), BYTES("\x05\0"));
}

static void a_length_may_have_several_bytes(void **state) {
    (void)state;
    static uint8_t bytes[(1 << 16) + 6];
    memcpy(bytes, "\x04\x81\x80", 3);
    takes(slice_of(bytes, 3 + 0x80), DER_OCTET_STRING, slice_of(bytes + 3, 0x80), BYTES(""));
    memcpy(bytes, "\x04\x82\x01\0", 4);
    takes(slice_of(bytes, 4 + 0x100), DER_OCTET_STRING, slice_of(bytes + 4, 0x100), BYTES(""));
    memcpy(bytes, "\x04\x83\x01\0\0", 5);
    takes(slice_of(bytes, 5 + (1 << 16)), DER_OCTET_STRING, slice_of(bytes + 5, 1 << 16), BYTES(""));
}

static void a_head_must_be_der(void **state) {
    (void)state;
    refuses(BYTES("\x30\x80"));     /* no length */
    refuses(BYTES("\x04\x81\x02")); /* not the shortest */
    refuses(BYTES("\x04\x81\x7F"));
    refuses(BYTES("\x04\x82\0\x80"));       /* a zero in front */
    refuses(BYTES("\x04\x85\x01\0\0\0\0")); /* too many bytes of it */
    refuses(BYTES("\x04\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
    refuses(BYTES("\x04\xFF"));
    refuses(BYTES("\x1F\x02hi")); /* a tag of several bytes */
    refuses(BYTES("\xBF\x01\x02hi"));
}

static void one_that_is_not_whole_is_none(void **state) {
    (void)state;
    static const char whole[] = "\x04\x81\x80";
    static uint8_t bytes[3 + 0x80];
    memcpy(bytes, whole, 3);
    struct der e;
    for (size_t n = 0; n < sizeof bytes; n++) {
        struct slice in = slice_of(bytes, n);
        assert_false(der_take(&in, &e));
        assert_int_equal(in.n, n);
    }
    struct slice huge = BYTES("\x04\x84\xFF\xFF\xFF\xFFx"), none = slice_of(NULL, 0);
    assert_false(der_take(&huge, &e));
    assert_false(der_take(&none, &e));
}

static void the_input_may_be_the_body_of_what_is_read(void **state) {
    (void)state;
    struct slice in = BYTES("\x30\x04\x04\x02hi");
    struct der e;
    assert_true(der_take(&in, &e));
    assert_true(der_take(&e.body, &e));
    assert_true(slice_eq(e.body, BYTES("hi")));
    assert_true(slice_eq(e.whole, BYTES("\x04\x02hi")));
}

static void a_tag_that_is_asked_for_must_be_there(void **state) {
    (void)state;
    struct slice in = BYTES("\x04\x02hi"), none = slice_of(NULL, 0);
    struct der e;
    assert_false(der_take_tag(&in, DER_SEQUENCE, &e));
    assert_false(der_take_tag(&none, 0, &e));
    assert_int_equal(in.n, 4);
    assert_true(der_take_tag(&in, DER_OCTET_STRING, &e));
    assert_int_equal(in.n, 0);
}

static void integers_are_small_and_short(void **state) {
    (void)state;
    int n = -1;
    assert_true(der_small_integer(BYTES("\0"), &n) && n == 0);
    assert_true(der_small_integer(BYTES("\x7F"), &n) && n == 127);
    assert_true(der_small_integer(BYTES("\0\x80"), &n) && n == 128);
    assert_true(der_small_integer(BYTES("\x7F\xFF\xFF\xFF"), &n) && n == INT32_MAX);
    assert_false(der_small_integer(BYTES(""), &n));
    assert_false(der_small_integer(BYTES("\0\x7F"), &n)); /* not the shortest */
    assert_false(der_small_integer(BYTES("\xFF"), &n));   /* -1 */
    assert_false(der_small_integer(BYTES("\x80\0\0\0"), &n));
    assert_false(der_small_integer(BYTES("\x01\0\0\0\0"), &n));
}

static void booleans_have_two_values(void **state) {
    (void)state;
    bool yes = true;
    assert_true(der_boolean(BYTES("\0"), &yes) && !yes);
    assert_true(der_boolean(BYTES("\xFF"), &yes) && yes);
    assert_false(der_boolean(BYTES("\x01"), &yes)); /* which is BER */
    assert_false(der_boolean(BYTES(""), &yes));
    assert_false(der_boolean(BYTES("\xFF\xFF"), &yes));
}

static void bits_that_are_not_used_are_zero(void **state) {
    (void)state;
    struct slice bits;
    assert_true(der_bits(BYTES("\0"), &bits) && bits.n == 0);
    assert_true(der_bits(BYTES("\x05\xA0"), &bits) && slice_eq(bits, BYTES("\xA0")));
    assert_true(der_bits(BYTES("\x07\x01\x80"), &bits) && bits.n == 2);
    assert_false(der_bits(BYTES(""), &bits));
    assert_false(der_bits(BYTES("\x08\0"), &bits));
    assert_false(der_bits(BYTES("\x01"), &bits)); /* one is not used where there is none */
    assert_false(der_bits(BYTES("\x05\xA1"), &bits));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_is_taken_off_the_front),
        cmocka_unit_test(a_length_may_have_several_bytes),
        cmocka_unit_test(a_head_must_be_der),
        cmocka_unit_test(one_that_is_not_whole_is_none),
        cmocka_unit_test(the_input_may_be_the_body_of_what_is_read),
        cmocka_unit_test(a_tag_that_is_asked_for_must_be_there),
        cmocka_unit_test(integers_are_small_and_short),
        cmocka_unit_test(booleans_have_two_values),
        cmocka_unit_test(bits_that_are_not_used_are_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

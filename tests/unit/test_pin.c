/* test_pin: which texts are pins, and the key of which certificate they are. */
#include "base/err.h"
#include "unit.h"
#include "wire/pin.h"

/* A certificate that says no more than it must: TBSCertificate with serial number, five sequences, and a signature. The
 * key is 30 03 'key': openssl dgst -sha256 -binary | openssl base64 tells its pin. */
#define KEY       "\x30\x03key"
#define TAIL      "\x30\x01s\x30\x01i\x30\x01v\x30\x01n" KEY
#define LETTERS   "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define LONG_NAME LETTERS LETTERS LETTERS LETTERS
#define KEYS_PIN  "sha256//b/oC/wODLVNZICyhnIg+2rbU8j6mhPXkVFqrOR62Vg8="

static void has(const char *bytes, size_t n, const char *pin) {
    char text[PIN_SIZE + 1] = "x";
    int rc = pin_of_certificate(slice_of(bytes, n), text);
    assert_int_equal(rc, pin[0] ? 0 : ERR_SYNTAX);
    assert_string_equal(text, pin);
}
#define HAS(bytes, pin) has(bytes, sizeof(bytes) - 1, pin)

static void a_pin_is_of_the_key(void **state) {
    (void)state;
    HAS("\x30\x18\x30\x16\xa0\x00\x02\x01\1" TAIL, KEYS_PIN);
    HAS("\x30\x16\x30\x14\x02\x01\1" TAIL, KEYS_PIN); /* version 1 */
    HAS("\x30\x81\x99\x30\x81\x94\x02\x01\1\x30\x01s\x30\x01i\x30\x01v\x30\x81\x80" LONG_NAME KEY "\5\0",
        KEYS_PIN); /* lengths in the long form; more behind it */
}

static void what_is_no_certificate_has_none(void **state) {
    (void)state;
    static const char whole[] = "\x30\x18\x30\x16\xa0\x00\x02\x01\1" TAIL;
    HAS("", "");
    for (size_t n = 0; n + 1 < sizeof whole; n++) has(whole, n, "");
    HAS("\x31\x18\x30\x16\xa0\x00\x02\x01\1" TAIL, "");
    HAS("\x30\x80\x30\x16\xa0\x00\x02\x01\1" TAIL, "");     /* without a length, which DER has not */
    HAS("\x30\x81\x18\x30\x16\xa0\x00\x02\x01\1" TAIL, ""); /* a long form that need not be */
    HAS("\x30\x18\x30\x82\0\x14\x02\x01\1" TAIL, "");
    HAS("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff\x30\x16", "");
    HAS("\x30\x84\xff\xff\xff\xff\x30\x16\xa0\x00\x02\x01\1" TAIL, "");
    HAS("\x30\x0a\x30\x08\xa0\x00\x02\x01\1\x30\x01s", ""); /* it ends before the key */
}

static void texts_are_pins_or_not(void **state) {
    (void)state;
    assert_true(pin_valid(slice_str(KEYS_PIN)));
    assert_false(pin_valid(slice_str("")));
    assert_false(pin_valid(slice_str(KEYS_PIN "=")));
    assert_false(pin_valid(slice_str("sha256//b/oC/wODLVNZICyhnIg+2rbU8j6mhPXkVFqrOR62Vg9="))); /* bits left over */
    assert_false(pin_valid(slice_str("SHA256//b/oC/wODLVNZICyhnIg+2rbU8j6mhPXkVFqrOR62Vg8=")));
}

static void one_of_several_is_enough(void **state) {
    (void)state;
    assert_true(pin_is_among("a,b," KEYS_PIN, KEYS_PIN));
    assert_true(pin_is_among(KEYS_PIN, KEYS_PIN));
    assert_false(pin_is_among(KEYS_PIN "x", KEYS_PIN));
    assert_false(pin_is_among(NULL, KEYS_PIN));
    assert_false(pin_is_among("a,b", ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_is_of_the_key),
        cmocka_unit_test(what_is_no_certificate_has_none),
        cmocka_unit_test(texts_are_pins_or_not),
        cmocka_unit_test(one_of_several_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

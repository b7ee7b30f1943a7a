/* test_frame: heads written and read in every form, and masks from every place. What is wrong in a head is in
 * vectors/refused.txt. */
#include "unit.h"
#include "wire/frame.h"

static void a_length_has_one_form(void **state) {
    (void)state;
    static const struct {
        uint64_t length;
        size_t size;
    } forms[] = {{0, 2}, {1, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}, {UINT64_C(1) << 40, 10}, {INT64_MAX, 10}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (int masked = 0; masked < 2; masked++) {
            struct frame_head head = {.fin = true, .opcode = FRAME_BINARY, .masked = masked, .length = forms[i].length},
                              again;
            struct frame_rules rules = {.masked = masked};
            uint8_t bytes[FRAME_HEAD_MAX];
            if (masked) memcpy(head.mask, "\x12\x34\x56\x78", 4);
            size_t n = frame_head_write(bytes, &head);
            assert_int_equal(n, forms[i].size + (masked ? 4 : 0));
            for (size_t part = 0; part < n; part++)
                assert_int_equal(frame_head_read(slice_of(bytes, part), &rules, &again), 0);
            assert_int_equal(frame_head_read(slice_of(bytes, n), &rules, &again), n);
            assert_int_equal(again.length, head.length);
            assert_memory_equal(again.mask, head.mask, 4);
            if (head.length <= SIZE_MAX - n) assert_int_equal(frame_size((size_t)head.length, masked), n + head.length);
        }
    }
}

static void a_wrong_head_is_told_from_its_first_wrong_byte(void **state) {
    (void)state;
    const struct frame_rules rules = {.masked = false};
    struct frame_head head;
    static const struct {
        const char *bytes;
        size_t n;
        int error;
        const char *text;
    } wrong[] = {
        {"\xC1", 1, FRAME_BAD_RSV, "a text frame with RSV1 set, which no agreed extension uses (RFC 6455 5.2)"},
        {"\xB9", 1, FRAME_BAD_RSV,
         "a ping frame with RSV2 and RSV3 set, which no agreed extension uses (RFC 6455 5.2)"},
        {"\x83", 1, FRAME_BAD_OPCODE, "a frame of opcode 0x3, which is reserved (RFC 6455 5.2)"},
        {"\x09", 1, FRAME_BAD_CONTROL, "a ping frame that is fragmented (RFC 6455 5.5)"},
        {"\x89\x7E", 2, FRAME_BAD_CONTROL, "a ping frame of more than 125 bytes (RFC 6455 5.5)"},
        {"\x81\x80", 2, FRAME_BAD_MASK, "a text frame from a server is masked (RFC 6455 5.1)"},
        {"\x82\x7E\x00\x7D", 4, FRAME_LENGTH_NOT_LEAST,
         "a binary frame with a length of 125 in 2 bytes, not in its shortest form (RFC 6455 5.2)"},
        {"\x82\x7F\x80", 3, FRAME_LENGTH_TOO_LARGE, "a binary frame with a length of 2^63 or more (RFC 6455 5.2)"},
        {"\x80\x7F\0\0\0\0\0\0\xFF\xFF", 10, FRAME_LENGTH_NOT_LEAST,
         "a continuation frame with a length of 65535 in 8 bytes, not in its shortest form (RFC 6455 5.2)"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(frame_head_read(slice_of(wrong[i].bytes, wrong[i].n), &rules, &head), wrong[i].error);
        assert_int_equal(frame_head_read(slice_of(wrong[i].bytes, wrong[i].n - 1), &rules, &head), 0);
        char text[FRAME_ERROR_SIZE];
        frame_error_tell(wrong[i].error, slice_of(wrong[i].bytes, wrong[i].n), &rules, text);
        assert_string_equal(text, wrong[i].text);
    }
    const struct frame_rules server = {.masked = true};
    assert_int_equal(frame_head_read(slice_of("\x81\x00", 2), &server, &head), FRAME_MISSING_MASK);
}

static void an_extension_may_give_a_bit_a_meaning(void **state) {
    (void)state;
    const struct frame_rules rules = {.rsv_allowed = 4};
    struct frame_head head;
    assert_int_equal(frame_head_read(slice_of("\xC1\x00", 2), &rules, &head), 2);
    assert_int_equal(head.rsv, 4);
    assert_int_equal(frame_head_read(slice_of("\xA1\x00", 2), &rules, &head), FRAME_BAD_RSV);
    assert_int_equal(frame_head_read(slice_of("\xC9\x00", 2), &rules, &head), FRAME_BAD_RSV);
    char text[FRAME_ERROR_SIZE];
    frame_error_tell(FRAME_BAD_RSV, slice_of("\xF1", 1), &rules, text);
    assert_string_equal(text, "a text frame with RSV2 and RSV3 set, which no agreed extension uses (RFC 6455 5.2)");
    frame_error_tell(FRAME_BAD_RSV, slice_of("\xC9", 1), &rules, text);
    assert_string_equal(text, "a ping frame with RSV1 set, which is for the first frame of a message (RFC 7692 6)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_has_one_form),
        cmocka_unit_test(a_wrong_head_is_told_from_its_first_wrong_byte),
        cmocka_unit_test(an_extension_may_give_a_bit_a_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

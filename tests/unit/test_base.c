/* test_base: buffers with caps, borrowed bytes, texts, names, parts of structs, digests, random numbers and faults. */
#include "base/buf.h"
#include "base/container_of.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/json_write.h"
#include "base/library.h"
#include "base/meant.h"
#include "base/random.h"
#include "base/text.h"
#include "unit.h"
#include <dlfcn.h>

static void a_buffer_never_passes_its_cap(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_int_equal(buf_append(&b, slice_str("12345")), 0);
    assert_int_equal(buf_append(&b, slice_str("678901")), ERR_FULL);
    assert_int_equal(b.len, 5);
    assert_null(buf_reserve(&b, 6));
    assert_int_equal(buf_append(&b, slice_str("67890")), 0);
    assert_int_equal(buf_append(&b, slice_of(NULL, 0)), 0);
    assert_memory_equal(buf_slice(&b).p, "1234567890", 10);
    buf_clear(&b);
    assert_int_equal(b.cap, 10);
}

static void what_is_consumed_makes_room(void **state) {
    (void)state;
    struct buf b;
    uint8_t next = 0, expected = 0;
    buf_init(&b, 4096);
    for (int round = 0; round < 10000; round++) {
        uint8_t some[37];
        for (size_t i = 0; i < sizeof some; i++) some[i] = next++;
        assert_int_equal(buf_append(&b, slice_of(some, sizeof some)), 0);
        size_t take = round % 3 == 2 ? b.len : 30 < b.len ? 30 : b.len;
        for (size_t i = 0; i < take; i++) assert_int_equal(buf_slice(&b).p[i], expected++);
        buf_consume(&b, take);
    }
    assert_in_range(b.size, 1, 4096);
    buf_clear(&b);
}

static void text_is_printed_whole_or_not_at_all(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    assert_int_equal(buf_printf(&b, "%d", 123), 0);
    assert_int_equal(buf_printf(&b, "%s", "abcdefgh"), ERR_FULL);
    assert_int_equal(b.len, 3);
    buf_clear(&b);
}

static void buffers_are_swapped_and_keep_their_caps(void **state) {
    (void)state;
    struct buf a, b;
    buf_init(&a, 100);
    buf_init(&b, 5);
    buf_append(&a, slice_str("hello, you"));
    buf_swap(&a, &b);
    assert_int_equal(a.len, 0);
    assert_int_equal(b.len, 10);
    assert_int_equal(a.cap, 100);
    assert_int_equal(b.cap, 5);
    assert_int_equal(buf_append(&b, slice_str("x")), ERR_FULL);
    buf_clear(&a);
    buf_clear(&b);
}

static void slices_are_split_and_trimmed(void **state) {
    (void)state;
    struct slice rest = slice_str(" a ,,b"), part;
    assert_true(slice_split(&rest, ',', &part) && slice_eq(slice_trim(part), slice_str("a")));
    assert_true(slice_split(&rest, ',', &part) && part.n == 0);
    assert_true(slice_split(&rest, ',', &part) && slice_eq(part, slice_str("b")));
    assert_false(slice_split(&rest, ',', &part));
    assert_true(slice_eq_nocase(slice_str("WebSocket"), slice_str("wEBsOCKET")));
    assert_false(slice_eq_nocase(slice_str("a["), slice_str("a{")));
}

static void digests_are_what_their_rfcs_say(void **state) {
    (void)state;
    uint8_t sum[SHA1_SIZE];
    digest_sha1(slice_str("a"), slice_str("bc"), sum); /* RFC 3174 7.3 */
    assert_memory_equal(sum, "\xA9\x99\x3E\x36\x47\x06\x81\x6A\xBA\x3E\x25\x71\x78\x50\xC2\x6C\x9C\xD0\xD8\x9D",
                        SHA1_SIZE);
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}; /* RFC 4648 10 */
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct buf b;
        buf_init(&b, 100);
        assert_int_equal(digest_base64(&b, slice_str(pairs[i][0])), 0);
        assert_true(slice_eq(buf_slice(&b), slice_str(pairs[i][1])));
        assert_true(digest_is_base64_of(buf_slice(&b), strlen(pairs[i][0])));
        buf_clear(&b);
    }
    assert_false(digest_is_base64_of(slice_str("Zh=="), 1)); /* bits that no byte uses */
    assert_false(digest_is_base64_of(slice_str("Zg="), 1));
    assert_false(digest_is_base64_of(slice_str("Z*=="), 1));
}

static void random_numbers_do_not_repeat(void **state) {
    (void)state;
    uint8_t a[5000], b[5000];
    random_fill(a, sizeof a);
    random_fill(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, a + 2500, 2500);
    uint32_t different = 0, last = random_mask();
    for (int i = 0; i < 1000; i++) {
        uint32_t mask = random_mask();
        different += mask != last;
        last = mask;
    }
    assert_true(different > 990);
    random_clear();
}

static void base64_is_read_back(void **state) {
    (void)state;
    struct buf bytes;
    buf_init(&bytes, 8);
    assert_int_equal(digest_base64_read(&bytes, slice_str("")), 0);
    assert_int_equal(digest_base64_read(&bytes, slice_str("/wD+")), 0);
    assert_int_equal(digest_base64_read(&bytes, slice_str("YQ==")), 0);
    assert_true(slice_eq(buf_slice(&bytes), slice_of("\xff\0\xfe"
                                                     "a",
                                                     4)));
    assert_int_equal(digest_base64_read(&bytes, slice_str("Y*==")), ERR_SYNTAX);
    assert_int_equal(digest_base64_read(&bytes, slice_str("YWFhYWFhYWFh")), ERR_FULL);
    assert_int_equal(bytes.len, 4);
    buf_clear(&bytes);
    for (size_t n = 1; n <= 256; n++) { /* what we write wolfCrypt reads, letter for letter */
        uint8_t all[256];
        struct buf text;
        buf_init(&text, 512);
        buf_init(&bytes, 512);
        for (size_t i = 0; i < n; i++) all[i] = (uint8_t)(i * 151 + n);
        assert_int_equal(digest_base64(&text, slice_of(all, n)), 0);
        assert_int_equal(digest_base64_read(&bytes, buf_slice(&text)), 0);
        assert_true(slice_eq(buf_slice(&bytes), slice_of(all, n)));
        buf_clear(&text);
        buf_clear(&bytes);
    }
}

static void the_same_seed_gives_the_same_numbers(void **state) {
    (void)state;
    uint8_t first[1000], second[1000];
    random_seed(7);
    random_fill(first, sizeof first);
    random_seed(7);
    random_fill(second, 3);
    random_fill(second + 3, sizeof second - 3); /* however they are drawn */
    assert_memory_equal(first, second, sizeof first);
    random_seed(8);
    random_fill(second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
    random_clear(); /* and from here on nobody can tell them any more */
    random_seed(7);
    random_clear();
    random_fill(second, sizeof second);
    assert_memory_not_equal(first, second, sizeof first);
}

static void json_strings_are_escaped_and_valid(void **state) {
    (void)state;
    struct buf out;
    buf_init(&out, SIZE_MAX);
    json_put_shown(&out, slice_of("a\"\\\n\t\x01\0\x7f", 8));
    assert_true(slice_eq(buf_slice(&out), slice_str("\"a\\\"\\\\\\n\\t\\u0001\\u0000\\u007f\"")));
    buf_reset(&out, 0);
    json_put_shown(&out, slice_str("\xc3\xa9 \xf0\x9f\x98\x80 \xff \xed\xa0\x80"));
    assert_true(slice_eq(buf_slice(&out), slice_str("\"\xc3\xa9 \xf0\x9f\x98\x80 \xef\xbf\xbd "
                                                    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")));
    buf_clear(&out);
}

static void the_first_fault_is_kept(void **state) {
    (void)state;
    struct fault f = {0};
    assert_false(fault_set(&f));
    fault_put(&f, FAULT_TLS, "%s %d", "first", 1);
    fault_put(&f, FAULT_DNS, "second");
    assert_int_equal(f.kind, FAULT_TLS);
    assert_string_equal(f.text, "first 1");
}

static void a_fault_may_be_shown(void **state) {
    (void)state;
    struct fault f = {0};
    fault_put(&f, FAULT_HANDSHAKE, "the server answered 403 %s", "\x1b[2J\n\xc2\x9b");
    assert_string_equal(f.text, "the server answered 403 \\x1b[2J\\n\\u{9b}");
}

static void texts_may_be_missing(void **state) {
    (void)state;
    char a[] = "same", *copy = a, *part = text_of(slice_of("same thing", 4));
    assert_true(text_is_same(part, a) && text_is_same(NULL, NULL));
    assert_false(text_is_same(a, "other") || text_is_same(a, NULL) || text_is_same(NULL, a));
    assert_true(text_copy(&copy, a));
    assert_ptr_not_equal(copy, a);
    assert_string_equal(copy, a);
    free(copy);
    free(part);
    assert_true(text_copy(&copy, NULL));
    assert_null(copy);
}

static void a_part_leads_to_the_whole(void **state) {
    (void)state;
    struct whole {
        char before[5];
        struct {
            int first, second;
        } inner;
    } whole;
    assert_ptr_equal(container_of(&whole.inner.second, struct whole, inner.second), &whole);
}

static void the_function_that_a_library_lacks_is_named(void **state) {
    (void)state;
    void *found = NULL, *program = dlopen(NULL, RTLD_NOW);
    const struct library_function wanted[] = {{"strlen", &found}, {"no_such_function", &found}, {"nor_this", &found}};
    assert_null(library_find(program, wanted, 1));
    assert_ptr_equal(found, dlsym(program, "strlen"));
    assert_string_equal(library_find(program, wanted, 3), "no_such_function");
    dlclose(program);
}

static void a_long_name_is_no_slip(void **state) {
    (void)state;
    static const char *const names[] = {"timeout", "headers", "a_name_of_forty_bytes_is_one_that_may_be"};
    struct meant m;
    meant_begin(&m, "time_out");
    for (int i = 0; i < 3; i++) meant_consider(&m, names[i]);
    assert_string_equal(m.best, "timeout");
    meant_begin(&m, "a_name_of_forty_bytes_is_one_that_may_be_");
    for (int i = 0; i < 3; i++) meant_consider(&m, names[i]);
    assert_null(m.best);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_never_passes_its_cap),
        cmocka_unit_test(what_is_consumed_makes_room),
        cmocka_unit_test(text_is_printed_whole_or_not_at_all),
        cmocka_unit_test(buffers_are_swapped_and_keep_their_caps),
        cmocka_unit_test(slices_are_split_and_trimmed),
        cmocka_unit_test(digests_are_what_their_rfcs_say),
        cmocka_unit_test(random_numbers_do_not_repeat),
        cmocka_unit_test(texts_may_be_missing),
        cmocka_unit_test(a_part_leads_to_the_whole),
        cmocka_unit_test(the_function_that_a_library_lacks_is_named),
        cmocka_unit_test(a_long_name_is_no_slip),
        cmocka_unit_test(base64_is_read_back),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(json_strings_are_escaped_and_valid),
        cmocka_unit_test(the_first_fault_is_kept),
        cmocka_unit_test(a_fault_may_be_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

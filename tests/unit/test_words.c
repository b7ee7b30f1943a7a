/* test_words: messages of ws.connect in words of the command line. */
#include "app/words.h"
#include "unit.h"

static void is_said(const char *message, const char *expected) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    words_append(&out, slice_str(message));
    buf_append(&out, slice_of("", 1));
    assert_bytes_equal(out.base + out.start, expected);
    buf_clear(&out);
}

static void names_of_options_are_those_of_the_command(void **state) {
    (void)state;
    is_said("", "");
    is_said("nothing of the kind", "nothing of the kind");
    is_said("tls.verify = false: not checked (tls.pin checks it)", "--insecure: not checked (--pin checks it)");
    is_said("tls.pin = \"sha256//x\" and verify = false", "--pin \"sha256//x\" and --insecure");
    is_said("(tls.cert and tls.key)", "(--cert and --key)");
    is_said("needs tls.key_password", "needs WSBOT_KEY_PASSWORD");
    is_said("family = 6, connect_timeout", "--ipv6, --timeout");
}

static void what_only_looks_like_one_stays(void **state) {
    (void)state;
    is_said("tls.certificate", "tls.certificate");
    is_said("a.tls.key", "a.tls.key");
    is_said("reconnect_timeout", "reconnect_timeout");
    is_said("max_redirects_", "max_redirects_");
    is_said("verify = falsehood", "verify = falsehood");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_options_are_those_of_the_command),
        cmocka_unit_test(what_only_looks_like_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

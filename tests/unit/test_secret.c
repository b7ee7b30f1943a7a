/* test_secret: what is left out of records, traces and errors, and what stays. */
#include "wire/secret.h"

#include "unit.h"

static void check(void (*put)(struct buf *, struct slice, const struct secret_style *), const char *text,
                  const char *expected) {
    struct buf out;
    buf_init(&out, SIZE_MAX);
    put(&out, slice_str(text), &secret_for_people);
    buf_append(&out, slice_of("", 1));
    assert_bytes_equal(buf_slice(&out).p, expected);
    buf_reset(&out, SIZE_MAX);
    put(&out, slice_str(text), NULL);
    buf_append(&out, slice_of("", 1));
    assert_bytes_equal(buf_slice(&out).p, text);
    buf_clear(&out);
}

static void words_are_told_from_keys(void **state) {
    (void)state;
    static const char *const words[] = {"",
                                        "v1",
                                        "graphql-transport-ws",
                                        "v12.stomp",
                                        "mqtt",
                                        "ocpp2.0.1",
                                        "base64.binary.k8s.io",
                                        "com.example.TradeFeed2",
                                        "20260102",
                                        "my%20room",
                                        "socket.io",
                                        "internationalization",
                                        "wamp.2",
                                        "XMLHttpFeed",
                                        "%E4%BD%A0"};
    static const char *const keys[] = {"9f86d081884c7d659a2feaa0c55ad015",
                                       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
                                       "aB3dE5fG7hJ9kL1m",
                                       "123e4567-e89b-12d3-a456-426614174000",
                                       "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo",
                                       "base64url.bearer.authorization.k8s.io.ZXlKaGJHY2lPaUp",
                                       "bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
                                       "%39%66%38%36%64%30%38%31",
                                       "jsessionid=x",
                                       "YWJj=",
                                       "4111111111111111",
                                       "a-b-c-d-e-f-g-h-i-j-k"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!secret_is_word(slice_str(words[i]))) fail_msg("no word: %s", words[i]);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (secret_is_word(slice_str(keys[i]))) fail_msg("a word: %s", keys[i]);
}

static void values_of_a_query_are_left_out(void **state) {
    (void)state;
    check(secret_put_target, "/feed", "/feed");
    check(secret_put_target, "/feed?", "/feed?");
    check(secret_put_target, "/feed?jwt=x&sig=y&room=1", "/feed?jwt=***&sig=***&room=***");
    check(secret_put_target, "/?%6Awt=x&a[b]=c", "/?%6Awt=***&a[b]=***");
    check(secret_put_target, "/?token", "/?***");
    check(secret_put_target, "/?a=1&&9f86d081884c7d65=1&=x", "/?a=***&&***=***&=***");
    check(secret_put_target, "/?a=b?c=d#e", "/?a=***#***");
    check(secret_put_target, "/bot/9f86d081884c7d65/feed;k=v", "/bot/***/***");
}

static void an_address_keeps_its_place(void **state) {
    (void)state;
    check(secret_put_address, "wss://h:9/a?b=c", "wss://h:9/a?b=***");
    check(secret_put_address, "wss://h?b=c", "wss://h?b=***");
    check(secret_put_address, "https://user:secret@h/@me", "https://***@h/@me");
    check(secret_put_address, "//user:secret@[::1]:80/x", "//***@[::1]:80/x");
    check(secret_put_address, "ws://[::1]:80/a@b", "ws://[::1]:80/a@b");
    check(secret_put_address, "ws+unix:/run/app.sock:/a?b=c", "ws+unix:/run/app.sock:/a?b=***");
    check(secret_put_address, "/there?x=1", "/there?x=***");
    check(secret_put_address, "?x=1", "?x=***");
    check(secret_put_address, "there", "there");
    check(secret_put_address, "", "");
}

static void an_address_that_is_wrong_shows_no_password(void **state) {
    (void)state;
    check(secret_put_address, "user:secret@h/x", "***@h/x");
    check(secret_put_address, "ws://user:sec@ret@h/x", "ws://***@h/x");
    check(secret_put_address, "ws://user:sec/ret@h/x", "ws://***@h/x");
    check(secret_put_address, "ws://user:sec?ret@h/x", "ws://***");
    check(secret_put_address, "ws://user:sec#ret@h/x", "ws://***");
    check(secret_put_address, "wss:/user:secret@h/x", "***@h/x");
    check(secret_put_address, "9f86d081884c7d65", "***");
    check(secret_put_address, "ftp:9f86d081884c7d65", "***");
}

static void headers_that_are_not_known_are_left_out(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"User-Agent", "wsbot", "wsbot"},
        {"sec-websocket-key", "x", "x"},
        {"X-Session", "secret", "***"},
        {"Cookie", "a=1", "***"},
        {"Set-Cookie", "a=1", "***"},
        {"authorization", "bearer secret", "bearer ***"},
        {"Authorization", "secret", "***"},
        {"Sec-WebSocket-Protocol", "v1,kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk , mqtt", "v1, ***, mqtt"},
        {"Sec-WebSocket-Protocol", "my.Bearer.abc, graphql-transport-ws, one.two.three.four.five.six.seven.",
         "***, graphql-transport-ws, ***"},
        {"Location", "https://a:b@h/x?sig=y", "https://***@h/x?sig=***"},
    };
    struct buf out;
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        secret_put_header(&out, slice_str(cases[i][0]), slice_str(cases[i][1]), &secret_for_people);
        buf_append(&out, slice_of("", 1));
        assert_bytes_equal(buf_slice(&out).p, cases[i][2]);
        buf_reset(&out, SIZE_MAX);
    }
    secret_put_header(&out, slice_str("Authorization"), slice_str("Basic x"), &secret_in_records);
    assert_true(slice_eq(buf_slice(&out), slice_str("(left out)")));
    buf_reset(&out, SIZE_MAX);
    secret_put_header(&out, slice_str("Authorization"), slice_str("Basic x"), NULL);
    assert_true(slice_eq(buf_slice(&out), slice_str("Basic x")));
    buf_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_told_from_keys),
        cmocka_unit_test(values_of_a_query_are_left_out),
        cmocka_unit_test(an_address_keeps_its_place),
        cmocka_unit_test(an_address_that_is_wrong_shows_no_password),
        cmocka_unit_test(headers_that_are_not_known_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

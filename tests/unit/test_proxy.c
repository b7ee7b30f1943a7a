/* test_proxy: what proxies are asked, and how each of their answers is understood, however it is cut. */
#include "unit.h"
#include "wire/proxy.h"

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static struct url at;
static struct proxy p;

static void begin(const char *address, const char *host, uint16_t port) {
    struct fault fault = {0};
    if (url_parse_proxy(slice_str(address), &at, &fault) != 0) fail_msg("%s: %s", address, fault.text);
    proxy_init(&p, &at, host, port);
}

static void end(void) {
    proxy_clear(&p);
    url_clear(&at);
}

/* We say this, all of it. */
static void asks(struct slice words) {
    struct slice out = buf_slice(&p.out);
    if (!slice_eq(out, words)) fail_msg("it says \"%.*s\" and not \"%.*s\"", SLICE_ARGS(out), SLICE_ARGS(words));
    buf_consume(&p.out, out.n);
}

static enum proxy_step answers(struct slice bytes) { return proxy_step(&p, bytes); }

/* The answer comes in two parts, cut at each place: only with its last byte does it lead to `last`. */
static void leads_to(const char *address, struct slice before, struct slice answer, enum proxy_step last) {
    for (size_t cut = 0; cut < answer.n; cut++) {
        begin(address, "example.org", 443);
        assert_int_equal(answers(before), PROXY_MORE);
        p.out.len = 0;
        assert_int_equal(answers(slice_head(answer, cut)), PROXY_MORE);
        assert_int_equal(answers(slice_skip(answer, cut)), last);
        assert_int_equal(answers(slice_of(NULL, 0)), last);
        end();
    }
}

/* It fails, and says so. */
static void fails(const char *address, struct slice answer, const char *why) {
    begin(address, "example.org", 443);
    if (answers(answer) != PROXY_FAILED) fail_msg("not refused: %s", why);
    assert_int_equal(p.fault.kind, FAULT_PROXY);
    if (!strstr(p.fault.text, why)) fail_msg("\"%s\" and not \"%s\"", p.fault.text, why);
    assert_null(strstr(p.fault.text, "secret"));
    assert_int_equal(answers(BYTES("HTTP/1.1 200 OK\r\n\r\n")), PROXY_FAILED); /* and does not change its mind */
    end();
}

/* ---- HTTP ---- */

static void connect_names_the_server(void **state) {
    (void)state;
    begin("http://proxy:3128", "example.org", 443);
    asks(slice_str("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: wsbot/" WSBOT_VERSION
                   "\r\n\r\n"));
    end();
    begin("http://me:p%40ss@proxy:3128/", "2001:db8::1", 80);
    asks(slice_str("CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nUser-Agent: wsbot/" WSBOT_VERSION
                   "\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"));
    end();
}

static void any_2xx_opens_the_way(void **state) {
    (void)state;
    leads_to("http://proxy", slice_of(NULL, 0), BYTES("HTTP/1.1 200 Connection established\r\n\r\n"), PROXY_DONE);
    leads_to("http://proxy", slice_of(NULL, 0), BYTES("HTTP/1.0 200\r\nVia: x\r\n\r\n"), PROXY_DONE);
    leads_to("https://proxy", slice_of(NULL, 0), BYTES("HTTP/1.1 204 \r\nContent-Length: 5\r\n\r\n"), PROXY_DONE);
    leads_to("http://proxy", BYTES("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Yes\r\n\r\n"),
             BYTES("HTTP/1.1 200 OK\r\n\r\n"), PROXY_DONE);
}

static void a_refusal_of_http_is_told(void **state) {
    (void)state;
    fails("http://me:secret@127.0.0.1:3128", BYTES("HTTP/1.1 403 Filtered\r\nContent-Length: 9\r\n\r\n<html>..."),
          "the proxy 127.0.0.1:3128 does not connect to example.org:443: 403 Filtered");
    fails("http://[::1]", BYTES("HTTP/1.1 502\r\n\r\n"), "the proxy [::1]:80 does not connect to example.org:443: 502");
    fails("http://proxy", BYTES("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "101");
    fails("http://proxy", BYTES("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n"), "301 Moved");
}

static void a_407_tells_what_the_proxy_wants(void **state) {
    (void)state;
    fails("http://proxy", BYTES("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"),
          "wants a user and password: give them in its address, http://user:password@... (407 Who; it offers Basic "
          "realm=\"x\")");
    fails("http://me:secret@proxy", BYTES("HTTP/1.1 407 Who\r\nProxy-Authenticate: basic realm=\"x\"\r\n\r\n"),
          "does not accept the user and password (407 Who; it offers basic realm=\"x\")");
    fails("http://me:secret@proxy",
          BYTES("HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"),
          "it offers Negotiate,NTLM); only Basic is spoken here");
    fails("http://proxy", BYTES("HTTP/1.1 407 Who\r\n\r\n"), "password@... (407 Who)");
    fails("http://me:secret@proxy", BYTES("HTTP/1.1 401\r\n\r\n"), "does not accept the user and password (401)");
}

static void what_is_not_http_is_no_answer(void **state) {
    (void)state;
    fails("http://proxy", BYTES("\x05\xff"), "the proxy proxy:80 does not speak HTTP/1.x");
    fails("http://proxy", BYTES("HTTP/2"), "does not speak HTTP/1.x");
    fails("http://proxy", BYTES("HTTP/1.1 2000 OK\r\n\r\n"), "a wrong status line");
    fails("http://proxy", BYTES("HTTP/1.1 200 OK\r\nbad header\r\n\r\n"), "without a colon");
}

static void a_head_without_an_end_ends(void **state) {
    (void)state;
    begin("http://proxy", "example.org", 443);
    assert_int_equal(answers(BYTES("HTTP/1.1 200 OK\r\nX: ")), PROXY_MORE);
    size_t given = 0;
    while (answers(BYTES("aaaaaaaaaaaaaaaa")) == PROXY_MORE) given += 16;
    assert_in_range(given, 32 * 1024 - 64, 32 * 1024);
    assert_non_null(strstr(p.fault.text, "over 32 KB"));
    assert_true(p.in.len <= 32 * 1024);
    end();
}

static void more_than_an_answer_is_refused(void **state) {
    (void)state;
    fails("http://proxy", BYTES("HTTP/1.1 200 OK\r\n\r\nx"), "sent more than its answer");
    fails("socks5h://proxy", BYTES("\x05\0\x05\0\0\x01\0\0\0\0\0\0"), "sent more than its answer");
}

/* ---- SOCKS ---- */

static void socks_passes_a_name_on(void **state) {
    (void)state;
    begin("socks5h://proxy", "example.org", 443);
    asks(BYTES("\x05\x01\0"));
    assert_int_equal(answers(BYTES("\x05\0")), PROXY_MORE);
    asks(BYTES("\x05\x01\0\x03\x0b"
               "example.org\x01\xbb"));
    assert_int_equal(answers(BYTES("\x05\0\0\x01\x7f\0\0\x01\x04\x38")), PROXY_DONE);
    end();
}

static void socks_passes_addresses_on_as_such(void **state) {
    (void)state;
    begin("socks5://proxy", "192.0.2.7", 8080);
    asks(BYTES("\x05\x01\0"));
    assert_int_equal(answers(BYTES("\x05\0")), PROXY_MORE);
    asks(BYTES("\x05\x01\0\x01\xc0\0\x02\x07\x1f\x90"));
    end();
    begin("socks5h://proxy", "2001:db8::1", 80);
    asks(BYTES("\x05\x01\0"));
    assert_int_equal(answers(BYTES("\x05\0")), PROXY_MORE);
    asks(BYTES("\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50"));
    end();
}

static void socks_passes_the_longest_name_on(void **state) {
    (void)state;
    char name[256], words[4 + 1 + 255 + 2] = "\x05\x01\0\x03\xff";
    memset(name, 'n', 255);
    name[255] = '\0';
    memset(words + 5, 'n', 255);
    words[260] = 0;
    words[261] = 80;
    begin("socks5h://proxy", name, 80);
    asks(BYTES("\x05\x01\0"));
    assert_int_equal(answers(BYTES("\x05\0")), PROXY_MORE);
    asks(slice_of(words, sizeof words));
    end();
}

static void socks_logs_in_where_it_is_asked_to(void **state) {
    (void)state;
    begin("socks5h://me:p%3Aw@proxy", "h", 80);
    asks(BYTES("\x05\x02\0\x02"));
    assert_int_equal(answers(BYTES("\x05\x02")), PROXY_MORE);
    asks(BYTES("\x01\x02me\x03p:w"));
    assert_int_equal(answers(BYTES("\x01\0")), PROXY_MORE);
    asks(BYTES("\x05\x01\0\x03\x01h\0\x50"));
    end();
    begin("socks5h://me@proxy", "h", 80); /* it need not ask; and there may be no password */
    asks(BYTES("\x05\x02\0\x02"));
    assert_int_equal(answers(BYTES("\x05\x02")), PROXY_MORE);
    asks(BYTES("\x01\x02me\0"));
    end();
}

static void answers_of_socks_may_be_cut(void **state) {
    (void)state;
    leads_to("socks5://proxy", slice_of(NULL, 0), BYTES("\x05\xff"), PROXY_FAILED);
    leads_to("socks5h://u:p@proxy", BYTES("\x05\x02"), BYTES("\x01\x01"), PROXY_FAILED);
    leads_to("socks5://proxy", BYTES("\x05\0"),
             BYTES("\x05\0\0\x01"
                   "4444pp"),
             PROXY_DONE);
    leads_to("socks5://proxy", BYTES("\x05\0"),
             BYTES("\x05\0\0\x04"
                   "6666666666666666pp"),
             PROXY_DONE);
    leads_to("socks5://proxy", BYTES("\x05\0"),
             BYTES("\x05\0\0\x03\x03"
                   "abcpp"),
             PROXY_DONE);
    leads_to("socks5://proxy", BYTES("\x05\0"), BYTES("\x05\0\0\x03\0pp"), PROXY_DONE);
    leads_to("socks5://proxy", BYTES("\x05\0"), BYTES("\x05\x02"), PROXY_FAILED);
}

/* The method is agreed on; the reply then fails with these words. */
static void reply_fails(struct slice reply, const char *why, bool unreachable) {
    begin("socks5h://10.0.0.1", "example.org", 443);
    assert_int_equal(answers(BYTES("\x05\0")), PROXY_MORE);
    assert_int_equal(answers(reply), PROXY_FAILED);
    if (!strstr(p.fault.text, why)) fail_msg("\"%s\" and not \"%s\"", p.fault.text, why);
    assert_int_equal(p.unreachable, unreachable);
    end();
}

static void replies_of_socks_have_words(void **state) {
    (void)state;
    reply_fails(BYTES("\x05\x01"), "10.0.0.1:1080 does not connect to example.org:443: general failure", true);
    reply_fails(BYTES("\x05\x02\0\x01\0\0\0\0\0\0"), "not allowed by its rules (SOCKS reply 2)", false);
    reply_fails(BYTES("\x05\x03"), "network unreachable", true);
    reply_fails(BYTES("\x05\x04"), "host unreachable", true);
    reply_fails(BYTES("\x05\x05"), "connection refused", true);
    reply_fails(BYTES("\x05\x06"), "time to live expired", false);
    reply_fails(BYTES("\x05\x07"), "does not know CONNECT", false);
    reply_fails(BYTES("\x05\x08"), "does not know this type of address", true);
    reply_fails(BYTES("\x05\xc8"), "an unknown code (SOCKS reply 200)", false);
    reply_fails(BYTES("\x05\0\0\x05\0"), "unknown type of address (5)", false);
    reply_fails(BYTES("\x04\0\0\x01"
                      "4444pp"),
                "does not speak SOCKS5", false);
}

static void a_log_in_may_fail(void **state) {
    (void)state;
    fails("socks5://proxy", BYTES("\x05\xff"), "accepts nobody without a log-in");
    fails("socks5://me:secret@proxy", BYTES("\x05\xff"), "accepts neither a user and password nor to go without");
    fails("socks5://proxy", BYTES("\x05\x02"), "chose a way to log in that was not offered (2)");
    fails("socks5://proxy", BYTES("\x05\x01"), "not offered (1)");
    fails("socks5://proxy", BYTES("\x04\0"), "does not speak SOCKS5");
    fails("socks5://proxy", BYTES("HT"), "write http:// for socks5://");
    begin("socks5://me:secret@proxy", "h", 80);
    assert_int_equal(answers(BYTES("\x05\x02")), PROXY_MORE);
    assert_int_equal(answers(BYTES("\x05\x01")), PROXY_FAILED); /* some write the wrong version */
    assert_string_equal(p.fault.text, "the proxy proxy:1080 does not accept the user and password");
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_names_the_server),           cmocka_unit_test(any_2xx_opens_the_way),
        cmocka_unit_test(a_refusal_of_http_is_told),          cmocka_unit_test(a_407_tells_what_the_proxy_wants),
        cmocka_unit_test(what_is_not_http_is_no_answer),      cmocka_unit_test(a_head_without_an_end_ends),
        cmocka_unit_test(more_than_an_answer_is_refused),     cmocka_unit_test(socks_passes_a_name_on),
        cmocka_unit_test(socks_passes_addresses_on_as_such),  cmocka_unit_test(socks_passes_the_longest_name_on),
        cmocka_unit_test(socks_logs_in_where_it_is_asked_to), cmocka_unit_test(answers_of_socks_may_be_cut),
        cmocka_unit_test(replies_of_socks_have_words),        cmocka_unit_test(a_log_in_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

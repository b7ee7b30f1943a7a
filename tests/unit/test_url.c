/* test_url: which addresses are taken, and as what. */
#include "unit.h"
#include "wire/url.h"
#include <stdio.h>

static void good(const char *text, enum url_scheme scheme, const char *host, unsigned port, const char *target) {
    struct url url;
    struct fault fault = {0};
    if (url_parse(slice_str(text), &url, &fault) != 0) fail_msg("%s: %s", text, fault.text);
    assert_int_equal(url.scheme, scheme);
    assert_string_equal(url.host, host);
    assert_int_equal(url.port, port);
    assert_string_equal(url.target, target);
    url_clear(&url);
}

static void bad(const char *text, const char *why) {
    struct url url;
    struct fault fault = {0};
    if (url_parse(slice_str(text), &url, &fault) == 0) fail_msg("%s was taken", text);
    if (!strstr(fault.text, why)) fail_msg("%s: %s", text, fault.text);
    assert_null(url.host);
}

static void addresses_are_cut_into_parts(void **state) {
    (void)state;
    good("ws://example.org", URL_WS, "example.org", 80, "/");
    good("wss://example.org", URL_WSS, "example.org", 443, "/");
    good("WSS://Example.org:8443/a/b?c=d", URL_WSS, "Example.org", 8443, "/a/b?c=d");
    good("ws://h?q=1", URL_WS, "h", 80, "/?q=1");
    good("ws://h:/", URL_WS, "h", 80, "/");
    good("ws://127.0.0.1:9001/x", URL_WS, "127.0.0.1", 9001, "/x");
    good("ws://[::1]/", URL_WS, "::1", 80, "/");
    good("wss://[2001:db8::1]:444/p", URL_WSS, "2001:db8::1", 444, "/p");
    good("ws://h/%C3%A9", URL_WS, "h", 80, "/%C3%A9");
    good("ws://h/\xc3\xa9", URL_WS, "h", 80, "/%C3%A9");
    good("ws://h/a@b:c", URL_WS, "h", 80, "/a@b:c");
}

static void a_default_port_is_known_as_such(void **state) {
    (void)state;
    struct url url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str("ws://h:80/"), &url, &fault), 0);
    assert_true(url.port_is_default);
    url_clear(&url);
    assert_int_equal(url_parse(slice_str("ws://h:443/"), &url, &fault), 0);
    assert_false(url.port_is_default);
    url_clear(&url);
}

static void user_and_password_are_decoded(void **state) {
    (void)state;
    struct url url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str("ws://me%40home:p%3Aw%2f@h/"), &url, &fault), 0);
    assert_string_equal(url.credentials, "me@home:p:w/");
    assert_string_equal(url.host, "h");
    url_clear(&url);
}

static void a_socket_of_the_file_system_has_a_path_and_a_target(void **state) {
    (void)state;
    struct url url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str("ws+unix:///run/app.sock:/chat?x"), &url, &fault), 0);
    assert_string_equal(url.socket_path, "/run/app.sock");
    assert_string_equal(url.target, "/chat?x");
    url_clear(&url);
    assert_int_equal(url_parse(slice_str("ws+unix:/a%3Ab"), &url, &fault), 0);
    assert_string_equal(url.socket_path, "/a:b");
    assert_string_equal(url.target, "/");
    url_clear(&url);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    bad("", "must begin with");
    bad("example.org", "must begin with");
    bad("http://h", "write ws://");
    bad("https://h", "write wss://");
    bad("ws://", "no host");
    bad("ws:///path", "no host");
    bad("ws://:80/", "no host");
    bad("ws://h:0/", "port");
    bad("ws://h:65536/", "port");
    bad("ws://h:8a/", "port");
    bad("ws://h:99999999999999999999/", "port");
    bad("ws://h/#top", "fragment");
    bad("ws://h/a b", "space");
    bad("ws://h/\t", "space");
    bad("ws://a b/", "space");
    bad("ws://h\xc3\xa9/", "Punycode");
    bad("ws://a_b!/", "host");
    bad("ws://[::1/", "not closed");
    bad("ws://[::1]x/", "between");
    bad("ws://u%zz@h/", "%XX");
    bad("ws://u%00@h/", "%XX");
    bad("ws+unix:", "socket path");
    bad("ws+unix://:/x", "socket path");
}

static void good_proxy(const char *text, enum url_scheme scheme, const char *place, const char *credentials) {
    struct url url, copy;
    struct fault fault = {0};
    char written[URL_PLACE_SIZE];
    if (url_parse_proxy(slice_str(text), &url, &fault) != 0) fail_msg("%s: %s", text, fault.text);
    assert_int_equal(url_copy(&copy, &url), 0);
    url_clear(&url);
    assert_int_equal(copy.scheme, scheme);
    url_place(&copy, written);
    assert_string_equal(written, place);
    assert_int_equal(copy.credentials != NULL, credentials != NULL);
    if (credentials) assert_string_equal(copy.credentials, credentials);
    url_clear(&copy);
}

static void bad_proxy(const char *text, const char *why) {
    struct url url;
    struct fault fault = {0};
    if (url_parse_proxy(slice_str(text), &url, &fault) == 0) fail_msg("%s was taken", text);
    if (!strstr(fault.text, why)) fail_msg("%s: %s", text, fault.text);
    assert_null(url.host);
}

static void proxies_have_addresses_too(void **state) {
    (void)state;
    good_proxy("http://proxy", URL_HTTP, "proxy:80", NULL);
    good_proxy("HTTP://proxy:3128/", URL_HTTP, "proxy:3128", NULL);
    good_proxy("https://me:p%3Aw@proxy", URL_HTTPS, "proxy:443", "me:p:w");
    good_proxy("socks5://[::1]", URL_SOCKS5, "[::1]:1080", NULL);
    good_proxy("socks5h://me@127.0.0.1:9050", URL_SOCKS5H, "127.0.0.1:9050", "me");
    bad_proxy("", "must begin with http://, https://, socks5:// or socks5h://");
    bad_proxy("proxy:3128", "must begin with");
    bad_proxy("socks4://proxy", "must begin with");
    bad_proxy("http://", "no host");
    bad_proxy("http://proxy:x", "port");
    bad_proxy("http://proxy/path", "no path");
    bad_proxy("http://proxy?x", "no path");
    bad_proxy("http://me:p#w@proxy", "fragment");
    bad_proxy("http://u%zz@h", "%XX");
}

static void a_log_in_of_socks_has_a_limit(void **state) {
    (void)state;
    char text[600];
    struct url url;
    struct fault fault = {0};
    snprintf(text, sizeof text, "socks5://%0255d:%0255d@h", 0, 0);
    assert_int_equal(url_parse_proxy(slice_str(text), &url, &fault), 0);
    url_clear(&url);
    snprintf(text, sizeof text, "socks5://%0256d@h", 0);
    bad_proxy(text, "255 bytes");
    snprintf(text, sizeof text, "socks5h://u:%0256d@h", 0);
    bad_proxy(text, "255 bytes");
    snprintf(text, sizeof text, "http://u:%0256d@h", 0);
    assert_int_equal(url_parse_proxy(slice_str(text), &url, &fault), 0);
    url_clear(&url);
}

static void an_address_has_a_limit(void **state) {
    (void)state;
    static char text[URL_MAX + 2];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "ws://h/", 7);
    bad(text, "longer than 16 KB");
    text[URL_MAX] = '\0';
    struct url url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str(text), &url, &fault), 0);
    url_clear(&url);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_cut_into_parts),
        cmocka_unit_test(a_default_port_is_known_as_such),
        cmocka_unit_test(user_and_password_are_decoded),
        cmocka_unit_test(a_socket_of_the_file_system_has_a_path_and_a_target),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(proxies_have_addresses_too),
        cmocka_unit_test(a_log_in_of_socks_has_a_limit),
        cmocka_unit_test(an_address_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

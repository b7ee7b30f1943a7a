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
    assert_int_equal(url_parse(slice_str("ws://token@h/"), &url, &fault), 0);
    assert_string_equal(url.credentials, "token:");
    url_clear(&url);
}

static void a_zone_is_kept_apart_from_the_address(void **state) {
    (void)state;
    static const struct {
        const char *text, *zone, *host;
    } texts[] = {
        {"ws://[fe80::1%eth0]:81/", "eth0", "fe80::1%eth0"},
        {"ws://[fe80::1%25eth0]:81/", "eth0", "fe80::1%eth0"},
        {"ws://[fe80::1%25eth0%2E1]:81", "eth0.1", "fe80::1%eth0.1"},
        {"ws://[fe80::1%25]:81", "25", "fe80::1%25"},
        {"ws://[fe80::1%251]:81", "1", "fe80::1%1"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct url url, same;
        struct fault fault = {0};
        char text[URL_PLACE_SIZE], place[URL_PLACE_SIZE];
        assert_int_equal(url_parse(slice_str(texts[i].text), &url, &fault), 0);
        assert_string_equal(url.host, "fe80::1");
        assert_string_equal(url.zone, texts[i].zone);
        assert_string_equal(url_host(&url, text), texts[i].host);
        url_place(&url, text);
        snprintf(place, sizeof place, "[%s]:81", texts[i].host);
        assert_string_equal(text, place);
        assert_int_equal(url_copy(&same, &url), 0);
        assert_string_equal(same.zone, url.zone);
        assert_true(url_same_origin(&same, &url));
        same.zone[0] ^= 1;
        assert_false(url_same_origin(&same, &url));
        url_clear(&same);
        url_clear(&url);
    }
    bad("ws://[fe80::1%]/", "no name of an interface");
    bad("ws://[fe80::1%a-name-that-is-longer-than-32-bytes]/", "no name of an interface");
    bad("ws://[fe80::1%25%]/", "no name of an interface");
    bad("ws://[fe80::1%a/b]/", "not closed");
    bad("ws://[fe80::1%25a%2Fb]/", "no name of an interface");
    bad("ws://[fe80::1%25a%0Ab]/", "no name of an interface");
    bad("ws://[fe80::1%25a%00]/", "no name of an interface");
    bad("ws://[%eth0]/", "no host");
    bad("ws://127.0.0.1%eth0/", "character");
}

static void what_stands_in_brackets_is_an_ipv6_address(void **state) {
    (void)state;
    bad("ws://[]/", "no host");
    bad("ws://[::1::]/", "no IPv6 address");
    bad("ws://[127.0.0.1]/", "no IPv6 address");
    bad("ws://[example.org]/", "no IPv6 address");
}

static void an_empty_user_is_none(void **state) {
    (void)state;
    static const char *const texts[] = {"ws://@h/", "wss://:@h:81", "http://@h", "socks5://:@h"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct url url;
        struct fault fault = {0};
        int (*parse)(struct slice, struct url *, struct fault *) = i < 2 ? url_parse : url_parse_proxy;
        assert_int_equal(parse(slice_str(texts[i]), &url, &fault), 0);
        assert_string_equal(url.host, "h");
        assert_null(url.credentials);
        url_clear(&url);
    }
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
    assert_int_equal(url_parse(slice_str("ws+unix://@app:/chat"), &url, &fault), 0);
    assert_string_equal(url.socket_path, "@app");
    assert_string_equal(url.target, "/chat");
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
    bad("ws://.example.org/", "empty label");
    bad("ws://a..b/", "empty label");
    bad("ws://example.org../", "empty label");
    bad("ws://./", "empty label");
    bad("ws://[::1/", "not closed");
    bad("ws://[::1]x/", "between");
    bad("ws://u%zz@h/", "%XX");
    bad("ws://u%00@h/", "%XX");
    bad("ws+unix:", "socket path");
    bad("ws+unix://:/x", "socket path");
    bad("ws+unix://@:/x", "socket path");
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
    good_proxy("socks5h://me@127.0.0.1:9050", URL_SOCKS5H, "127.0.0.1:9050", "me:");
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

static void leads(const char *from, const char *location, const char *text, const char *target) {
    struct url base, url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str(from), &base, &fault), 0);
    if (url_resolve(&base, slice_str(location), &url, &fault) != 0) fail_msg("%s: %s", location, fault.text);
    char place[300];
    snprintf(place, sizeof place, "%s%s:%u",
             url.scheme == URL_WSS  ? "wss "
             : url.scheme == URL_WS ? "ws "
                                    : "unix ",
             url.host, url.port);
    assert_string_equal(place, text);
    assert_string_equal(url.target, target);
    assert_null(url.credentials);
    url_clear(&base);
    url_clear(&url);
}

static void a_location_leads_somewhere(void **state) { /* RFC 3986 5.4, as far as it can be met here */
    (void)state;
    const char *from = "ws://user:pw@h/b/c/d;p?q";
    leads(from, "", "ws h:80", "/b/c/d;p?q");
    leads(from, "g", "ws h:80", "/b/c/g");
    leads(from, "./g", "ws h:80", "/b/c/g");
    leads(from, "g/", "ws h:80", "/b/c/g/");
    leads(from, "/g", "ws h:80", "/g");
    leads(from, "?y", "ws h:80", "/b/c/d;p?y");
    leads(from, "g?y/./x", "ws h:80", "/b/c/g?y/./x");
    leads(from, "#s", "ws h:80", "/b/c/d;p?q");
    leads(from, "g#s/../x", "ws h:80", "/b/c/g");
    leads(from, ".", "ws h:80", "/b/c/");
    leads(from, "..", "ws h:80", "/b/");
    leads(from, "../g", "ws h:80", "/b/g");
    leads(from, "../../..", "ws h:80", "/");
    leads(from, "../../../g", "ws h:80", "/g");
    leads(from, "/./g/../h/.", "ws h:80", "/h/");
    leads(from, "g..", "ws h:80", "/b/c/g..");
    leads(from, "g?x:y", "ws h:80", "/b/c/g?x:y");
    leads(from, "HTTP://H/", "ws H:80", "/");
    leads(from, "//other:81/x?y", "ws other:81", "/x?y");
    leads(from, "https://other", "wss other:443", "/");
    leads(from, "wss://me:pw@other/", "wss other:443", "/");
    leads("wss://h/", "//h/x", "wss h:443", "/x");
    leads("ws+unix:/run/a.sock:/b/c", "d", "unix localhost:80", "/b/d");
}

static bool same_origin(const char *one, const char *other) {
    struct url a, b;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str(one), &a, &fault), 0);
    assert_int_equal(url_parse(slice_str(other), &b, &fault), 0);
    bool same = url_same_origin(&a, &b);
    url_clear(&a);
    url_clear(&b);
    return same;
}

static void an_origin_is_scheme_host_and_port(void **state) {
    (void)state;
    assert_true(same_origin("ws://h/a", "ws://me@H:80/b"));
    assert_true(same_origin("ws+unix:/run/a:/x", "ws+unix:/run/a:/y"));
    assert_false(same_origin("ws://h:443/", "wss://h/"));
    assert_false(same_origin("ws://h/", "ws://h:81/"));
    assert_false(same_origin("ws://h/", "ws://g/"));
    assert_false(same_origin("ws+unix:/run/a", "ws+unix:/run/b"));
}

static void a_location_of_the_same_link_has_its_zone(void **state) {
    (void)state;
    static const struct {
        const char *from, *location, *host;
    } ways[] = {
        {"ws://[fe80::1%eth0]/a", "http://[fe80::1]:81/b", "fe80::1%eth0"},
        {"ws://[fe80::1%eth0]/a", "//[FE80::2]/b", "FE80::2%eth0"},
        {"ws://[fe80::1%eth0]/a", "/b", "fe80::1%eth0"},
        {"ws://[fe80::1%eth0]/a", "http://[fe80::1%25eth1]/b", "fe80::1%eth1"},
        {"ws://[fe80::1%eth0]/a", "http://[2001:db8::1]/b", "2001:db8::1"},
        {"ws://[fe80::1%eth0]/a", "http://example.org/b", "example.org"},
        {"ws://example.org/a", "http://[fe80::1]/b", "fe80::1"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct url base, url;
        struct fault fault = {0};
        char host[URL_PLACE_SIZE];
        assert_int_equal(url_parse(slice_str(ways[i].from), &base, &fault), 0);
        assert_int_equal(url_resolve(&base, slice_str(ways[i].location), &url, &fault), 0);
        assert_string_equal(url_host(&url, host), ways[i].host);
        url_clear(&base);
        url_clear(&url);
    }
}

static void a_location_that_is_none_is_refused(void **state) {
    (void)state;
    const char *const wrong[] = {"ftp://h/", "http://", "a b", "http://h:99999/", "javascript:alert(1)", "//", "\x7F"};
    struct url base, url;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str("ws://h/"), &base, &fault), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fault = (struct fault){0};
        if (url_resolve(&base, slice_str(wrong[i]), &url, &fault) != ERR_SYNTAX) fail_msg("%s was taken", wrong[i]);
        assert_true(fault_set(&fault));
        assert_null(url.host);
    }
    url_clear(&base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_cut_into_parts),
        cmocka_unit_test(a_default_port_is_known_as_such),
        cmocka_unit_test(user_and_password_are_decoded),
        cmocka_unit_test(a_zone_is_kept_apart_from_the_address),
        cmocka_unit_test(what_stands_in_brackets_is_an_ipv6_address),
        cmocka_unit_test(an_empty_user_is_none),
        cmocka_unit_test(a_socket_of_the_file_system_has_a_path_and_a_target),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(proxies_have_addresses_too),
        cmocka_unit_test(a_log_in_of_socks_has_a_limit),
        cmocka_unit_test(an_address_has_a_limit),
        cmocka_unit_test(a_location_leads_somewhere),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_location_of_the_same_link_has_its_zone),
        cmocka_unit_test(a_location_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

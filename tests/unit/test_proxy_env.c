/* test_proxy_env: which proxy the environment asks for. */
#include "net/dial/proxy_env.h"
#include "unit.h"

static const char *const *variables; /* name, value, ..., NULL */

static char *get(const char *name) {
    for (const char *const *v = variables; *v; v += 2)
        if (strcmp(v[0], name) == 0) return (char *)(uintptr_t)v[1];
    return NULL;
}

static const char *why; /* the variable that decided last */

/* What is found for `url`: "host:port" of the proxy, "none", or what is wrong. Lives until the next call. */
static const char *found(const char *url) {
    static char text[512];
    struct url to, proxy;
    struct fault fault = {0};
    assert_int_equal(url_parse(slice_str(url), &to, &fault), 0);
    if (proxy_env_read(&to, get, &proxy, &why, &fault) < 0) {
        assert_int_equal(fault.kind, FAULT_PROXY);
        memcpy(text, fault.text, sizeof text);
    } else if (proxy.host) {
        url_place(&proxy, text);
    } else {
        strcpy(text, "none");
    }
    url_clear(&proxy);
    url_clear(&to);
    return text;
}

#define ENVIRONMENT(...)                                                                                               \
    static const char *const list[] = {__VA_ARGS__, NULL};                                                             \
    variables = list

static void each_scheme_has_its_variable(void **state) {
    (void)state;
    ENVIRONMENT("HTTPS_PROXY", "http://secure:1", "HTTP_PROXY", "http://plain:2");
    assert_string_equal(found("wss://h"), "secure:1");
    assert_string_equal(found("ws://h"), "plain:2");
}

static void all_proxy_is_for_the_rest(void **state) {
    (void)state;
    ENVIRONMENT("ALL_PROXY", "socks5h://all", "HTTPS_PROXY", "https://secure", "http_proxy", "");
    assert_string_equal(found("wss://h"), "secure:443");
    assert_string_equal(found("ws://h"), "all:1080");
}

static void lower_case_comes_first(void **state) {
    (void)state;
    ENVIRONMENT("HTTPS_PROXY", "http://upper", "https_proxy", "http://lower", "http_proxy", "", "HTTP_PROXY",
                "http://not-empty");
    assert_string_equal(found("wss://h"), "lower:80");
    assert_string_equal(why, "https_proxy");
    assert_string_equal(found("ws://h"), "not-empty:80");
}

static void nothing_is_asked_for(void **state) {
    (void)state;
    ENVIRONMENT("HTTPS_PROXY", "");
    assert_string_equal(found("wss://h"), "none");
    assert_null(why);
}

static void a_scheme_may_be_left_out(void **state) {
    (void)state;
    ENVIRONMENT("HTTP_PROXY", "127.0.0.1:3128", "HTTPS_PROXY", "me:pw@proxy");
    assert_string_equal(found("ws://h"), "127.0.0.1:3128");
    assert_string_equal(found("wss://h"), "proxy:80");
}

static void http_proxy_may_be_a_clients_in_cgi(void **state) {
    (void)state;
    ENVIRONMENT("HTTP_PROXY", "http://evil", "REQUEST_METHOD", "GET", "HTTPS_PROXY", "http://fine");
    assert_string_equal(found("ws://h"), "none");
    assert_string_equal(found("wss://h"), "fine:80");
}

static void a_wrong_one_is_named(void **state) {
    (void)state;
    ENVIRONMENT("HTTPS_PROXY", "ftp://me:secret@proxy", "all_proxy", "http://h:99999");
    assert_non_null(strstr(found("wss://h"), "HTTPS_PROXY of the environment: it must begin with http://"));
    assert_null(strstr(found("wss://h"), "secret"));
    assert_non_null(strstr(found("ws://h"), "all_proxy of the environment: the port"));
}

static void no_proxy_comes_before_all(void **state) {
    (void)state;
    ENVIRONMENT("HTTP_PROXY", "http://proxy", "ALL_PROXY", "http://proxy", "NO_PROXY", "localhost, example.org:8080");
    assert_string_equal(found("ws://localhost:1234/x"), "none");
    assert_string_equal(why, "NO_PROXY");
    assert_string_equal(found("ws://example.org:8080"), "none");
    assert_string_equal(found("ws://example.org"), "proxy:80");
}

/* ---- the list ---- */

static void excepts(const char *list, const char *host, uint16_t port) {
    if (!proxy_env_excepts(list, host, port)) fail_msg("\"%s\" should name %s:%u", list, host, port);
}

static void does_not_except(const char *list, const char *host, uint16_t port) {
    if (proxy_env_excepts(list, host, port)) fail_msg("\"%s\" should not name %s:%u", list, host, port);
}

static void names_stand_for_what_is_below(void **state) {
    (void)state;
    excepts("example.org", "example.org", 80);
    excepts("example.org", "a.b.example.org", 80);
    excepts(".example.org", "example.org", 80);
    excepts(".example.org", "www.Example.ORG", 80);
    excepts("EXAMPLE.org.", "example.org", 80);
    excepts("example.org", "example.org.", 80);
    does_not_except("example.org", "notexample.org", 80);
    does_not_except("www.example.org", "example.org", 80);
    does_not_except("example", "example.org", 80);
    does_not_except("", "example.org", 80);
    does_not_except(".", "example.org", 80);
}

static void a_star_before_a_name_is_none(void **state) {
    (void)state;
    excepts("*.example.org", "www.example.org", 80);
    excepts("a, *.Example.org.", "a.b.example.org", 80);
    excepts("*.example.org", "example.org", 80); /* as ".example.org" */
    excepts("*.example.org:443", "www.example.org", 443);
    does_not_except("*.example.org:443", "www.example.org", 80);
    does_not_except("*.example.org", "notexample.org", 80);
    does_not_except("*.", "example.org", 80);
    does_not_except("*example.org", "www.example.org", 80);
    does_not_except("*.*.org", "www.example.org", 80);
}

static void the_list_may_be_written_in_many_ways(void **state) {
    (void)state;
    excepts("*", "example.org", 80);
    excepts("a, *", "2001:db8::1", 80);
    excepts(" a.b ,,\tc.d  e.f,", "e.f", 80);
    excepts("a.b,c.d", "c.d", 80);
    does_not_except("*org", "example.org", 80);
    does_not_except(" , ,", "example.org", 80);
}

static void entries_may_have_a_port(void **state) {
    (void)state;
    excepts("example.org:443", "www.example.org", 443);
    does_not_except("example.org:443", "example.org", 80);
    excepts("127.0.0.1:80", "127.0.0.1", 80);
    does_not_except("127.0.0.1:80", "127.0.0.1", 81);
    excepts("[::1]:80", "::1", 80);
    does_not_except("[::1]:80", "::1", 443);
    excepts("10.0.0.0/8:80", "10.1.2.3", 80);
    does_not_except("10.0.0.0/8:80", "10.1.2.3", 443);
    does_not_except("example.org:", "example.org", 80);
    does_not_except("example.org:99999", "example.org", 80);
    excepts("*:443", "example.org", 443);
    does_not_except("*:443", "example.org", 80);
}

static void addresses_are_compared_as_such(void **state) {
    (void)state;
    excepts("127.0.0.1", "127.0.0.1", 80);
    excepts("::1", "::1", 80);
    excepts("[::1]", "::1", 80);
    excepts("2001:DB8:0:0::1", "2001:db8::1", 80);
    excepts("a, fe80::1%eth0", "fe80::1", 80);
    excepts("[fe80::1%eth0]:80", "fe80::1", 80);
    does_not_except("127.0.0.1", "127.0.0.11", 80);
    does_not_except("0.0.1", "127.0.0.1", 80);
    does_not_except("127.0.0.1", "localhost", 80);
    does_not_except("::1", "::", 80);
}

static void networks_hold_addresses(void **state) {
    (void)state;
    excepts("10.0.0.0/8", "10.255.0.1", 80);
    does_not_except("10.0.0.0/8", "11.0.0.1", 80);
    excepts("192.168.4.0/22", "192.168.7.255", 80);
    does_not_except("192.168.4.0/22", "192.168.8.0", 80);
    excepts("0.0.0.0/0", "203.0.113.9", 80);
    excepts("10.1.2.3/32", "10.1.2.3", 80);
    excepts("fd00::/8", "fd12:3456::1", 80);
    does_not_except("fd00::/8", "fe80::1", 80);
    does_not_except("0.0.0.0/0", "::1", 80);
    does_not_except("10.0.0.0/33", "10.0.0.0", 80);
    does_not_except("10.0.0.0/", "10.0.0.0", 80);
    does_not_except("10.0.0.0/x", "10.0.0.0", 80);
    does_not_except("10.0.0.0/99999999999", "10.0.0.0", 80);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scheme_has_its_variable),  cmocka_unit_test(all_proxy_is_for_the_rest),
        cmocka_unit_test(lower_case_comes_first),        cmocka_unit_test(nothing_is_asked_for),
        cmocka_unit_test(a_scheme_may_be_left_out),      cmocka_unit_test(http_proxy_may_be_a_clients_in_cgi),
        cmocka_unit_test(a_wrong_one_is_named),          cmocka_unit_test(no_proxy_comes_before_all),
        cmocka_unit_test(names_stand_for_what_is_below), cmocka_unit_test(the_list_may_be_written_in_many_ways),
        cmocka_unit_test(a_star_before_a_name_is_none),  cmocka_unit_test(the_list_may_be_written_in_many_ways),
        cmocka_unit_test(entries_may_have_a_port),       cmocka_unit_test(addresses_are_compared_as_such),
        cmocka_unit_test(networks_hold_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

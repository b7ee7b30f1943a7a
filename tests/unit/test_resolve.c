/* test_resolve: names stand for the addresses that were given, and for no others. */
#include "base/err.h"
#include "net/dial/resolve.h"
#include "unit.h"
#include <stdio.h>

static struct buf table;
static const char *why;

static int empty(void **state) {
    (void)state;
    buf_clear(&table);
    buf_init(&table, RESOLVE_SIZE);
    return 0;
}

/* Adds a name and its addresses, up to a NULL. */
static void add(const char *name, const char *const *addresses) {
    assert_int_equal(resolve_add_name(&table, name, &why), 0);
    for (size_t i = 0; addresses[i]; i++) assert_int_equal(resolve_add_address(&table, addresses[i], i, &why), 0);
}
#define ADD(name, ...) add(name, (const char *const[]){__VA_ARGS__, NULL})

/* The addresses of a host and port, as one text. */
static const char *found(const char *host, uint16_t port) {
    static char text[1000];
    struct slice list = resolve_find(buf_slice(&table), host, port);
    char one[ADDRESS_TEXT];
    size_t at = 0;
    text[0] = '\0';
    while (resolve_take(&list, one)) at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? " " : "", one);
    return text;
}

static void a_name_stands_for_its_addresses(void **state) {
    (void)state;
    assert_string_equal(found("example.org", 443), "");
    ADD("example.org", "::1", "127.0.0.1");
    ADD("b", "127.0.0.2");
    assert_string_equal(found("example.org", 443), "::1 127.0.0.1");
    assert_string_equal(found("EXAMPLE.org", 80), "::1 127.0.0.1");
    assert_string_equal(found("b", 1), "127.0.0.2");
    assert_string_equal(found("example.or", 443), "");
    assert_string_equal(found("example.org.uk", 443), "");
}

static void a_name_with_its_port_goes_first(void **state) {
    (void)state;
    ADD("a:443", "127.0.0.4");
    ADD("a", "127.0.0.1");
    ADD("a:80", "127.0.0.3");
    assert_string_equal(found("a", 443), "127.0.0.4");
    assert_string_equal(found("a", 80), "127.0.0.3");
    assert_string_equal(found("a", 81), "127.0.0.1");
}

static void an_address_may_stand_for_another(void **state) {
    (void)state;
    ADD("::1", "127.0.0.1");
    ADD("[::2]:80", "127.0.0.2");
    ADD("[::3]", "127.0.0.3");
    ADD("10.0.0.1:80", "127.0.0.4");
    assert_string_equal(found("::1", 80), "127.0.0.1");
    assert_string_equal(found("::2", 80), "127.0.0.2");
    assert_string_equal(found("::2", 81), "::2"); /* itself */
    assert_string_equal(found("::3", 1), "127.0.0.3");
    assert_string_equal(found("10.0.0.1", 80), "127.0.0.4");
}

static void an_address_stands_for_itself(void **state) {
    (void)state;
    assert_string_equal(found("127.0.0.1", 80), "127.0.0.1");
    assert_string_equal(found("fe80::1%no-such", 80), "fe80::1%no-such");
    assert_string_equal(found("127.0.0.256", 80), "");
    ADD("fe80::1%eth0", "fe80::2%eth0");
    assert_string_equal(found("fe80::1%eth0", 80), "fe80::2%eth0");
}

static void localhost_needs_no_look_up(void **state) {
    (void)state;
    static const char *const names[] = {"localhost", "LocalHost.", "a.localhost", "a.b.LOCALHOST", "x.localhost."};
    static const char *const others[] = {"localhost.org", "alocalhost", "local", "localhost..", "org"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_string_equal(found(names[i], 80), "::1 127.0.0.1");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) assert_string_equal(found(others[i], 80), "");
    ADD("a.localhost", "127.0.0.7");
    assert_string_equal(found("a.localhost", 80), "127.0.0.7");
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    static const struct {
        const char *name, *says;
    } bad[] = {
        {"", "host:port"},          {":80", "host:port"},          {"a:", "host:port"},   {"[::1", "host:port"},
        {"[::1]80", "host:port"},   {"[]:80", "host:port"},        {"a b", "host:port"},  {"a\nb", "host:port"},
        {"a:0", "1 to 65535"},      {"a:65536", "1 to 65535"},     {"a:x", "1 to 65535"}, {"a:-1", "1 to 65535"},
        {"a:000080", "1 to 65535"}, {"[::1]:80:80", "1 to 65535"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(resolve_add_name(&table, bad[i].name, &why), ERR_SYNTAX);
        assert_non_null(strstr(why, bad[i].says));
    }
    assert_int_equal(table.len, 0);
    ADD("a", "127.0.0.1");
    static const char *const no_addresses[] = {"",        "a",    "127.0.0.256",  "127.0.0.1:80", "[::1]",
                                               "::1%a b", "::1%", "127.0.0.1%lo", "127.1"};
    for (size_t i = 0; i < sizeof no_addresses / sizeof *no_addresses; i++)
        assert_int_equal(resolve_add_address(&table, no_addresses[i], 1, &why), ERR_SYNTAX);
    assert_int_equal(resolve_add_address(&table, "127.0.0.1", RESOLVE_ADDRESSES, &why), ERR_FULL);
    assert_string_equal(found("a", 1), "127.0.0.1");
}

static void a_table_has_a_limit(void **state) {
    (void)state;
    char name[300];
    memset(name, 'a', 299);
    name[299] = '\0';
    assert_int_equal(resolve_add_name(&table, name, &why), ERR_SYNTAX);
    name[200] = '\0';
    int rc = 0;
    while (rc == 0) rc = resolve_add_name(&table, name, &why);
    assert_int_equal(rc, ERR_FULL);
    assert_non_null(strstr(why, "64 KB"));
}

static int clear(void **state) {
    (void)state;
    buf_clear(&table);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_name_stands_for_its_addresses, empty),
        cmocka_unit_test_setup(a_name_with_its_port_goes_first, empty),
        cmocka_unit_test_setup(an_address_may_stand_for_another, empty),
        cmocka_unit_test_setup(an_address_stands_for_itself, empty),
        cmocka_unit_test_setup(localhost_needs_no_look_up, empty),
        cmocka_unit_test_setup(what_is_wrong_is_told, empty),
        cmocka_unit_test_setup(a_table_has_a_limit, empty),
    };
    return cmocka_run_group_tests(tests, NULL, clear);
}

/* test_address: what is an address, and which zones there are. */
#include "net/address.h"
#include "unit.h"
#include <net/if.h>
#include <stdio.h>

/* The number of the loopback interface, whatever it is called. */
static unsigned loopback(char name[IF_NAMESIZE]) {
    struct if_nameindex *all = if_nameindex();
    unsigned index = 0;
    for (struct if_nameindex *i = all; i && i->if_index && !index; i++) {
        if (strncmp(i->if_name, "lo", 2) != 0) continue;
        index = i->if_index;
        snprintf(name, IF_NAMESIZE, "%s", i->if_name);
    }
    if_freenameindex(all);
    return index;
}

static void kinds_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum address_kind kind;
    } texts[] = {
        {"127.0.0.1", ADDRESS_FINE},
        {"::1", ADDRESS_FINE},
        {"fe80::1", ADDRESS_FINE},
        {"fe80::1%no-such-if", ADDRESS_ASTRAY},
        {"fe80::1%0", ADDRESS_ASTRAY},
        {"fe80::1%4294967297", ADDRESS_ASTRAY},
        {"fe80::1%2147483647", ADDRESS_ASTRAY},
        {"fe80::1%-1", ADDRESS_ASTRAY},
        {"fe80::1%much-longer-than-any-interface", ADDRESS_ASTRAY},
        {"", ADDRESS_NONE},
        {"%lo", ADDRESS_NONE},
        {"fe80::1%", ADDRESS_NONE},
        {"127.0.0.1%lo", ADDRESS_NONE},
        {"example.org", ADDRESS_NONE},
        {"fe80::1%0123456789012345678901234567890123456789012345678901234567890123456789012345678", ADDRESS_NONE},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        union address a;
        enum address_kind kind = address_read(&a, texts[i].text, 80);
        if (kind != texts[i].kind) fail_msg("'%s' is of the kind %d", texts[i].text, kind);
        if (kind == ADDRESS_ASTRAY) assert_int_equal(a.v6.sin6_scope_id, 0);
    }
}

static void a_zone_is_the_name_or_number_of_an_interface(void **state) {
    (void)state;
    union address a;
    char name[IF_NAMESIZE], text[64], shown[ADDRESS_TEXT], expected[64];
    unsigned index = loopback(name);
    if (!index) skip();
    snprintf(expected, sizeof expected, "[fe80::1%%%s]:80", name);
    for (int by_number = 0; by_number < 2; by_number++) {
        if (by_number)
            snprintf(text, sizeof text, "fe80::1%%%u", index);
        else
            snprintf(text, sizeof text, "fe80::1%%%s", name);
        assert_int_equal(address_read(&a, text, 80), ADDRESS_FINE);
        assert_int_equal(a.v6.sin6_scope_id, index);
        assert_false(address_lacks_zone(&a));
        address_print(&a, shown, sizeof shown);
        assert_string_equal(shown, expected);
    }
}

static void an_interface_that_has_gone_is_shown_by_its_number(void **state) {
    (void)state;
    union address a;
    char shown[ADDRESS_TEXT];
    assert_int_equal(address_read(&a, "fe80::1", 80), ADDRESS_FINE);
    a.v6.sin6_scope_id = INT32_MAX;
    address_print(&a, shown, sizeof shown);
    assert_string_equal(shown, "[fe80::1%2147483647]:80");
}

static void addresses_of_a_link_need_a_zone(void **state) {
    (void)state;
    static const char *const need[] = {"fe80::1", "FE80::", "febf:ffff::1"}, *const others[] = {"fec0::1", "::1",
                                                                                                "127.0.0.1"};
    union address a, zoned;
    assert_int_equal(address_read(&zoned, "fe80::7", 0), ADDRESS_FINE);
    zoned.v6.sin6_scope_id = 3;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(address_read(&a, others[i], 80), ADDRESS_FINE);
        assert_false(address_lacks_zone(&a));
        address_borrow_zone(&a, &zoned);
        if (a.any.sa_family == AF_INET6) assert_int_equal(a.v6.sin6_scope_id, 0);
        assert_int_equal(address_read(&a, need[i], 80), ADDRESS_FINE);
        assert_true(address_lacks_zone(&a));
        address_borrow_zone(&a, &zoned);
        assert_int_equal(a.v6.sin6_scope_id, 3);
    }
}

static void the_same_address_on_another_link_is_another(void **state) {
    (void)state;
    union address here, there;
    assert_int_equal(address_read(&here, "fe80::1", 80), ADDRESS_FINE);
    there = here;
    there.v6.sin6_scope_id = 2;
    assert_false(address_is_same(&here, &there));
    assert_int_equal(address_read(&here, "::1", 80), ADDRESS_FINE);
    there = here;
    there.v6.sin6_scope_id = 1; /* which the system leaves out */
    assert_true(address_is_same(&here, &there));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(a_zone_is_the_name_or_number_of_an_interface),
        cmocka_unit_test(an_interface_that_has_gone_is_shown_by_its_number),
        cmocka_unit_test(addresses_of_a_link_need_a_zone),
        cmocka_unit_test(the_same_address_on_another_link_is_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

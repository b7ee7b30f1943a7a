/* test_x509_names: which hosts a certificate is for, and which names a CA may speak for. */
#include "made.h"
#include "unit.h"
#include "wire/x509_names.h"

#define DNS(text) MADE(DER_CONTEXT(2), slice_str(text))
#define IP(text)  MADE(DER_CONTEXT(7), BYTES(text))
#define TREE(...) SEQUENCE(__VA_ARGS__)

/* ---- hosts ---- */

static bool is_for(struct slice names, const char *host) {
    struct x509 x = {.names = names};
    return x509_is_for(&x, slice_str(host), slice_of(NULL, 0));
}
static bool dns_is_for(const char *name, const char *host) { return is_for(DNS(name), host); }

static bool is_for_address(struct slice names, struct slice address) {
    struct x509 x = {.names = names};
    return x509_is_for(&x, slice_str("10.0.0.1"), address);
}

static void a_name_is_for_itself(void **state) {
    (void)state;
    assert_true(dns_is_for("a.example", "a.example"));
    assert_true(dns_is_for("A.Example", "a.eXample"));
    assert_true(dns_is_for("localhost", "localhost"));
    assert_false(dns_is_for("a.example", "b.example"));
    assert_false(dns_is_for("a.example", "x.a.example"));
    assert_false(dns_is_for("x.a.example", "a.example"));
    assert_false(dns_is_for("", "a.example"));
    assert_false(dns_is_for("", ""));
    assert_false(is_for(MADE(DER_CONTEXT(2), BYTES("a.example\0.evil.example")), "a.example"));
    assert_false(is_for(MADE(DER_CONTEXT(2), BYTES("a.example\0")), "a.example"));
    assert_false(is_for(slice_of(NULL, 0), "a.example"));
}

static void a_wildcard_is_one_label_above_two(void **state) {
    (void)state;
    assert_true(dns_is_for("*.a.example", "x.a.example"));
    assert_true(dns_is_for("*.A.example", "x.a.Example"));
    assert_false(dns_is_for("*.a.example", "a.example"));
    assert_false(dns_is_for("*.a.example", ".a.example"));
    assert_false(dns_is_for("*.a.example", "x.y.a.example"));
    assert_false(dns_is_for("*.example", "a.example"));
    assert_false(dns_is_for("*.", "a."));
    assert_false(dns_is_for("*", "a"));
    assert_false(dns_is_for("*.*", "a.b"));
    assert_false(dns_is_for("*..example", "a..example"));
    assert_false(dns_is_for("*.a.example.", "x.a.example."));
    assert_false(dns_is_for("*.*.example", "x.a.example"));
    assert_false(dns_is_for("x*.a.example", "xy.a.example"));
    assert_false(dns_is_for("x.*.example", "x.a.example"));
    assert_false(dns_is_for("**.a.example", "x.a.example"));
    assert_false(dns_is_for("*.a.example", "*.b.example"));
}

static void an_address_is_for_itself(void **state) {
    (void)state;
    assert_true(is_for_address(IP("\x0A\0\0\1"), BYTES("\x0A\0\0\1")));
    assert_false(is_for_address(IP("\x0A\0\0\2"), BYTES("\x0A\0\0\1")));
    assert_false(is_for_address(IP("\x0A\0\0\1\xFF\xFF\xFF\xFF"), BYTES("\x0A\0\0\1")));
    assert_false(is_for_address(DNS("10.0.0.1"), BYTES("\x0A\0\0\1")));
    assert_false(is_for(IP("host"), "host"));
}

static void one_of_several_names_is_enough(void **state) {
    (void)state;
    struct slice all = SEQUENCE(MADE(DER_CONTEXT(1), BYTES("a@a.example")), MADE(DER_CONTEXT(6), BYTES("b.example")),
                                DNS("c.example"), IP("\x0A\0\0\1"));
    all = slice_skip(all, 2);
    assert_true(is_for(all, "c.example"));
    assert_true(is_for_address(all, BYTES("\x0A\0\0\1")));
    assert_false(is_for(all, "a.example"));
    assert_false(is_for(all, "b.example"));
}

/* ---- constraints ---- */

static bool allows_of(struct slice permitted, struct slice excluded, struct slice subject, struct slice names) {
    struct x509 ca = {.permitted = permitted, .excluded = excluded}, x = {.subject = subject, .names = names};
    return x509_allows(&ca, &x);
}
#define EMPTY slice_of("\x30\0", 2)
static bool permits(struct slice tree, struct slice name) { return allows_of(tree, slice_of(NULL, 0), EMPTY, name); }
static bool excludes(struct slice tree, struct slice name) { return !allows_of(slice_of(NULL, 0), tree, EMPTY, name); }
static bool dns_permits(const char *tree, const char *name) { return permits(TREE(DNS(tree)), DNS(name)); }
static bool dns_excludes(const char *tree, const char *name) { return excludes(TREE(DNS(tree)), DNS(name)); }

static void names_are_below_others_by_labels(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        bool (*is_below)(const char *tree, const char *name) = i ? dns_excludes : dns_permits;
        assert_true(is_below("a.example", "a.example"));
        assert_true(is_below("a.example", "A.EXAMPLE"));
        assert_true(is_below("a.example", "x.a.example"));
        assert_true(is_below("a.example", "y.x.a.example"));
        assert_false(is_below("a.example", "evila.example"));
        assert_false(is_below("a.example", "example"));
        assert_false(is_below("a.example", "a.example.org"));
        assert_false(is_below(".a.example", "a.example"));
        assert_true(is_below(".a.example", "x.a.example"));
        assert_true(is_below("", "a.example"));
        assert_true(is_below("a.example", "*.a.example"));
        assert_false(is_below("a.example", ""));
    }
}

static void a_wildcard_is_each_name_that_it_may_match(void **state) {
    (void)state;
    assert_false(dns_permits("x.a.example", "*.a.example"));
    assert_true(dns_excludes("x.a.example", "*.a.example"));
    assert_true(dns_excludes("X.a.example", "*.A.example"));
    assert_false(dns_excludes("y.x.a.example", "*.a.example"));
    assert_false(dns_excludes("x.b.example", "*.a.example"));
}

static void addresses_are_in_networks(void **state) {
    (void)state;
    struct slice ten = TREE(IP("\x0A\0\0\0\xFF\0\0\0"));
    assert_true(permits(ten, IP("\x0A\1\2\3")));
    assert_true(excludes(ten, IP("\x0A\1\2\3")));
    assert_false(permits(ten, IP("\x0B\1\2\3")));
    assert_false(excludes(ten, IP("\x0B\1\2\3")));
    assert_false(permits(ten, IP("\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x0A\1\2\3"))); /* IPv6 is not IPv4 */
    assert_false(permits(TREE(IP("\x0A\1\2\3")), IP("\x0A\1\2\3")));          /* a network without a mask is none */
    assert_true(excludes(TREE(IP("\x0A\1\2\3")), IP("\x0B\1\2\3")));
}

#define CN            "\x55\x04\x03"
#define NAME(tag, cn) SEQUENCE(MADE(DER_SET, SEQUENCE(OID_OF(CN), MADE(tag, slice_str(cn)))))
enum { UTF8 = 0x0C, PRINTABLE = 0x13 };

static void a_subject_is_a_name_too(void **state) {
    (void)state;
    struct slice a = NAME(UTF8, "a"), b = NAME(UTF8, "b"), none = slice_of(NULL, 0);
    struct slice tree = TREE(MADE(DER_CONTEXT_OF(4), a)), name = MADE(DER_CONTEXT_OF(4), a);
    assert_true(allows_of(tree, none, a, none));
    assert_false(allows_of(tree, none, b, none));
    assert_false(allows_of(none, tree, a, none));
    assert_true(allows_of(none, tree, b, none));
    assert_true(allows_of(tree, none, EMPTY, none)); /* none, so none that is not permitted */
    assert_false(allows_of(none, tree, EMPTY, name));
    assert_false(allows_of(tree, none, EMPTY, MADE(DER_CONTEXT_OF(4), b)));
    assert_true(allows_of(TREE(MADE(DER_CONTEXT_OF(4), EMPTY)), none, b, none)); /* all begin with nothing */
}

/* RFC 5280 7.1 */
static void a_name_that_is_excluded_is_so_however_it_is_written(void **state) {
    (void)state;
    struct slice tree = TREE(MADE(DER_CONTEXT_OF(4), NAME(UTF8, "Evil Corp"))), none = slice_of(NULL, 0);
    assert_false(allows_of(none, tree, NAME(UTF8, "EVIL corp"), none));
    assert_false(allows_of(none, tree, NAME(PRINTABLE, "Evil Corp"), none));
    assert_false(allows_of(none, tree, NAME(UTF8, " Evil   Corp "), none));
    assert_false(allows_of(none, tree, NAME(0x1E, "\0E"), none)); /* BMPString: nobody here can tell */
    assert_false(allows_of(none, tree, SEQUENCE(MADE(DER_SET, BYTES("x"))), none));
    assert_true(allows_of(none, tree, NAME(UTF8, "Evil"), none));
    assert_true(allows_of(none, tree, NAME(UTF8, "Evil Corp."), none));
    assert_true(allows_of(none, tree,
                          SEQUENCE(MADE(DER_SET, SEQUENCE(OID_OF("\x55\x04\x0A"), MADE(UTF8, BYTES("Evil Corp"))))),
                          none)); /* its O, not its CN */
}

static void a_name_that_is_permitted_is_so_in_any_case(void **state) {
    (void)state;
    struct slice tree = TREE(MADE(DER_CONTEXT_OF(4), NAME(UTF8, "Good"))), none = slice_of(NULL, 0);
    assert_true(allows_of(tree, none, NAME(PRINTABLE, "GOOD"), none));
    assert_false(allows_of(tree, none, NAME(UTF8, "Go od"), none));
    assert_false(allows_of(tree, none, NAME(0x1E, "Good"), none));
    assert_false(allows_of(tree, none, SEQUENCE(MADE(DER_SET, BYTES("x"))), none));
}

static void constraints_of_one_kind_say_nothing_of_others(void **state) {
    (void)state;
    assert_true(dns_permits("a.example", "a.example"));
    assert_true(permits(TREE(DNS("a.example")), IP("\x0A\1\2\3")));
    assert_false(excludes(TREE(DNS("")), IP("\x0A\1\2\3")));
}

static void a_kind_that_is_not_known_is_not_allowed_where_it_is_constrained(void **state) {
    (void)state;
    static const uint8_t kinds[] = {DER_CONTEXT_OF(0), DER_CONTEXT(1), DER_CONTEXT_OF(3),
                                    DER_CONTEXT_OF(5), DER_CONTEXT(6), DER_CONTEXT(8)};
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct slice name = MADE(kinds[i], BYTES("a.example"));
        assert_false(permits(TREE(name), name));
        assert_true(excludes(TREE(MADE(kinds[i], BYTES("b"))), name));
        assert_true(permits(TREE(DNS("b.example")), name));
    }
}

static void mail_in_a_subject_is_constrained_as_mail(void **state) {
    (void)state;
    struct slice mail = OID_OF("\x2A\x86\x48\x86\xF7\x0D\x01\x09\x01"), none = slice_of(NULL, 0);
    struct slice subject = SEQUENCE(MADE(DER_SET, SEQUENCE(mail, MADE(0x16, BYTES("a@evil.example")))));
    struct slice tree = TREE(MADE(DER_CONTEXT(1), BYTES("good.example")));
    assert_false(allows_of(tree, none, subject, none));
    assert_false(allows_of(none, tree, subject, none));
    assert_true(allows_of(tree, none, NAME(UTF8, "a"), none));
    assert_true(allows_of(TREE(DNS("good.example")), none, subject, none));
}

static void each_name_must_be_allowed(void **state) {
    (void)state;
    struct slice both = slice_skip(SEQUENCE(DNS("a.example"), DNS("b.example")), 2);
    struct slice trees = slice_skip(SEQUENCE(TREE(DNS("a.example")), TREE(DNS("b.example"))), 2);
    assert_false(permits(TREE(DNS("a.example")), both));
    assert_true(excludes(TREE(DNS("b.example")), both));
    assert_true(permits(trees, both));
    assert_false(allows_of(trees, TREE(DNS("b.example")), EMPTY, both)); /* what is excluded wins */
}

static void what_cannot_be_read_allows_nothing(void **state) {
    (void)state;
    assert_false(permits(BYTES("\x30\x05\x82\x09"), DNS("a")));
    assert_true(excludes(BYTES("\x30\x05\x82\x09"), DNS("a")));
    assert_true(excludes(BYTES("x"), DNS("a")));
    assert_false(permits(TREE(DNS("a"), MADE(DER_CONTEXT(0), BYTES("\1"))), DNS("a"))); /* a distance */
    assert_false(permits(TREE(DNS("a"), MADE(DER_CONTEXT(1), BYTES("\1"))), DNS("a")));
    assert_false(permits(TREE(NOTHING), DNS("a")));
    assert_false(permits(TREE(DNS("a")), BYTES("\x82\x09")));
}

static void without_constraints_all_is_allowed(void **state) {
    (void)state;
    struct slice none = slice_of(NULL, 0);
    assert_true(allows_of(none, none, EMPTY, DNS("a")));
    assert_true(allows_of(BYTES(""), none, EMPTY, DNS("a")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_for_itself),
        cmocka_unit_test(a_wildcard_is_one_label_above_two),
        cmocka_unit_test(an_address_is_for_itself),
        cmocka_unit_test(one_of_several_names_is_enough),
        cmocka_unit_test(names_are_below_others_by_labels),
        cmocka_unit_test(a_wildcard_is_each_name_that_it_may_match),
        cmocka_unit_test(addresses_are_in_networks),
        cmocka_unit_test(a_subject_is_a_name_too),
        cmocka_unit_test(a_name_that_is_excluded_is_so_however_it_is_written),
        cmocka_unit_test(a_name_that_is_permitted_is_so_in_any_case),
        cmocka_unit_test(constraints_of_one_kind_say_nothing_of_others),
        cmocka_unit_test(a_kind_that_is_not_known_is_not_allowed_where_it_is_constrained),
        cmocka_unit_test(mail_in_a_subject_is_constrained_as_mail),
        cmocka_unit_test(each_name_must_be_allowed),
        cmocka_unit_test(what_cannot_be_read_allows_nothing),
        cmocka_unit_test(without_constraints_all_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

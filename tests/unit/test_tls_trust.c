/* test_tls_trust: whom to believe: each rule, the way that is found, and how long is looked for it. Signatures are told
 * by names here: a certificate is signed by whom its `key_info` names. */
#include "made.h"
#include "net/tls/trust.h"
#include "unit.h"

enum { NOW = 1000, MOST = 40 };

static struct x509 sent[MOST], anchors[MOST];
static struct trust_question q;
static unsigned asked;

/* Here `key_bits` is whose key it has, and `key_info` whose key signed it. */
static bool signed_by(const struct x509 *x, const struct x509 *issuer) {
    asked++;
    return slice_eq(x->key_info, issuer->key_bits);
}

static unsigned count;

static struct x509 certificate(const char *subject, const char *issuer) {
    count++;
    return (struct x509){.der = made_bytes(&count, sizeof count),
                         .subject = slice_str(subject),
                         .issuer = slice_str(issuer),
                         .key_bits = slice_str(subject),
                         .key_info = slice_str(issuer),
                         .not_before = NOW - 10,
                         .not_after = NOW + 10,
                         .key = X509_KEY_RSA,
                         .key_size = 2048,
                         .hash_size = 256,
                         .path_length = -1,
                         .usage = -1,
                         .is_for_servers = true};
}

static struct x509 authority(const char *subject, const char *issuer) {
    struct x509 x = certificate(subject, issuer);
    x.is_ca = true;
    return x;
}

static void send(struct x509 x) { sent[q.sent_count++] = x; }
static void trust(struct x509 x) { anchors[q.anchor_count++] = x; }

/* The server's own, for "host", of an intermediate's, of a root's that is trusted. */
static int set_up(void **state) {
    (void)state;
    q = (struct trust_question){
        .sent = sent, .anchors = anchors, .name = slice_str("host"), .now = NOW, .signed_by = signed_by};
    send(certificate("host", "middle"));
    sent[0].names = MADE(DER_CONTEXT(2), BYTES("host"));
    send(authority("middle", "root"));
    trust(authority("root", "root"));
    return 0;
}

static struct trust_verdict judge(void) {
    asked = 0;
    struct trust_verdict v = trust_judge(&q);
    assert_in_range(v.length, 0, TRUST_DEEPEST);
    assert_in_range(asked, 0, TRUST_SIGNATURES);
    return v;
}

static void is_fine(void) {
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, TRUST_FINE);
    assert_ptr_equal(v.path[0], sent);
}

static void is_refused(enum trust_problem problem, const struct x509 *about, const struct x509 *below) {
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, problem);
    assert_ptr_equal(v.about, about);
    assert_ptr_equal(v.below, below);
}

/* ---- rules ---- */

static void a_chain_to_an_anchor_is_believed(void **state) {
    (void)state;
    anchors[0].not_after = NOW + 5;
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, TRUST_FINE);
    assert_int_equal(v.length, 3);
    assert_ptr_equal(v.path[0], &sent[0]);
    assert_ptr_equal(v.path[1], &sent[1]);
    assert_ptr_equal(v.path[2], &anchors[0]);
    assert_int_equal(v.until, NOW + 5);
}

static void each_is_valid_today(void **state) {
    (void)state;
    struct x509 *all[] = {&sent[0], &sent[1], &anchors[0]};
    for (int i = 0; i < 3; i++) {
        struct x509 *below = i ? all[i - 1] : &sent[0]; /* one's own is on the way already */
        all[i]->not_after = NOW - 1;
        is_refused(TRUST_EXPIRED, all[i], below);
        all[i]->not_after = NOW; /* RFC 5280 4.1.2.5: that second still */
        is_fine();
        all[i]->not_before = NOW + 1;
        is_refused(TRUST_NOT_YET_VALID, all[i], below);
        all[i]->not_before = NOW;
        is_fine();
    }
}

static void each_issuer_is_a_ca_that_may_sign(void **state) {
    (void)state;
    struct x509 *issuers[] = {&sent[1], &anchors[0]};
    for (int i = 0; i < 2; i++) {
        issuers[i]->is_ca = false;
        is_refused(TRUST_NOT_A_CA, issuers[i], &sent[i]);
        issuers[i]->is_ca = true;
        issuers[i]->usage = X509_DIGITAL_SIGNATURE;
        is_refused(TRUST_NOT_TO_SIGN, issuers[i], &sent[i]);
        issuers[i]->usage = X509_CERT_SIGN;
        is_fine();
    }
}

static void each_is_for_servers_and_known_in_whole(void **state) {
    (void)state;
    struct x509 *all[] = {&sent[0], &sent[1], &anchors[0]};
    for (int i = 0; i < 3; i++) {
        struct x509 *below = i ? all[i - 1] : &anchors[0]; /* one's own is looked at when the way is known */
        all[i]->is_for_servers = false;
        is_refused(TRUST_NOT_FOR_SERVERS, all[i], below);
        all[i]->is_for_servers = true;
        all[i]->demands_more = true;
        is_refused(TRUST_DEMANDS_MORE, all[i], below);
        all[i]->demands_more = false;
        is_fine();
    }
}

static void its_own_key_is_for_tls(void **state) {
    (void)state;
    sent[0].usage = X509_CERT_SIGN;
    is_refused(TRUST_NOT_FOR_TLS, &sent[0], &anchors[0]);
    sent[0].usage = X509_DIGITAL_SIGNATURE;
    is_fine();
}

static void path_lengths_are_kept(void **state) {
    (void)state;
    anchors[0].path_length = 0;
    is_refused(TRUST_PATH_LENGTH, &anchors[0], &sent[1]);
    anchors[0].path_length = 1;
    sent[1].path_length = 0; /* its own is no CA that counts */
    is_fine();
}

static void one_that_issued_itself_does_not_count(void **state) {
    (void)state;
    sent[1] = authority("root", "root"); /* a new key of the root's */
    sent[1].key_bits = slice_str("new key");
    sent[0].issuer = slice_str("root");
    sent[0].key_info = slice_str("new key");
    anchors[0].path_length = 0;
    anchors[0].excluded = MADE(DER_SEQUENCE, MADE(DER_CONTEXT_OF(4), BYTES("\x30\0")));
    sent[0].subject = slice_of("\x30\0", 2);
    is_fine();
}

static void names_are_constrained_from_above(void **state) {
    (void)state;
    struct slice other = MADE(DER_SEQUENCE, MADE(DER_CONTEXT(2), BYTES("other")));
    anchors[0].permitted = other;
    is_refused(TRUST_CONSTRAINED, &anchors[0], &anchors[0]); /* which is asked when the way is whole */
    anchors[0].permitted = slice_of(NULL, 0);
    sent[1].permitted = other;
    is_refused(TRUST_CONSTRAINED, &sent[1], &anchors[0]);
    sent[1].permitted = slice_of(NULL, 0);
    sent[0].permitted = other; /* one's own bind nobody */
    is_fine();
}

static void what_is_weak_is_refused_unless_it_is_allowed(void **state) {
    (void)state;
    struct x509 *all[] = {&sent[0], &sent[1], &anchors[0]};
    for (int i = 0; i < 3; i++) {
        q.allow_weak = false;
        all[i]->key_size = 2047;
        is_refused(TRUST_WEAK_KEY, all[i], i ? all[i - 1] : &anchors[0]);
        q.allow_weak = true;
        is_fine();
        q.allow_weak = false;
        all[i]->key = X509_KEY_EC;
        all[i]->key_size = 255;
        is_refused(TRUST_WEAK_KEY, all[i], i ? all[i - 1] : &anchors[0]);
        all[i]->key_size = 256;
        all[i]->hash_size = 160;
        if (i < 2) /* an anchor is not trusted for its signature */
            is_refused(TRUST_WEAK_HASH, all[i], all[i]);
        else
            is_fine();
        q.allow_weak = true;
        is_fine();
        all[i]->hash_size = 256;
    }
}

static void hosts_have_their_names(void **state) {
    (void)state;
    q.name = slice_str("other");
    is_refused(TRUST_OTHER_NAME, &sent[0], &anchors[0]);
    q.name = slice_str("host");
    q.address = slice_of("\x7F\0\0\1", 4);
    is_refused(TRUST_OTHER_NAME, &sent[0], &anchors[0]);
}

static void one_that_cannot_be_read_is_passed_over(void **state) {
    (void)state;
    send(sent[1]);
    sent[1] = (struct x509){0};
    is_fine();
    sent[0] = (struct x509){0};
    is_refused(TRUST_UNREADABLE, &sent[0], NULL);
}

static void a_forged_signature_is_told(void **state) {
    (void)state;
    sent[0].key_info = slice_str("another key");
    is_refused(TRUST_FORGED, &sent[0], &sent[0]);
    sent[0].key_info = slice_str("middle");
    sent[1].key_info = slice_str("another key");
    is_refused(TRUST_FORGED, &sent[1], &sent[1]);
}

static void nobody_vouches_without_an_anchor(void **state) {
    (void)state;
    q.anchor_count = 0;
    is_refused(TRUST_NO_ISSUER, &sent[1], &sent[1]);
    q.sent_count = 1;
    is_refused(TRUST_NO_ISSUER, &sent[0], &sent[0]);
    send(authority("root", "root")); /* a root that is sent is no anchor */
    sent[0].issuer = sent[0].key_info = slice_str("root");
    is_refused(TRUST_NO_ISSUER, &sent[1], &sent[1]);
}

/* ---- one that is trusted as itself ---- */

static void a_certificate_that_is_trusted_needs_nobody(void **state) {
    (void)state;
    anchors[0] = sent[0];
    q.sent_count = 1;
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, TRUST_FINE);
    assert_int_equal(v.length, 1);
    assert_int_equal(asked, 0);
    sent[0].hash_size = 128; /* nobody asks who signed it */
    is_fine();
}

static void it_keeps_the_rules_all_the_same(void **state) {
    (void)state;
    anchors[0] = sent[0];
    q.name = slice_str("other");
    is_refused(TRUST_OTHER_NAME, &sent[0], &sent[0]);
    sent[0].not_after = NOW - 1;
    is_refused(TRUST_EXPIRED, &sent[0], &sent[0]);
}

static void it_vouches_for_nobody(void **state) {
    (void)state;
    anchors[0] = certificate("root", "root");
    is_refused(TRUST_NOT_A_CA, &anchors[0], &sent[1]);
}

/* ---- ways ---- */

static void the_order_does_not_matter(void **state) {
    (void)state;
    for (unsigned i = 0; i < 6; i++) send(authority("stranger", "nobody"));
    for (size_t at = 1; at < q.sent_count; at++) {
        for (size_t i = 1; i < q.sent_count; i++) sent[i] = authority("stranger", "nobody");
        sent[at] = authority("middle", "root");
        is_fine();
    }
}

static void another_way_is_taken_where_one_fails(void **state) {
    (void)state;
    struct x509 good = sent[1];
    sent[1].not_after = NOW - 1; /* an old one of the same name, */
    send(authority("middle", "gone"));
    send(authority("middle", "root")); /* one with another key, */
    sent[3].key_bits = slice_str("another key");
    send(authority("middle", "root")); /* and one that may not */
    sent[4].is_ca = false;
    send(good);
    is_fine();
}

static void another_anchor_is_taken_where_one_fails(void **state) {
    (void)state;
    anchors[0].not_after = NOW - 1; /* the root was renewed */
    trust(authority("root", "root"));
    is_fine();
    anchors[1].key_bits = slice_str("another key");
    trust(authority("root", "root"));
    is_fine();
}

static void an_anchor_ends_the_way_though_more_is_sent(void **state) {
    (void)state;
    trust(authority("middle", "root"));
    send(authority("root", "older root"));
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, TRUST_FINE);
    assert_int_equal(v.length, 2);
    assert_ptr_equal(v.path[1], &anchors[1]);
}

static void the_farthest_problem_is_told(void **state) {
    (void)state;
    send(authority("middle", "nowhere")); /* which leads nowhere */
    anchors[0].not_after = NOW - 1;
    is_refused(TRUST_EXPIRED, &anchors[0], &sent[1]);
}

static void what_went_wrong_elsewhere_is_forgotten(void **state) {
    (void)state;
    send(sent[1]);
    sent[1].key_info = slice_str("another key"); /* forged, farther on than its own name */
    q.name = slice_str("other");
    is_refused(TRUST_OTHER_NAME, &sent[0], &anchors[0]);
}

static void the_deepest_way_is_known(void **state) {
    (void)state;
    static const char *const names[TRUST_DEEPEST] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    for (int cas = 1; cas < TRUST_DEEPEST; cas++) {
        set_up(NULL);
        q.sent_count = 1;
        sent[0].issuer = sent[0].key_info = slice_str("a");
        for (int i = 0; i < cas; i++) {
            send(authority(names[i], names[i + 1]));
        }
        q.sent_count--; /* the last one is the anchor */
        anchors[0] = sent[cas];
        struct trust_verdict v = judge();
        assert_int_equal(v.problem, TRUST_FINE);
        assert_int_equal(v.length, cas + 1);
    }
    send(sent[q.sent_count]);
    anchors[0] = authority(names[TRUST_DEEPEST - 1], "root");
    assert_int_equal(judge().problem, TRUST_TOO_MUCH);
}

static void a_way_that_is_too_long_does_not_hide_another(void **state) {
    (void)state;
    static const char *const names[TRUST_DEEPEST] = {"middle", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
    q.sent_count = 1;
    for (int i = 0; i < TRUST_DEEPEST - 1; i++) send(authority(names[i], names[i + 1]));
    assert_int_equal(judge().problem, TRUST_TOO_MUCH);
    send(authority("middle", "root"));
    is_fine();
}

/* ---- hostile ---- */

/* Each may have issued each, and no way leads to an anchor. */
static void crossed_signatures_are_followed_so_far_and_no_farther(void **state) {
    (void)state;
    q.sent_count = 1;
    sent[0].issuer = sent[0].key_info = slice_str("x");
    for (int i = 1; i < TRUST_SENT_MOST; i++) send(authority("x", "x"));
    struct trust_verdict v = judge();
    assert_int_equal(v.problem, TRUST_TOO_MUCH);
    assert_int_equal(asked, TRUST_SIGNATURES);
}

static void forged_signatures_are_looked_at_so_often_and_no_more(void **state) {
    (void)state;
    for (int i = 0; i < MOST - 1; i++) trust(authority("middle", "root"));
    for (size_t i = 0; i < q.anchor_count; i++) anchors[i].key_bits = slice_str("another key");
    is_refused(TRUST_TOO_MUCH, &sent[0], &sent[0]);
    assert_int_equal(asked, TRUST_SIGNATURES);
}

static void a_ring_ends(void **state) {
    (void)state;
    q.anchor_count = 0;
    sent[1] = authority("middle", "other");
    send(authority("other", "middle"));
    is_refused(TRUST_NO_ISSUER, &sent[2], &sent[2]);
    assert_in_range(asked, 1, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_chain_to_an_anchor_is_believed, set_up),
        cmocka_unit_test_setup(each_is_valid_today, set_up),
        cmocka_unit_test_setup(each_issuer_is_a_ca_that_may_sign, set_up),
        cmocka_unit_test_setup(each_is_for_servers_and_known_in_whole, set_up),
        cmocka_unit_test_setup(its_own_key_is_for_tls, set_up),
        cmocka_unit_test_setup(path_lengths_are_kept, set_up),
        cmocka_unit_test_setup(one_that_issued_itself_does_not_count, set_up),
        cmocka_unit_test_setup(names_are_constrained_from_above, set_up),
        cmocka_unit_test_setup(what_is_weak_is_refused_unless_it_is_allowed, set_up),
        cmocka_unit_test_setup(hosts_have_their_names, set_up),
        cmocka_unit_test_setup(one_that_cannot_be_read_is_passed_over, set_up),
        cmocka_unit_test_setup(a_forged_signature_is_told, set_up),
        cmocka_unit_test_setup(nobody_vouches_without_an_anchor, set_up),
        cmocka_unit_test_setup(a_certificate_that_is_trusted_needs_nobody, set_up),
        cmocka_unit_test_setup(it_keeps_the_rules_all_the_same, set_up),
        cmocka_unit_test_setup(it_vouches_for_nobody, set_up),
        cmocka_unit_test_setup(the_order_does_not_matter, set_up),
        cmocka_unit_test_setup(another_way_is_taken_where_one_fails, set_up),
        cmocka_unit_test_setup(another_anchor_is_taken_where_one_fails, set_up),
        cmocka_unit_test_setup(an_anchor_ends_the_way_though_more_is_sent, set_up),
        cmocka_unit_test_setup(the_farthest_problem_is_told, set_up),
        cmocka_unit_test_setup(what_went_wrong_elsewhere_is_forgotten, set_up),
        cmocka_unit_test_setup(the_deepest_way_is_known, set_up),
        cmocka_unit_test_setup(a_way_that_is_too_long_does_not_hide_another, set_up),
        cmocka_unit_test_setup(crossed_signatures_are_followed_so_far_and_no_farther, set_up),
        cmocka_unit_test_setup(forged_signatures_are_looked_at_so_often_and_no_more, set_up),
        cmocka_unit_test_setup(a_ring_ends, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

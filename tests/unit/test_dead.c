/* test_dead: what did not answer is remembered, for a while and within bounds. */
#include "net/clock.h"
#include "net/dial/dead.h"
#include "unit.h"

static struct dead dead;
static const uint64_t now = 1000 * CLOCK_SECOND;

static union address at(const char *text, uint16_t port) {
    union address a = {0};
    assert_true(address_read(&a, text, port));
    return a;
}

static bool has(const char *text, uint16_t port, uint64_t when) {
    union address a = at(text, port);
    return dead_has(&dead, &a, when);
}

static void put(const char *text, uint16_t port, uint64_t when) {
    union address a = at(text, port);
    dead_put(&dead, &a, when);
}

static int none_yet(void **state) {
    (void)state;
    dead.count = 0;
    return 0;
}

static void an_address_is_dead_for_a_minute(void **state) {
    (void)state;
    put("127.0.0.1", 80, now);
    put("::1", 80, now);
    assert_true(has("127.0.0.1", 80, now));
    assert_true(has("::1", 80, now + 59 * CLOCK_SECOND));
    assert_false(has("::1", 80, now + 60 * CLOCK_SECOND));
    put("127.0.0.1", 80, now + 30 * CLOCK_SECOND);
    assert_true(has("127.0.0.1", 80, now + 89 * CLOCK_SECOND));
    assert_int_equal(dead.count, 2);
}

static void others_are_not(void **state) {
    (void)state;
    put("127.0.0.1", 80, now);
    put("fe80::1", 80, now);
    assert_false(has("127.0.0.1", 81, now));
    assert_false(has("127.0.0.2", 80, now));
    assert_false(has("::ffff:127.0.0.1", 80, now));
    union address other_zone = at("fe80::1", 80);
    other_zone.v6.sin6_scope_id = 7;
    assert_false(dead_has(&dead, &other_zone, now));
}

static void one_that_answers_is_forgotten(void **state) {
    (void)state;
    put("127.0.0.1", 80, now);
    put("127.0.0.2", 80, now);
    union address answers = at("127.0.0.1", 80), unknown = at("127.0.0.3", 80);
    dead_forget(&dead, &unknown);
    dead_forget(&dead, &answers);
    assert_false(has("127.0.0.1", 80, now));
    assert_true(has("127.0.0.2", 80, now));
}

static void the_oldest_makes_place(void **state) {
    (void)state;
    for (unsigned i = 0; i < DEAD_MOST; i++) put("127.0.0.1", (uint16_t)(1 + i), now + i);
    put("127.0.0.1", 1, now + DEAD_MOST);
    put("127.0.0.2", 1, now + DEAD_MOST);
    assert_int_equal(dead.count, DEAD_MOST);
    assert_false(has("127.0.0.1", 2, now));
    assert_true(has("127.0.0.1", 1, now));
    assert_true(has("127.0.0.1", 3, now));
    assert_true(has("127.0.0.2", 1, now));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_is_dead_for_a_minute, none_yet),
        cmocka_unit_test_setup(others_are_not, none_yet),
        cmocka_unit_test_setup(one_that_answers_is_forgotten, none_yet),
        cmocka_unit_test_setup(the_oldest_makes_place, none_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

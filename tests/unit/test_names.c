/* test_names: who asks for the same shares the look-up; what was found is kept, for a while and within bounds. */
#include "lookup.h"
#include <stdio.h>

/* Somebody who waits, and what he was told: "v6: ADDRESS ADDRESS; v4: ERROR; ". */
struct asker {
    struct names_wait wait;
    char told[512];
};

static void told(struct names_wait *w, const struct names_answer *answer) {
    struct asker *a = (struct asker *)w;
    size_t n = strlen(a->told);
    n += (size_t)snprintf(a->told + n, sizeof a->told - n, "v%d:", answer->family == NAMES_V4 ? 4 : 6);
    for (size_t i = 0; i < answer->count; i++) {
        char one[64];
        bool v4 = answer->found[i].any.sa_family == AF_INET;
        if (v4)
            uv_ip4_name(&answer->found[i].v4, one, sizeof one);
        else
            uv_ip6_name(&answer->found[i].v6, one, sizeof one);
        n += (size_t)snprintf(a->told + n, sizeof a->told - n, " %s", one);
    }
    if (answer->status) n += (size_t)snprintf(a->told + n, sizeof a->told - n, " %s", uv_err_name(answer->status));
    snprintf(a->told + n, sizeof a->told - n, "; ");
}

static void ask_for(struct asker *a, const char *host, unsigned families) {
    a->told[0] = '\0';
    names_ask(&net, host, families, &a->wait, told);
}
static void ask(struct asker *a, const char *host) { ask_for(a, host, NAMES_V4 | NAMES_V6); }

static void both_families_are_looked_up_and_told_as_they_come(void **state) {
    (void)state;
    struct asker a;
    ask(&a, "example.org");
    assert_int_equal(lookup_count, 2);
    assert_string_equal(lookups[0].host, "example.org");
    assert_int_equal(lookups[0].family, 6);
    assert_int_equal(lookups[1].family, 4);
    FOUND(1, "127.0.0.1", "127.0.0.2");
    assert_string_equal(a.told, "v4: 127.0.0.1 127.0.0.2; ");
    assert_int_equal(a.wait.awaits, NAMES_V6);
    FOUND(0, "::1");
    assert_string_equal(a.told, "v4: 127.0.0.1 127.0.0.2; v6: ::1; ");
    assert_int_equal(a.wait.awaits, 0);
}

static void one_family_alone_is_one_look_up(void **state) {
    (void)state;
    struct asker a, b;
    ask_for(&a, "example.org", NAMES_V4);
    assert_int_equal(lookup_count, 1);
    assert_int_equal(lookups[0].family, 4);
    FOUND(0, "127.0.0.1");
    assert_string_equal(a.told, "v4: 127.0.0.1; ");
    ask(&b, "example.org");
    assert_int_equal(lookup_count, 2);
    assert_int_equal(lookups[1].family, 6);
    FAILED(1, UV_EAI_NODATA);
    assert_string_equal(b.told, "v4: 127.0.0.1; v6: EAI_NODATA; ");
}

static void who_asks_for_the_same_shares_the_look_up(void **state) {
    (void)state;
    static struct asker askers[1000];
    for (size_t i = 0; i < 1000; i++) ask(&askers[i], i % 2 ? "example.org" : "EXAMPLE.org");
    assert_int_equal(lookup_count, 2);
    names_leave(&askers[500].wait);
    FOUND(0, "::1");
    FOUND(1, "127.0.0.1");
    for (size_t i = 0; i < 1000; i++) assert_string_equal(askers[i].told, i == 500 ? "" : "v6: ::1; v4: 127.0.0.1; ");
}

static void what_was_found_is_kept_for_a_while(void **state) {
    (void)state;
    struct asker a, b, c;
    ask(&a, "example.org");
    FOUND(0, "::1");
    FAILED(1, UV_EAI_NODATA); /* that there is none is kept as well */
    clock_advance(&net.clock, (NAMES_FOR_S - 1) * CLOCK_SECOND);
    ask(&b, "example.org");
    assert_string_equal(b.told, "v6: ::1; v4: EAI_NODATA; ");
    assert_int_equal(lookup_count, 2);
    clock_advance(&net.clock, CLOCK_SECOND);
    ask(&c, "example.org");
    assert_string_equal(c.told, "");
    assert_int_equal(lookup_count, 4);
    FOUND(2, "::2");
    FOUND(3, "127.0.0.2");
    assert_string_equal(c.told, "v6: ::2; v4: 127.0.0.2; ");
}

static void what_led_nowhere_is_looked_up_anew(void **state) {
    (void)state;
    struct asker a;
    names_forget(&net, "example.org", UINT64_MAX); /* of which nothing is known */
    ask(&a, "example.org");
    FOUND(0, "::1");
    FOUND(1, "127.0.0.1");
    uint64_t since = clock_now(&net.clock);
    names_forget(&net, "Example.ORG", since);
    ask(&a, "example.org");
    assert_string_equal(a.told, "");
    assert_int_equal(lookup_count, 4);
    clock_advance(&net.clock, CLOCK_SECOND);
    FOUND(2, "::2");
    FOUND(3, "127.0.0.2");
    names_forget(&net, "example.org", since); /* by somebody who was told before that */
    ask(&a, "example.org");
    assert_string_equal(a.told, "v6: ::2; v4: 127.0.0.2; ");
}

static void a_family_under_way_is_not_forgotten_with_the_other(void **state) {
    (void)state;
    struct asker a, b;
    ask(&a, "example.org");
    FOUND(1, "127.0.0.1");
    names_forget(&net, "example.org", clock_now(&net.clock));
    ask(&b, "example.org");
    assert_int_equal(lookup_count, 3);
    FOUND(0, "::1");
    FOUND(2, "127.0.0.2");
    assert_string_equal(a.told, "v4: 127.0.0.1; v6: ::1; ");
    assert_string_equal(b.told, "v6: ::1; v4: 127.0.0.2; ");
}

static void failures_are_not_kept(void **state) {
    (void)state;
    struct asker a;
    ask(&a, "example.org");
    FAILED(0, UV_EAI_AGAIN);
    FAILED(1, UV_EAI_AGAIN);
    assert_string_equal(a.told, "v6: EAI_AGAIN; v4: EAI_AGAIN; ");
    ask(&a, "example.org");
    assert_int_equal(lookup_count, 4);
    FOUND(2, "::1");
    FOUND(3, "127.0.0.1");
    assert_string_equal(a.told, "v6: ::1; v4: 127.0.0.1; ");
}

static void a_family_that_nobody_answered_for_is_looked_up_again(void **state) {
    (void)state;
    struct asker a, b;
    ask(&a, "example.org");
    FOUND(0, "::1");
    FAILED(1, UV_EAI_AGAIN);
    assert_string_equal(a.told, "v6: ::1; v4: EAI_AGAIN; ");
    ask(&b, "example.org");
    assert_string_equal(b.told, "v6: ::1; ");
    assert_int_equal(lookup_count, 3);
    FOUND(2, "127.0.0.1");
    assert_string_equal(b.told, "v6: ::1; v4: 127.0.0.1; ");
}

static void what_the_system_refuses_at_once_is_told_at_once(void **state) {
    (void)state;
    struct asker a;
    lookup_refuses = UV_EINVAL;
    ask(&a, "example.org");
    assert_string_equal(a.told, "v6: EINVAL; v4: EINVAL; ");
    lookup_count = 0;
}

static void the_name_found_first_makes_place(void **state) {
    (void)state;
    struct asker a;
    char host[16];
    for (unsigned i = 0; i <= NAMES_MOST; i++) {
        snprintf(host, sizeof host, "h%u", i);
        ask_for(&a, host, NAMES_V4);
        FOUND(i, "127.0.0.1");
    }
    ask_for(&a, "h1", NAMES_V4);
    assert_string_equal(a.told, "v4: 127.0.0.1; ");
    ask_for(&a, "h0", NAMES_V4);
    assert_string_equal(a.told, "");
    FOUND(NAMES_MOST + 1, "127.0.0.2");
    assert_string_equal(a.told, "v4: 127.0.0.2; ");
}

static void addresses_of_a_name_have_a_limit(void **state) {
    (void)state;
    struct asker a;
    const char *many[NAMES_ADDRESSES + 10] = {NULL};
    for (size_t i = 0; i < NAMES_ADDRESSES + 9; i++) many[i] = "127.0.0.1";
    ask_for(&a, "example.org", NAMES_V4);
    lookup_end(0, 0, many);
    size_t n = 0;
    for (const char *p = a.told; (p = strchr(p, ' ')); p++) n++;
    assert_int_equal(n, NAMES_ADDRESSES + 1);
}

static void a_look_up_that_nobody_waits_for_is_known_as_such(void **state) {
    (void)state;
    struct asker a, b;
    ask(&a, "example.org");
    assert_int_equal(net.lookups, 0);
    FOUND(1, "127.0.0.1");
    names_leave(&a.wait);
    assert_int_equal(net.lookups, 1);
    ask(&b, "example.org"); /* joins it */
    assert_int_equal(net.lookups, 0);
    assert_int_equal(lookup_count, 2);
    names_leave(&b.wait);
    assert_int_equal(net.lookups, 1);
    FOUND(0, "::1"); /* and is there for the next */
    assert_int_equal(net.lookups, 0);
    ask(&a, "example.org");
    assert_string_equal(a.told, "v6: ::1; v4: 127.0.0.1; ");
}

static void who_comes_after_a_look_up_was_taken_back_gets_another(void **state) {
    (void)state;
    struct asker a, b;
    ask(&a, "example.org");
    names_leave(&a.wait);
    ask(&b, "example.org");
    FAILED(0, UV_ECANCELED);
    FAILED(1, UV_ECANCELED);
    assert_int_equal(lookup_count, 4);
    FOUND(2, "::1");
    FOUND(3, "127.0.0.1");
    assert_string_equal(b.told, "v6: ::1; v4: 127.0.0.1; ");
    assert_string_equal(a.told, "");
}

static void on_stat(uv_fs_t *req) { uv_fs_req_cleanup(req); }

/* A script may have such work by way of luv; it has no handle. */
static void a_forgotten_look_up_does_not_hide_other_work(void **state) {
    (void)state;
    struct asker a;
    uv_fs_t stat;
    names_use(&net, uv_getaddrinfo);
    ask(&a, "127.0.0.1");
    names_leave(&a.wait);
    assert_int_equal(net.lookups, 2);
    assert_false(net_loop_is_alive(&net));
    assert_int_equal(uv_fs_stat(&loop, &stat, ".", on_stat), 0);
    assert_true(net_loop_is_alive(&net));
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) continue;
}

static void a_slow_family_may_come_after_the_other_is_forgotten(void **state) {
    (void)state;
    struct asker a, b;
    ask(&a, "example.org");
    FOUND(1, "127.0.0.1");
    clock_advance(&net.clock, NAMES_FOR_S * CLOCK_SECOND);
    ask(&b, "example.org");
    assert_int_equal(lookup_count, 3);
    assert_int_equal(lookups[2].family, 4);
    FAILED(0, UV_EAI_FAIL);
    FAILED(2, UV_EAI_FAIL);
    assert_string_equal(a.told, "v4: 127.0.0.1; v6: EAI_FAIL; ");
    assert_string_equal(b.told, "v6: EAI_FAIL; v4: EAI_FAIL; ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lookup_open, lookup_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(both_families_are_looked_up_and_told_as_they_come),
        TEST(one_family_alone_is_one_look_up),
        TEST(who_asks_for_the_same_shares_the_look_up),
        TEST(what_was_found_is_kept_for_a_while),
        TEST(what_led_nowhere_is_looked_up_anew),
        TEST(a_family_under_way_is_not_forgotten_with_the_other),
        TEST(failures_are_not_kept),
        TEST(a_family_that_nobody_answered_for_is_looked_up_again),
        TEST(what_the_system_refuses_at_once_is_told_at_once),
        TEST(the_name_found_first_makes_place),
        TEST(addresses_of_a_name_have_a_limit),
        TEST(a_look_up_that_nobody_waits_for_is_known_as_such),
        TEST(who_comes_after_a_look_up_was_taken_back_gets_another),
        TEST(a_forgotten_look_up_does_not_hide_other_work),
        TEST(a_slow_family_may_come_after_the_other_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_dial: the order of attempts and their times (RFC 8305), and what a failure says. */
#include "lookup.h"
#include "net/dial/dead.h"
#include "net/dial/dial.h"
#include <stdio.h>

static struct dial *dial;
static struct dial_options how;
static char result[600], seen[256]; /* "connected to ADDRESS", or "KIND: TEXT"; what was tried at the last look */

static void on_done(void *arg, struct stream *s, union address to, const struct fault *fault) {
    (void)arg;
    char where[64];
    dial = NULL;
    if (s) {
        union address peer = stream_remote_address(s);
        assert_true(address_is_same(&to, &peer)); /* and the system agrees */
        address_print(&to, where, sizeof where);
        snprintf(result, sizeof result, "connected to %s", where);
        stream_close(s);
    } else {
        snprintf(result, sizeof result, "%s: %s", fault_word(fault), fault->text);
    }
}

static void start(const char *host, uint16_t port) {
    result[0] = '\0';
    dial = dial_start(&net, host, port, &how, on_done, NULL);
    assert_string_equal(result, "");
}

static void turn(void) { uv_run(&loop, UV_RUN_NOWAIT); }

static void finish(void) {
    while (!result[0]) uv_run(&loop, UV_RUN_ONCE);
}

static void after(uint64_t ms) {
    clock_advance(&net.clock, ms * CLOCK_MS);
    turn();
    turn();
}

/* A listening socket. Its port is `*port`, chosen where that is 0. */
static int listen_at(const char *host, uint16_t *port) {
    union address a;
    socklen_t size = sizeof a;
    assert_true(address_read(&a, host, *port));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &a.any, sizeof a.v4), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, &a.any, &size), 0);
    *port = ntohs(a.v4.sin_port);
    return fd;
}

/* One whose queue is full: who connects hears nothing. */
static int silent_at(const char *host, uint16_t *port, int *filler) {
    union address a;
    int fd = listen_at(host, port);
    assert_int_equal(listen(fd, 0), 0); /* no longer a queue than that */
    assert_true(address_read(&a, host, *port));
    for (int i = 0; i < 3; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filler[i], &a.any, sizeof a.v4);
    }
    return fd;
}

static int open_all(void **state) {
    how = (struct dial_options){0};
    dial = NULL;
    return lookup_open(state);
}

static const char *described(void) {
    dial_time_out(dial, seen, sizeof seen);
    return seen;
}

static const char *connecting_to(const char *address, uint16_t port) {
    static char text[80];
    snprintf(text, sizeof text, "no answer from %s:%u", address, port);
    return text;
}

static void ipv4_waits_a_moment_for_ipv6(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("example.org", port);
    FOUND(1, "127.0.0.1");
    after(49);
    assert_true(dial_is_looking_up(dial));
    after(1);
    assert_false(dial && dial_is_looking_up(dial));
    finish();
    snprintf(seen, sizeof seen, "connected to 127.0.0.1:%u", port);
    assert_string_equal(result, seen);
    close(server);
}

static void ipv4_does_not_wait_when_there_is_no_ipv6(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("example.org", port);
    FOUND(1, "127.0.0.1");
    FAILED(0, UV_EAI_NODATA);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.1:"));
    close(server);
}

static bool is_in_reach(const char *text) {
    union address a;
    return address_read(&a, text, 0) && address_is_in_reach(&a);
}

static void families_take_turns(void **state) {
    (void)state;
    if (!is_in_reach("::1")) skip();
    start("example.org", 1);
    FOUND(0, "::1");
    FOUND(1, "127.0.0.1", "127.0.0.2");
    finish();
    assert_non_null(strstr(result, "refused at [::1]:1, 127.0.0.1:1, 127.0.0.2:1"));
    how.resolve = slice_str("given 0 127.0.0.3 127.0.0.4 ::1"); /* which is dead now, like the first two */
    start("given", 1);
    finish();
    assert_non_null(strstr(result, "given:1: connection refused at 127.0.0.3:1, 127.0.0.4:1, [::1]:1"));
    clock_advance(&net.clock, DEAD_FOR_S * CLOCK_SECOND);
    start("given", 1);
    finish();
    assert_non_null(strstr(result, "given:1: connection refused at 127.0.0.3:1, [::1]:1, 127.0.0.4:1"));
}

static void ipv6_that_is_out_of_reach_comes_last(void **state) {
    (void)state;
    if (is_in_reach("2001:db8::1")) skip(); /* nobody is there, but the system would ask */
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("example.org", port);
    FOUND(0, "2001:db8::1");
    FOUND(1, "127.0.0.1");
    assert_string_equal(described(), connecting_to("127.0.0.1", port));
    finish();
    close(server);
}

static void a_slow_family_is_not_waited_for_to_fail(void **state) {
    (void)state;
    start("example.org", 1);
    FOUND(1, "127.0.0.1");
    after(50);
    turn();
    assert_string_equal(result, ""); /* refused, but there may be others */
    assert_true(dial_is_looking_up(dial));
    assert_string_equal(described(), "no address for example.org (connection refused at 127.0.0.1:1)");
    FAILED(0, UV_EAI_AGAIN);
    finish();
    assert_string_equal(result, "connect: cannot connect to example.org:1: connection refused at 127.0.0.1:1");
}

static void an_address_is_asked_at_once(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("127.0.0.1", port);
    int client = accept(server, NULL, NULL); /* the loop has not turned */
    assert_true(client >= 0);
    finish();
    start("127.0.0.1", 1); /* what fails in that moment is told later */
    finish();
    assert_string_equal(result, "connect: cannot connect to 127.0.0.1:1: connection refused");
    close(client);
    close(server);
}

static void the_next_address_follows_after_250_ms(void **state) {
    (void)state;
    uint16_t port = 0;
    int filler[6], silent = silent_at("127.0.0.2", &port, filler), other = silent_at("127.0.0.3", &port, filler + 3),
                   server = listen_at("127.0.0.4", &port);
    char both[128];
    snprintf(both, sizeof both, "no answer from 127.0.0.2:%u, 127.0.0.3:%u", port, port);
    how.family = 4;
    start("example.org", port);
    FOUND(0, "127.0.0.2", "127.0.0.3", "127.0.0.4");
    after(249);
    assert_string_equal(described(), connecting_to("127.0.0.2", port));
    after(1);
    assert_string_equal(described(), both);
    after(249);
    assert_string_equal(described(), both);
    assert_string_equal(result, "");
    after(1);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.4:"));
    for (int i = 0; i < 6; i++) close(filler[i]);
    close(silent);
    close(other);
    close(server);
}

static void the_next_one_follows_at_once_when_one_fails(void **state) {
    (void)state;
    uint16_t port = 0;
    int filler[3], silent = silent_at("127.0.0.2", &port, filler), server = listen_at("127.0.0.5", &port);
    how.family = 4;
    start("example.org", port);
    FOUND(0, "127.0.0.3", "127.0.0.4", "127.0.0.5"); /* no time passes */
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.5:"));
    start("other.example.org", port);
    FOUND(1, "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"); /* 3 and 4 come last now */
    turn();
    assert_string_equal(result, "");
    after(250);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.5:"));
    for (int i = 0; i < 3; i++) close(filler[i]);
    close(silent);
    close(server);
}

static bool is_dead(const char *text, uint16_t port) {
    union address a;
    assert_true(address_read(&a, text, port));
    return dead_has(net.dead, &a, clock_now(&net.clock));
}

static void who_lost_the_race_is_not_dead_and_who_timed_out_is(void **state) {
    (void)state;
    uint16_t port = 0;
    int filler[3], silent = silent_at("127.0.0.2", &port, filler), server = listen_at("127.0.0.3", &port);
    how.family = 4;
    start("example.org", port);
    FOUND(0, "127.0.0.2", "127.0.0.3");
    after(250);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.3:"));
    assert_false(is_dead("127.0.0.2", port));
    start("example.org", port);
    described();
    dial_cancel(dial);
    assert_true(is_dead("127.0.0.2", port));
    start("example.org", port); /* first of all to the one that is alive */
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.3:"));
    assert_int_equal(lookup_count, 1);
    for (int i = 0; i < 3; i++) close(filler[i]);
    close(silent);
    close(server);
}

static void who_is_dead_and_answers_is_not_any_more(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    union address a;
    assert_true(address_read(&a, "127.0.0.1", port));
    start("127.0.0.1", 1); /* by which there is a list of them */
    finish();
    dead_put(net.dead, &a, clock_now(&net.clock));
    start("127.0.0.1", port);
    finish();
    assert_non_null(strstr(result, "connected"));
    assert_false(is_dead("127.0.0.1", port));
    close(server);
    start("127.0.0.1", port);
    finish();
    assert_non_null(strstr(result, "refused"));
    assert_true(is_dead("127.0.0.1", port));
}

static void what_a_failure_says_is_bounded(void **state) {
    (void)state;
    char many[17][24];
    const char *list[17] = {NULL};
    for (int i = 0; i < 16; i++) {
        snprintf(many[i], sizeof *many, "127.200.100.%d", 100 + i);
        list[i] = many[i];
    }
    how.family = 4;
    start("example.org", 65535);
    lookup_end(0, 0, list);
    finish();
    assert_non_null(strstr(result, "example.org:65535: connection refused at 127.200.100.100:65535, 127.200.100.101:"));
    assert_true(strlen(result) < sizeof((struct fault *)0)->text);
    assert_non_null(strstr(result, ", and others"));
}

static void a_name_without_an_address_is_told_and_what_to_do(void **state) {
    (void)state;
    start("exmaple.org", 80);
    FAILED(0, UV_EAI_NONAME);
    FAILED(1, UV_EAI_NONAME);
    finish();
    assert_string_equal(result, "dns: cannot find exmaple.org: no address is known (is the name right?)");
    start("example.org", 80);
    FAILED(2, UV_EAI_AGAIN);
    FAILED(3, UV_EAI_NODATA);
    finish();
    assert_string_equal(result, "dns: cannot find example.org: no name server answered (is this machine offline?)");
    how.family = 6;
    start("example.org", 80);
    FAILED(4, UV_EAI_NODATA);
    finish();
    assert_string_equal(result, "dns: cannot find example.org: no IPv6 address is known (family = 6)");
    how = (struct dial_options){.local = "127.0.0.1"};
    start("example.org", 80);
    assert_int_equal(lookups[5].family, 4);
    FAILED(5, UV_EAI_NODATA);
    finish();
    assert_string_equal(result, "dns: cannot find example.org: no IPv4 address is known (local_address is one)");
}

static void the_host_is_told_by_its_title(void **state) {
    (void)state;
    how.title = "the proxy ";
    start("127.0.0.1", 1);
    assert_string_equal(described(), "no answer from the proxy 127.0.0.1:1");
    finish();
    assert_string_equal(result, "connect: cannot connect to the proxy 127.0.0.1:1: connection refused");
    start("example.org", 1);
    assert_string_equal(described(), "no address for the proxy example.org");
    FAILED(0, UV_EAI_NONAME);
    FAILED(1, UV_EAI_NONAME);
    finish();
    assert_string_equal(result, "dns: cannot find the proxy example.org: no address is known (is the name right?)");
}

static void where_it_leads_is_what_the_system_made_of_any_address(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("0.0.0.0", port);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.1:"));
    close(server);
}

static void a_name_whose_addresses_all_fail_is_looked_up_anew(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.2", &port);
    how.family = 4;
    start("example.org", port);
    FOUND(0, "127.0.0.3");
    finish();
    assert_non_null(strstr(result, "refused at 127.0.0.3:"));
    start("example.org", port);
    assert_int_equal(lookup_count, 2);
    FOUND(1, "127.0.0.3", "127.0.0.2");
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.2:"));
    start("example.org", port);
    assert_int_equal(lookup_count, 2); /* one that is alive is enough */
    finish();
    close(server);
}

static void a_name_whose_addresses_are_silent_is_looked_up_anew(void **state) {
    (void)state;
    uint16_t port = 0;
    int filler[3], silent = silent_at("127.0.0.2", &port, filler);
    how.family = 4;
    start("example.org", port);
    FOUND(0, "127.0.0.2");
    described();
    dial_cancel(dial);
    start("example.org", port);
    assert_int_equal(lookup_count, 2);
    dial_cancel(dial);
    for (int i = 0; i < 3; i++) close(filler[i]);
    close(silent);
}

static void localhost_is_this_machine_and_not_looked_up(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("api.LocalHost", port);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.1:"));
    how.family = 4;
    start("localhost", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to localhost:1: connection refused at 127.0.0.1:1");
    assert_int_equal(lookup_count, 0);
    close(server);
}

static void an_address_of_a_link_needs_its_interface(void **state) {
    (void)state;
    start("fe80::1", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to [fe80::1]:1: "
                                "a link-local address needs its interface behind it, as fe80::1%eth0");
    start("example.org", 1);
    FOUND(0, "fe80::1");
    FAILED(1, UV_EAI_NODATA);
    finish();
    assert_string_equal(result, "connect: cannot connect to example.org:1: "
                                "a link-local address needs its interface behind it, as fe80::1%eth0 at [fe80::1]:1");
    how.local = "fe80::2";
    start("2001:db8::1", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to [2001:db8::1]:1 from local_address [fe80::2]: "
                                "a link-local address needs its interface behind it, as fe80::1%eth0");
}

static void an_interface_that_there_is_not_is_named(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = listen_at("127.0.0.1", &port);
    start("fe80::1%no-such0", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to [fe80::1%no-such0]:1: there is no interface no-such0");
    how.resolve = slice_str("given 0 fe80::1%no-such1 127.0.0.2 fe80::1%no-such2");
    start("given", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to given:1: there is no interface no-such1; "
                                "there is no interface no-such2; connection refused at 127.0.0.2:1");
    how.resolve = slice_str("given 0 fe80::1%no-such 127.0.0.1");
    start("given", port);
    finish();
    assert_non_null(strstr(result, "connected to 127.0.0.1:"));
    how = (struct dial_options){.local = "fe80::1%no-such"};
    start("::1", 1);
    finish();
    assert_string_equal(result, "connect: cannot connect to [::1]:1 from local_address [fe80::1]: "
                                "there is no interface no-such");
    close(server);
}

static void a_dial_may_be_cancelled_at_any_time(void **state) {
    (void)state;
    start("example.org", 1);
    dial_cancel(dial); /* looked up */
    start("example.org", 1);
    FOUND(1, "127.0.0.1");
    dial_cancel(dial); /* IPv4 waits for IPv6 */
    start("127.0.0.1", 1);
    dial_cancel(dial); /* on its way */
    how.family = 6;
    start("127.0.0.1", 1);
    dial_cancel(dial); /* failed, not told yet */
    dial_cancel(dial_start_path(&net, "/nowhere", NULL, on_done, NULL));
    turn();
    assert_string_equal(result, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_all, lookup_close)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(ipv4_waits_a_moment_for_ipv6),
        TEST(ipv4_does_not_wait_when_there_is_no_ipv6),
        TEST(families_take_turns),
        TEST(ipv6_that_is_out_of_reach_comes_last),
        TEST(a_slow_family_is_not_waited_for_to_fail),
        TEST(an_address_is_asked_at_once),
        TEST(the_next_address_follows_after_250_ms),
        TEST(the_next_one_follows_at_once_when_one_fails),
        TEST(who_lost_the_race_is_not_dead_and_who_timed_out_is),
        TEST(who_is_dead_and_answers_is_not_any_more),
        TEST(what_a_failure_says_is_bounded),
        TEST(a_name_without_an_address_is_told_and_what_to_do),
        TEST(the_host_is_told_by_its_title),
        TEST(where_it_leads_is_what_the_system_made_of_any_address),
        TEST(a_name_whose_addresses_all_fail_is_looked_up_anew),
        TEST(a_name_whose_addresses_are_silent_is_looked_up_anew),
        TEST(localhost_is_this_machine_and_not_looked_up),
        TEST(an_address_of_a_link_needs_its_interface),
        TEST(an_interface_that_there_is_not_is_named),
        TEST(a_dial_may_be_cancelled_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

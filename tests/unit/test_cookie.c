/* What a jar keeps, and what it sends (RFC 6265 5). */
#include "unit.h"
#include "wire/cookie.h"
#include <stdio.h>

enum { NOW = 1000000 };

static struct cookie_jar jar;

static struct cookie_place place(const char *host, const char *target, bool secure) {
    return (struct cookie_place){.host = slice_str(host), .target = slice_str(target), .secure = secure};
}

static void set_at(const char *host, const char *target, bool secure, const char *set_cookie) {
    struct cookie_place from = place(host, target, secure);
    cookie_jar_take(&jar, slice_str(set_cookie), &from, NOW);
}

static void set(const char *set_cookie) { set_at("ws.example.org", "/chat/room?x=/y", true, set_cookie); }

static void sends_at(const char *host, const char *target, bool secure, int64_t now, const char *expected) {
    struct cookie_place to = place(host, target, secure);
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(cookie_jar_write(&jar, &to, now, &out), 0);
    assert_int_equal(buf_append(&out, slice_of("", 1)), 0);
    assert_string_equal((char *)out.base + out.start, expected);
    buf_clear(&out);
}

static void sends(const char *expected) { sends_at("ws.example.org", "/chat/room", true, NOW, expected); }

static int empty(void **state) {
    (void)state;
    cookie_jar_clear(&jar);
    return 0;
}

static void what_was_set_is_sent(void **state) {
    (void)state;
    sends("");
    set("a=1");
    set("b=two words; HttpOnly; SameSite=Lax; Priority=High");
    set("c=");
    set(" d = 4 ;Path=/");
    sends("a=1; b=two words; c=; d=4");
}

static void what_is_set_again_replaces(void **state) {
    (void)state;
    set("a=1");
    set("b=2");
    set("a=3");
    sends("a=3; b=2"); /* in the place of the one before (RFC 6265 5.3, 11) */
    set("a=4; Path=/chat/room");
    sends("a=4; a=3; b=2");
}

static void what_is_no_cookie_is_passed_over(void **state) {
    (void)state;
    set("");
    set("novalue");
    set("novalue; Path=/; x=1");
    set("=1");
    char huge[COOKIE_SIZE_MAX + 2] = "a=";
    memset(huge + 2, 'x', COOKIE_SIZE_MAX - 1);
    set(huge);
    sends("");
}

static void a_cookie_is_for_its_host(void **state) {
    (void)state;
    set("a=1; Path=/");
    sends_at("WS.example.org", "/", true, NOW, "a=1");
    sends_at("example.org", "/", true, NOW, "");
    sends_at("x.ws.example.org", "/", true, NOW, "");
}

static void or_for_its_domain(void **state) {
    (void)state;
    set("a=1; Path=/; Domain=.Example.org");
    sends_at("example.org", "/", true, NOW, "a=1");
    sends_at("deep.x.example.org", "/", true, NOW, "a=1");
    sends_at("badexample.org", "/", true, NOW, "");
}

static void but_not_for_that_of_others(void **state) {
    (void)state;
    set("a=1; Domain=other.org");
    set("a=1; Domain=x.ws.example.org");
    set("a=1; Domain=org");
    set_at("127.0.0.1", "/", true, "a=1; Domain=0.0.1");
    sends("");
    set_at("localhost", "/", false, "a=1; Domain=localhost");
    sends_at("localhost", "/", false, NOW, "a=1");
}

static void a_cookie_is_for_its_path(void **state) {
    (void)state;
    set("a=1; Path=/chat");
    set("b=2"); /* of /chat/room: /chat */
    set("c=3; Path=relative");
    set_at("ws.example.org", "/", true, "d=4");
    sends_at("ws.example.org", "/chat", true, NOW, "a=1; b=2; c=3; d=4");
    sends_at("ws.example.org", "/chat?x", true, NOW, "a=1; b=2; c=3; d=4");
    sends_at("ws.example.org", "/chat/room/1", true, NOW, "a=1; b=2; c=3; d=4");
    sends_at("ws.example.org", "/chatter", true, NOW, "d=4");
}

static void secure_ones_need_tls(void **state) {
    (void)state;
    set("a=1; Secure");
    set_at("ws.example.org", "/chat/room", false, "b=2; Secure");
    sends("a=1");
    sends_at("ws.example.org", "/chat/room", false, NOW, "");
}

static void names_may_promise(void **state) {
    (void)state;
    set("__Secure-a=1");
    set("__Host-b=1; Secure");
    set("__Host-c=1; Secure; Path=/; Domain=example.org");
    sends("");
    set("__Secure-a=1; Secure");
    set("__Host-b=2; Secure; Path=/");
    sends("__Secure-a=1; __Host-b=2");
}

static void they_expire(void **state) {
    (void)state;
    set("a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    set("b=2; Expires=Tue, 13-Jan-1970 00:00:00 GMT");
    set("c=3; Expires=whenever; Max-Age=soon");
    sends_at("ws.example.org", "/chat/room", true, NOW + 9, "a=1; b=2; c=3");
    sends_at("ws.example.org", "/chat/room", true, NOW + 10, "b=2; c=3");
    sends_at("ws.example.org", "/chat/room", true, 1036800, "c=3");
    set("c=; Max-Age=0");
    set("b=; Max-Age=-1");
    set("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    sends("");
}

static void there_are_never_too_many(void **state) {
    (void)state;
    char text[32];
    for (int i = 0; i < COOKIES_MAX * 3; i++) {
        snprintf(text, sizeof text, "n%d=1", i);
        set(text);
    }
    assert_int_equal(jar.count, COOKIES_MAX);
    set_at("other.org", "/", false, "kept=1");
    assert_int_equal(jar.count, COOKIES_MAX + 1); /* one server does not drive out the cookies of others */
}

static void nor_are_those_of_all_together(void **state) {
    (void)state;
    char host[32];
    set("first=1");
    for (int i = 0; i < COOKIES_ALL_MAX; i++) {
        snprintf(host, sizeof host, "h%d.example.org", i);
        set_at(host, "/", false, "a=1");
    }
    assert_int_equal(jar.count, COOKIES_ALL_MAX);
    sends("");
}

static void what_ends_a_cookie_takes_no_room(void **state) {
    (void)state;
    char text[32];
    set("first=1");
    for (int i = 1; i < COOKIES_MAX; i++) {
        snprintf(text, sizeof text, "n%d=1", i);
        set(text);
    }
    set("unknown=; Max-Age=0");
    struct buf out;
    struct cookie_place to = place("ws.example.org", "/chat/room", true);
    buf_init(&out, SIZE_MAX);
    assert_int_equal(cookie_jar_write(&jar, &to, NOW, &out), 0);
    assert_memory_equal(out.base + out.start, "first=1; ", 9);
    buf_clear(&out);
}

static void domains_within_each_other_send_no_more_than_one(void **state) {
    (void)state;
    static const char *const domains[] = {"d.c.b.a.org", "c.b.a.org", "b.a.org", "a.org"};
    char text[4000];
    struct cookie_place to = place("d.c.b.a.org", "/", true);
    struct buf out;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < 16; i++) {
        text[0] = (char)('a' + i);
        text[1] = '=';
        snprintf(text + sizeof text - 32, 32, "; Domain=%s", domains[i / 4]);
        set_at("d.c.b.a.org", "/", true, text);
    }
    buf_init(&out, COOKIES_SIZE_MAX);
    assert_int_equal(cookie_jar_write(&jar, &to, NOW, &out), 0);
    assert_true(out.len > COOKIES_SIZE_MAX - sizeof text);
    buf_clear(&out);
}

static void nor_more_than_a_request_may_have(void **state) {
    (void)state;
    char text[4000];
    struct cookie_place to = place("ws.example.org", "/chat/room", true);
    struct buf out;
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    text[1] = '=';
    for (char c = 'a'; c <= 'z'; c++) {
        text[0] = c;
        set(text);
    }
    set("last=1");
    buf_init(&out, COOKIES_SIZE_MAX);
    assert_int_equal(cookie_jar_write(&jar, &to, NOW, &out), 0);
    assert_true(out.len > COOKIES_SIZE_MAX - sizeof text);
    assert_memory_equal(out.base + out.start + out.len - 8, "; last=1", 8);
    buf_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_set_is_sent, empty, empty),
        cmocka_unit_test_setup_teardown(what_is_set_again_replaces, empty, empty),
        cmocka_unit_test_setup_teardown(what_is_no_cookie_is_passed_over, empty, empty),
        cmocka_unit_test_setup_teardown(a_cookie_is_for_its_host, empty, empty),
        cmocka_unit_test_setup_teardown(or_for_its_domain, empty, empty),
        cmocka_unit_test_setup_teardown(but_not_for_that_of_others, empty, empty),
        cmocka_unit_test_setup_teardown(a_cookie_is_for_its_path, empty, empty),
        cmocka_unit_test_setup_teardown(secure_ones_need_tls, empty, empty),
        cmocka_unit_test_setup_teardown(names_may_promise, empty, empty),
        cmocka_unit_test_setup_teardown(they_expire, empty, empty),
        cmocka_unit_test_setup_teardown(there_are_never_too_many, empty, empty),
        cmocka_unit_test_setup_teardown(nor_are_those_of_all_together, empty, empty),
        cmocka_unit_test_setup_teardown(domains_within_each_other_send_no_more_than_one, empty, empty),
        cmocka_unit_test_setup_teardown(what_ends_a_cookie_takes_no_room, empty, empty),
        cmocka_unit_test_setup_teardown(nor_more_than_a_request_may_have, empty, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_handshake: RFC 6455 section 4, rule by rule, both sides. The key and its answer are those of section 1.3. */
#include "unit.h"
#include "wire/handshake.h"
#include <stdio.h>

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static struct http1_head head;

/* What the client says to an answer: NULL when it opens. */
static const char *answer(const char *status, const char *fields, const char *offered) {
    static char text[4096];
    static struct fault fault;
    struct handshake_offer offer;
    struct slice protocol;
    struct deflate_params deflate;
    const char *why;
    snprintf(text, sizeof text, "%s\r\n%s\r\n", status, fields);
    assert_int_equal(http1_response_parse((uint8_t *)text, strlen(text), &head, &why), 0);
    handshake_offer_init(&offer);
    if (offered) assert_int_equal(handshake_offer_protocol(&offer, slice_str(offered), &why), 0);
    fault = (struct fault){0};
    int rc = handshake_response_judge(&head, &offer, KEY, &protocol, &deflate, &fault);
    handshake_offer_clear(&offer);
    return rc == 0 ? NULL : fault.text;
}

#define SWITCHING "HTTP/1.1 101 Switching Protocols"
#define UPGRADE   "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static void refuses(const char *status, const char *fields, const char *why) {
    const char *said = answer(status, fields, "chat");
    if (!said) fail_msg("opened: %s", fields);
    if (!strstr(said, why)) fail_msg("%s: said %s", fields, said);
}

static void the_answer_of_the_rfc_opens(void **state) {
    (void)state;
    assert_null(answer(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\n", NULL));
    assert_null(
        answer(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: chat\r\n", "chat"));
    assert_null(answer(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\n", "chat")); /* it need not choose one */
}

static void names_and_tokens_may_be_in_any_case_and_in_lists(void **state) {
    (void)state;
    assert_null(answer("HTTP/1.1 101",
                       "UPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\nsec-websocket-accept: " ACCEPT "\r\n",
                       NULL));
    assert_null(answer(
        SWITCHING,
        "Upgrade: h2c, websocket\r\nConnection: close\r\nConnection: upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n",
        NULL));
}

static void an_answer_that_breaks_a_rule_is_refused(void **state) {
    (void)state;
    refuses("HTTP/1.1 200 OK", UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\n", "200 OK");
    refuses("HTTP/1.1 403 Forbidden", "", "403 Forbidden");
    refuses("HTTP/1.0 101 X", UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\n", "HTTP/1.0");
    refuses(SWITCHING, "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n", "Upgrade: websocket");
    refuses(SWITCHING, "Upgrade: websockets\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n",
            "Upgrade: websocket");
    refuses(SWITCHING, "Upgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n", "Connection: Upgrade");
    refuses(SWITCHING, UPGRADE, "no Sec-WebSocket-Accept");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " KEY "\r\n", "does not match");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", "does not match");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n",
            "more than one");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: other\r\n", "not offered");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: Chat\r\n", "not offered");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: chat, chat\r\n",
            "not offered");
    refuses(SWITCHING,
            UPGRADE "Sec-WebSocket-Accept: " ACCEPT
                    "\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n",
            "more than one");
    refuses(SWITCHING, UPGRADE "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
            "extension");
}

/* The request that an offer to an address makes. */
static const char *request_with(const char *address, struct handshake_offer *offer,
                                const struct handshake_extras *extras) {
    static char text[4096];
    struct url url;
    struct fault fault = {0};
    struct buf out;
    buf_init(&out, sizeof text - 1);
    assert_int_equal(url_parse(slice_str(address), &url, &fault), 0);
    assert_int_equal(handshake_request_write(&out, &url, offer, extras, KEY), 0);
    snprintf(text, sizeof text, "%.*s", SLICE_ARGS(buf_slice(&out)));
    url_clear(&url);
    buf_clear(&out);
    handshake_offer_clear(offer);
    return text;
}

static const char *request(const char *address, struct handshake_offer *offer) {
    return request_with(address, offer, NULL);
}

static void has(const char *text, const char *line) {
    if (!strstr(text, line)) fail_msg("'%s' is not in\n%s", line, text);
}

static void a_request_has_what_the_rfc_asks_for(void **state) {
    (void)state;
    struct handshake_offer offer;
    handshake_offer_init(&offer);
    const char *text = request("ws://example.org/chat?x", &offer);
    has(text, "GET /chat?x HTTP/1.1\r\nHost: example.org\r\n");
    has(text, "\r\nUpgrade: websocket\r\n");
    has(text, "\r\nConnection: Upgrade\r\n");
    has(text, "\r\nSec-WebSocket-Key: " KEY "\r\n");
    has(text, "\r\nSec-WebSocket-Version: 13\r\n");
    has(request("ws://example.org:8080/", &offer), "Host: example.org:8080\r\n");
    has(request("wss://[::1]:8443/", &offer), "Host: [::1]:8443\r\n");
    has(request("wss://[::1]:443/", &offer), "Host: [::1]\r\n");
    has(request("ws+unix:///a.sock:/b", &offer), "GET /b HTTP/1.1\r\nHost: localhost\r\n");
    has(request("ws://user:secret@h/", &offer), "Authorization: Basic dXNlcjpzZWNyZXQ=\r\n");
    has(request("ws://user@h/", &offer), "Authorization: Basic dXNlcjo=\r\n");
}

static void an_offer_is_sent(void **state) {
    (void)state;
    struct handshake_offer offer;
    const char *why;
    handshake_offer_init(&offer);
    assert_int_equal(handshake_offer_header(&offer, slice_str("X-A"), slice_str("1"), &why), 0);
    assert_int_equal(handshake_offer_header(&offer, slice_str("X-A"), slice_str("2"), &why), 0);
    assert_int_equal(handshake_offer_header(&offer, slice_str("host"), slice_str("other"), &why), 0);
    assert_int_equal(handshake_offer_protocol(&offer, slice_str("v2.chat"), &why), 0);
    assert_int_equal(handshake_offer_protocol(&offer, slice_str("v1.chat"), &why), 0);
    assert_int_equal(handshake_offer_origin(&offer, slice_str("https://example.org"), &why), 0);
    const char *text = request("ws://h/", &offer);
    has(text, "\r\nX-A: 1\r\nX-A: 2\r\n");
    has(text, "\r\nhost: other\r\n");
    assert_null(strstr(text, "Host: h"));
    has(text, "\r\nSec-WebSocket-Protocol: v2.chat, v1.chat\r\n");
    has(text, "\r\nOrigin: https://example.org\r\n");
}

static void an_offer_that_would_break_the_request_is_refused(void **state) {
    (void)state;
    static const char *const wrong[][2] = {{"", "x"},
                                           {"A B", "x"},
                                           {"A:", "x"},
                                           {"A\r\n", "x"},
                                           {"A", "x\r\nB: y"},
                                           {"A", "x\ny"},
                                           {"Upgrade", "x"},
                                           {"connection", "x"},
                                           {"Sec-WebSocket-Key", "x"},
                                           {"sec-websocket-anything", "x"},
                                           {"Content-Length", "1"},
                                           {"Transfer-Encoding", "chunked"}};
    struct handshake_offer offer;
    const char *why;
    handshake_offer_init(&offer);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (handshake_offer_header(&offer, slice_str(wrong[i][0]), slice_str(wrong[i][1]), &why) == 0)
            fail_msg("%s was taken", wrong[i][0]);
    assert_true(handshake_offer_header(&offer, slice_str("A"), slice_of("x\0y", 3), &why) < 0);
    assert_int_equal(offer.headers.len, 0);
    assert_int_equal(handshake_offer_header(&offer, slice_str("Host"), slice_str("a"), &why), 0);
    assert_true(handshake_offer_header(&offer, slice_str("HOST"), slice_str("b"), &why) < 0);
    assert_true(handshake_offer_protocol(&offer, slice_str("a b"), &why) < 0);
    assert_int_equal(handshake_offer_protocol(&offer, slice_str("a"), &why), 0);
    assert_true(handshake_offer_protocol(&offer, slice_str("a"), &why) < 0);
    assert_true(handshake_offer_origin(&offer, slice_str("a\nb"), &why) < 0);
    handshake_offer_clear(&offer);
}

static unsigned judged(const char *request_line, const char *fields, const char **why) {
    static char text[4096];
    snprintf(text, sizeof text, "%s\r\n%s\r\n", request_line, fields);
    assert_int_equal(http1_request_parse((uint8_t *)text, strlen(text), &head, why), 0);
    return handshake_request_judge(&head, why);
}

#define ASK "Host: h\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n"

static void a_server_judges_requests(void **state) {
    (void)state;
    const char *why;
    assert_int_equal(judged("GET / HTTP/1.1", ASK "Sec-WebSocket-Key: " KEY "\r\n", &why), 101);
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(handshake_response_write(&out, &head, slice_str("chat"), NULL), 0);
    assert_int_equal(buf_append(&out, slice_of("", 1)), 0);
    has((char *)out.base, "\r\nSec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: chat\r\n\r\n");
    buf_clear(&out);
    assert_int_equal(judged("POST / HTTP/1.1", ASK "Sec-WebSocket-Key: " KEY "\r\n", &why), 405);
    assert_int_equal(judged("GET / HTTP/1.1", "Host: h\r\n", &why), 426);
    assert_int_equal(judged("GET / HTTP/1.1", "Host: h\r\n" UPGRADE "Sec-WebSocket-Version: 8\r\n", &why), 426);
    assert_int_equal(judged("GET / HTTP/1.0", ASK "Sec-WebSocket-Key: " KEY "\r\n", &why), 400);
    assert_int_equal(judged("GET / HTTP/1.1", ASK, &why), 400);
    assert_int_equal(judged("GET / HTTP/1.1", ASK "Sec-WebSocket-Key: short\r\n", &why), 400);
    assert_int_equal(judged("GET / HTTP/1.1", ASK "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n", &why), 400);
}

static void a_key_is_16_bytes_in_base64(void **state) {
    (void)state;
    char key[HANDSHAKE_KEY_SIZE + 1];
    handshake_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
}

static void add(struct handshake_offer *offer, const char *name, const char *value) {
    const char *why;
    assert_int_equal(handshake_offer_header(offer, slice_str(name), slice_str(value), &why), 0);
}

static void has_not(const char *text, const char *word) {
    if (strstr(text, word)) fail_msg("'%s' is in\n%s", word, text);
}

static void cookies_are_one_line(void **state) { /* RFC 6265 5.4 */
    (void)state;
    struct handshake_offer offer;
    const struct handshake_extras jar = {.cookies = slice_str("b=2; c=3")};
    handshake_offer_init(&offer);
    has(request_with("ws://h/", &offer, &jar), "\r\nCookie: b=2; c=3\r\n");
    handshake_offer_init(&offer);
    add(&offer, "X-A", "1");
    add(&offer, "cookie", "a=1");
    add(&offer, "X-B", "2");
    const char *text = request_with("ws://h/", &offer, &jar);
    has(text, "\r\nX-A: 1\r\nX-B: 2\r\nCookie: a=1; b=2; c=3\r\n\r\n");
    has_not(text, "cookie: a=1");
}

static void another_origin_gets_no_credentials(void **state) { /* RFC 9110 15.4 */
    (void)state;
    struct handshake_offer offer;
    const struct handshake_extras foreign = {.foreign = true, .headers = true, .cookies = slice_str("its=own")};
    handshake_offer_init(&offer);
    add(&offer, "AUTHORIZATION", "Bearer secret");
    add(&offer, "proxy-authorization", "Basic secret");
    add(&offer, "Cookie", "session=secret");
    add(&offer, "host", "inside");
    add(&offer, "X-A", "1");
    const char *text = request_with("ws://other/", &offer, &foreign);
    has_not(text, "secret");
    has_not(text, "inside");
    has(text, "\r\nHost: other\r\n");
    has(text, "\r\nX-A: 1\r\nCookie: its=own\r\n\r\n");
}

static void another_origin_gets_what_is_harmless(void **state) {
    (void)state;
    struct handshake_offer offer;
    const struct handshake_extras foreign = {.foreign = true};
    const char *why;
    handshake_offer_init(&offer);
    add(&offer, "X-A", "secret");
    add(&offer, "user-agent", "bot");
    add(&offer, "Accept-Language", "en");
    assert_int_equal(handshake_offer_protocol(&offer, slice_str("v1"), &why), 0);
    assert_int_equal(handshake_offer_protocol(&offer, slice_str("9f86d081884c7d659a2feaa0c55ad015"), &why), 0);
    assert_int_equal(handshake_offer_origin(&offer, slice_str("https://secret.example"), &why), 0);
    const char *text = request_with("ws://other/", &offer, &foreign);
    has_not(text, "secret");
    has(text, "\r\nSec-WebSocket-Protocol: v1\r\n");
    has(text, "\r\nuser-agent: bot\r\nAccept-Language: en\r\n\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_the_rfc_opens),
        cmocka_unit_test(names_and_tokens_may_be_in_any_case_and_in_lists),
        cmocka_unit_test(an_answer_that_breaks_a_rule_is_refused),
        cmocka_unit_test(a_request_has_what_the_rfc_asks_for),
        cmocka_unit_test(an_offer_is_sent),
        cmocka_unit_test(an_offer_that_would_break_the_request_is_refused),
        cmocka_unit_test(a_server_judges_requests),
        cmocka_unit_test(a_key_is_16_bytes_in_base64),
        cmocka_unit_test(cookies_are_one_line),
        cmocka_unit_test(another_origin_gets_no_credentials),
        cmocka_unit_test(another_origin_gets_what_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

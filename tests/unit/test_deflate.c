/* test_deflate: the parameters of permessage-deflate (RFC 7692 7.1), and the two streams. */
#include "unit.h"
#include "wire/deflate.h"

static struct deflate_params params;

/* What a client with this offer says to an answer: NULL when it takes it. */
static const char *says(const char *answer, const struct deflate_offer *offer) {
    static struct fault fault;
    fault = (struct fault){0};
    int rc = deflate_answer_judge(slice_str(answer), offer, &params, &fault);
    assert_int_equal(rc == 0, !fault_set(&fault));
    return rc == 0 ? NULL : fault.text;
}

static void an_offer_is_written(void **state) {
    (void)state;
    struct buf out;
    struct deflate_offer offer = deflate_default_offer;
    buf_init(&out, 500);
    assert_int_equal(deflate_offer_write(&out, &offer), 0);
    assert_true(slice_eq(buf_slice(&out), slice_str("permessage-deflate; client_max_window_bits")));
    buf_reset(&out, SIZE_MAX);
    offer.server_no_context_takeover = offer.client_no_context_takeover = true;
    offer.server_max_window_bits = 10;
    offer.client_max_window_bits = 11;
    assert_int_equal(deflate_offer_write(&out, &offer), 0);
    assert_true(slice_eq(buf_slice(&out),
                         slice_str("permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                                   "server_max_window_bits=10; client_max_window_bits=11")));
    buf_clear(&out);
}

static void an_answer_is_read(void **state) {
    (void)state;
    assert_null(says("", &deflate_default_offer));
    assert_false(params.on);
    assert_null(says(" , permessage-deflate ,", &deflate_default_offer));
    assert_true(params.on && !params.server_no_context_takeover && params.server_max_window_bits == 15);
    assert_null(
        says("Permessage-Deflate;server_no_context_takeover ; client_no_context_takeover", &deflate_default_offer));
    assert_true(params.server_no_context_takeover && params.client_no_context_takeover);
    assert_null(
        says("permessage-deflate; server_max_window_bits=8; client_max_window_bits=\"9\"", &deflate_default_offer));
    assert_true(params.server_max_window_bits == 8 && params.client_max_window_bits == 9);
}

static void an_answer_that_breaks_a_rule_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "permessage-deflate; foo",
        "permessage-deflate;",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=true",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; server_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=\"\"",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate, foo",
        "foo",
        "x-webkit-deflate-frame",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!says(wrong[i], &deflate_default_offer)) fail_msg("taken: %s", wrong[i]);
    struct deflate_offer offer = {0};
    assert_non_null(says("permessage-deflate", &offer));
}

static void what_was_asked_for_is_kept(void **state) {
    (void)state;
    struct deflate_offer offer = deflate_default_offer;
    offer.server_no_context_takeover = offer.client_no_context_takeover = true;
    offer.server_max_window_bits = 10;
    offer.client_max_window_bits = 11;
    assert_non_null(says("permessage-deflate; server_max_window_bits=10", &offer));
    assert_non_null(says("permessage-deflate; server_no_context_takeover", &offer));
    assert_non_null(says("permessage-deflate; server_no_context_takeover; server_max_window_bits=11", &offer));
    assert_non_null(says(
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=12", &offer));
    assert_null(says("permessage-deflate; server_no_context_takeover; server_max_window_bits=9", &offer));
    assert_true(params.client_no_context_takeover && params.client_max_window_bits == 11);
}

static void a_server_takes_the_first_offer_that_it_can(void **state) {
    (void)state;
    static const char *const asks[][2] = {
        {"foo, permessage-deflate", "permessage-deflate"},
        {"permessage-deflate; foo, permessage-deflate; client_max_window_bits", "permessage-deflate"},
        {"permessage-deflate; server_max_window_bits=9; server_no_context_takeover",
         "permessage-deflate; server_no_context_takeover; server_max_window_bits=9"},
        {"foo; bar=\"a, permessage-deflate\"", ""},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct buf answer;
        buf_init(&answer, 200);
        assert_int_equal(deflate_request_accept(slice_str(asks[i][0]), &params, &answer), 0);
        if (!slice_eq(buf_slice(&answer), slice_str(asks[i][1])))
            fail_msg("%s: %.*s", asks[i][0], SLICE_ARGS(buf_slice(&answer)));
        assert_int_equal(params.on, answer.len > 0);
        buf_clear(&answer);
    }
}

/* Sends messages from one side to the other, in pieces of `step` bytes. */
static void talk(struct deflate_params agreed, struct deflate_offer offer, size_t step) {
    struct deflate client, server;
    static char text[200000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)((i * 7919 >> 5) % 31 + 'a' + (i % 977 == 0));
    deflate_init(&client, &agreed, &offer, true);
    deflate_init(&server, &agreed, &offer, false);
    for (size_t n = 0; n <= sizeof text; n = n * 3 + 1) {
        struct buf small, back;
        buf_init(&small, SIZE_MAX);
        buf_init(&back, sizeof text);
        assert_int_equal(deflate_message(&client, slice_of(text, n), &small), 0);
        for (struct slice rest = buf_slice(&small); rest.n;) {
            struct slice part = slice_head(rest, step);
            rest = slice_skip(rest, part.n);
            assert_int_equal(deflate_inflate(&server, part, rest.n == 0, &back), 0);
        }
        assert_int_equal(back.len, n);
        if (n) assert_memory_equal(buf_slice(&back).p, text, n);
        if (agreed.client_no_context_takeover) assert_false(client.deflating || server.inflating);
        buf_clear(&small);
        buf_clear(&back);
    }
    deflate_clear(&client);
    deflate_clear(&server);
}

static void the_two_sides_understand_each_other(void **state) {
    (void)state;
    for (uint8_t bits = DEFLATE_BITS_MIN; bits <= DEFLATE_BITS_MAX; bits++) {
        for (int forget = 0; forget < 2; forget++) {
            struct deflate_offer offer = deflate_default_offer;
            struct deflate_params agreed = {.on = true,
                                            .client_no_context_takeover = forget,
                                            .client_max_window_bits = bits,
                                            .server_max_window_bits = bits};
            offer.memory_level = bits - 6;
            talk(agreed, offer, SIZE_MAX);
            talk(agreed, offer, 1000);
        }
    }
}

static void what_is_inflated_never_passes_the_cap(void **state) {
    (void)state;
    static char zeros[100000];
    struct deflate_params agreed = {.on = true, .client_max_window_bits = 15, .server_max_window_bits = 15};
    for (size_t cap = 99998; cap <= 100001; cap++) {
        struct deflate client, server;
        struct buf small, back;
        deflate_init(&client, &agreed, &deflate_default_offer, true);
        deflate_init(&server, &agreed, &deflate_default_offer, false);
        buf_init(&small, SIZE_MAX);
        buf_init(&back, cap);
        assert_int_equal(deflate_message(&client, slice_of(zeros, sizeof zeros), &small), 0);
        assert_int_equal(deflate_inflate(&server, buf_slice(&small), true, &back),
                         cap < sizeof zeros ? ERR_TOO_BIG : 0);
        assert_true(back.len <= cap);
        buf_clear(&small);
        buf_clear(&back);
        deflate_clear(&client);
        deflate_clear(&server);
    }
}

static void what_was_forgotten_is_not_looked_back_at(void **state) {
    (void)state;
    struct deflate client, server;
    struct buf lost, sent, back;
    struct deflate_params agreed = {.on = true, .client_max_window_bits = 15, .server_max_window_bits = 15};
    struct slice text = slice_str("the quick brown fox jumps over the lazy dog");
    deflate_init(&client, &agreed, &deflate_default_offer, true);
    deflate_init(&server, &agreed, &deflate_default_offer, false);
    buf_init(&lost, 1000);
    buf_init(&sent, 1000);
    buf_init(&back, 1000);
    assert_int_equal(deflate_message(&client, text, &lost), 0);
    deflate_forget(&client);
    assert_int_equal(deflate_message(&client, text, &sent), 0);
    assert_int_equal(deflate_inflate(&server, buf_slice(&sent), true, &back), 0);
    assert_true(slice_eq(buf_slice(&back), text));
    buf_clear(&lost);
    buf_clear(&sent);
    buf_clear(&back);
    deflate_clear(&client);
    deflate_clear(&server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_is_written),
        cmocka_unit_test(an_answer_is_read),
        cmocka_unit_test(an_answer_that_breaks_a_rule_is_refused),
        cmocka_unit_test(what_was_asked_for_is_kept),
        cmocka_unit_test(a_server_takes_the_first_offer_that_it_can),
        cmocka_unit_test(the_two_sides_understand_each_other),
        cmocka_unit_test(what_is_inflated_never_passes_the_cap),
        cmocka_unit_test(what_was_forgotten_is_not_looked_back_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

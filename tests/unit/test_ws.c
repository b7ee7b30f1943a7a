/* test_ws: what a conversation sends, and refuses to send. What it reads is in tests/vectors/. */
#include "unit.h"
#include "wire/ws.h"

static uint32_t masks;
static uint32_t next_mask(void) { return 0x01010101u * ++masks; }

static struct ws w;
static struct buf out;

static void start(enum ws_role role, size_t cap) {
    masks = 0;
    buf_init(&out, cap);
    ws_init(&w, role, 1000, &out, next_mask);
}

static void end(void) {
    ws_clear(&w);
    buf_clear(&out);
}

static enum ws_step reads(const char *bytes, size_t n, struct ws_event *ev) {
    struct slice in = slice_of(bytes, n);
    return ws_step(&w, &in, ev);
}

static void each_frame_has_a_mask_of_its_own(void **state) { /* RFC 6455 5.3 */
    (void)state;
    start(WS_CLIENT, 100);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("a")), 0);
    assert_int_equal(ws_send(&w, WS_BINARY, slice_str("a")), 0);
    assert_int_equal(out.len, 14);
    assert_memory_equal(out.base, "\x81\x81\1\1\1\1\x60\x82\x81\2\2\2\2\x63", 14);
    end();
}

static void a_server_masks_nothing(void **state) {
    (void)state;
    start(WS_SERVER, 100);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("a")), 0);
    assert_memory_equal(out.base,
                        "\x81\x01"
                        "a",
                        3);
    end();
}

static void a_text_that_is_not_utf8_is_not_sent(void **state) {
    (void)state;
    start(WS_CLIENT, 100);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("\xC3")), ERR_INVALID_UTF8);
    assert_int_equal(out.len, 0);
    assert_int_equal(ws_send(&w, WS_BINARY, slice_str("\xC3")), 0);
    end();
}

static void what_does_not_fit_leaves_nothing_behind(void **state) {
    (void)state;
    start(WS_CLIENT, 10);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("12345")), ERR_FULL);
    assert_int_equal(out.len, 0);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("1234")), 0);
    assert_int_equal(out.len, 10);
    end();
}

static void a_long_message_leaves_in_fragments(void **state) { /* RFC 6455 5.4 */
    (void)state;
    start(WS_SERVER, 100);
    w.fragment = 2;
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("ab")), 0);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("abcd")), 0);
    assert_int_equal(ws_send(&w, WS_BINARY, slice_str("abcde")), 0);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_of(NULL, 0)), 0);
    static const char expected[] = "\x81\2ab"
                                   "\x01\2ab\x80\2cd"
                                   "\x02\2ab\x00\2cd\x80\1e"
                                   "\x81\0";
    assert_int_equal(out.len, sizeof expected - 1);
    assert_memory_equal(out.base, expected, sizeof expected - 1);
    end();
}

static void a_character_may_be_cut_and_text_that_is_not_utf8_is_refused_whole(void **state) { /* RFC 6455 5.6 */
    (void)state;
    start(WS_SERVER, 100);
    w.fragment = 1;
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("\xC3\xA4")), 0);
    assert_int_equal(out.len, 6);
    assert_memory_equal(out.base, "\x01\1\xC3\x80\1\xA4", 6);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("ok\xC3")), ERR_INVALID_UTF8);
    assert_int_equal(out.len, 6);
    end();
}

static void fragments_that_do_not_all_fit_leave_nothing_behind(void **state) {
    (void)state;
    start(WS_CLIENT, 20);
    w.fragment = 1;
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("abc")), ERR_FULL); /* 7 bytes each */
    assert_int_equal(out.len, 0);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("ab")), 0);
    assert_int_equal(out.len, 14);
    end();
}

static void each_fragment_has_a_mask_of_its_own(void **state) { /* RFC 6455 5.3 */
    (void)state;
    start(WS_CLIENT, 100);
    w.fragment = 1;
    assert_int_equal(ws_send(&w, WS_BINARY, slice_str("aa")), 0);
    assert_int_equal(out.len, 14);
    assert_memory_equal(out.base, "\x02\x81\1\1\1\1\x60\x80\x81\2\2\2\2\x63", 14);
    end();
}

static void control_frames_are_never_cut(void **state) { /* RFC 6455 5.4 */
    (void)state;
    start(WS_SERVER, 100);
    w.fragment = 1;
    assert_int_equal(ws_ping(&w, slice_str("ping")), 0);
    assert_int_equal(ws_close(&w, 1000, slice_str("bye")), 0);
    assert_int_equal(out.len, 6 + 7);
    assert_memory_equal(out.base,
                        "\x89\4ping\x88\5\x03\xE8"
                        "bye",
                        13);
    end();
}

static void nothing_is_sent_after_a_close(void **state) { /* RFC 6455 5.5.1 */
    (void)state;
    struct ws_event ev;
    start(WS_CLIENT, 1000);
    assert_int_equal(ws_close(&w, 1000, slice_str("bye")), 0);
    assert_int_equal(w.sent_code, 1000);
    size_t n = out.len;
    assert_int_equal(ws_close(&w, 1001, slice_of(NULL, 0)), 0);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("x")), ERR_CLOSED);
    assert_int_equal(ws_ping(&w, slice_str("x")), ERR_CLOSED);
    assert_int_equal(reads("\x89\x00", 2, &ev), WS_EVENT);  /* the ping is told, and not answered */
    assert_int_equal(reads("\x81\x01x", 3, &ev), WS_EVENT); /* what was on its way is told */
    assert_int_equal(reads("\x88\x02\x03\xE8", 4, &ev), WS_EVENT);
    assert_int_equal(out.len, n);
    end();
}

static void nothing_is_sent_after_a_fault(void **state) {
    (void)state;
    struct ws_event ev;
    start(WS_CLIENT, 1000);
    assert_int_equal(reads("\xFF", 1, &ev), WS_FAILED);
    assert_int_equal(reads("\x81\x00", 2, &ev), WS_FAILED);
    assert_int_equal(w.fault->kind, FAULT_PROTOCOL);
    assert_int_equal(w.sent_code, WS_CLOSE_PROTOCOL);
    assert_int_equal(ws_send(&w, WS_TEXT, slice_str("x")), ERR_CLOSED);
    end();
}

/* However the input is cut, and where compression was agreed on. */
static void a_fault_names_what_was_wrong(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *text;
    } wrong[] = {
        {"\x88\x02\x03\xED", 4, "close code 1005, which may not be sent (RFC 6455 7.4)"},
        {"\x88\x02\x0B\xB7", 4, "close code 2999, which may not be sent (RFC 6455 7.4)"},
        {"\x88\x05\x03\xE8xy\xFF", 7, "a close reason that is not UTF-8: byte 0xff at offset 2 (RFC 6455 5.5.1)"},
        {"\x8B\x00", 2, "a frame of opcode 0xB, which is reserved (RFC 6455 5.2)"},
        {"\x01\x01x\x82\x00", 5, "a binary frame within a fragmented message (RFC 6455 5.4)"},
        {"\x81\x7E\x07\xD0", 4, "a message of 2000 bytes, over max_message_size (1000)"},
        {"\x01\x01x\x00\x7E\x03\xE8", 7, "a message of 1001 bytes or more, over max_message_size (1000)"},
        {"\x01\x03xy\xC3\x80\x01(", 8, "a text message that is not UTF-8: byte 0x28 at offset 3 (RFC 6455 8.1)"},
        {"\x81\x02x\xC3", 4, "a text message that is not UTF-8: it ends within a character (RFC 6455 8.1)"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (size_t cut = 0; cut <= wrong[i].n; cut++) {
            struct ws_event ev;
            start(WS_CLIENT, 1000);
            if (reads(wrong[i].bytes, cut, &ev) == WS_MORE) reads(wrong[i].bytes + cut, wrong[i].n - cut, &ev);
            assert_true(ws_failed(&w));
            assert_string_equal(w.fault->text, wrong[i].text);
            end();
        }
    }
}

static void a_close_that_may_not_be_sent_is_refused(void **state) {
    (void)state;
    static const uint16_t wrong[] = {1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000};
    static const uint16_t right[] = {1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 4999};
    char reason[WS_REASON_MAX + 1];
    memset(reason, 'r', sizeof reason);
    start(WS_CLIENT, 1000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ws_close(&w, wrong[i], slice_of(NULL, 0)), ERR_RANGE);
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) assert_true(ws_close_code_valid(right[i]));
    assert_int_equal(ws_close(&w, 1000, slice_of(reason, sizeof reason)), ERR_RANGE);
    assert_int_equal(ws_close(&w, 0, slice_str("x")), ERR_RANGE);
    assert_int_equal(ws_close(&w, 1000, slice_str("\xFF")), ERR_INVALID_UTF8);
    assert_int_equal(out.len, 0);
    assert_int_equal(ws_close(&w, 1000, slice_of(reason, WS_REASON_MAX)), 0);
    end();
}

static void a_ping_has_at_most_125_bytes(void **state) {
    (void)state;
    char data[126] = {0};
    start(WS_CLIENT, 1000);
    assert_int_equal(ws_ping(&w, slice_of(data, 126)), ERR_RANGE);
    assert_int_equal(ws_ping(&w, slice_of(data, 125)), 0);
    end();
}

static void while_the_peer_does_not_read_only_the_latest_ping_is_answered(void **state) { /* RFC 6455 5.5.3 */
    (void)state;
    struct ws_event ev;
    char ping[4] = "\x89\x02";
    start(WS_SERVER, 4 << 20);
    w.role = WS_CLIENT;
    for (int i = 0; i < 1000000; i++) {
        ping[2] = (char)(i >> 8);
        ping[3] = (char)i;
        assert_int_equal(reads(ping, 4, &ev), WS_EVENT);
    }
    assert_in_range(out.len, WS_PONG_BACKLOG, WS_PONG_BACKLOG + 200);
    ws_catch_up(&w);
    assert_in_range(out.len, WS_PONG_BACKLOG, WS_PONG_BACKLOG + 200);
    buf_reset(&out, SIZE_MAX); /* now it did */
    ws_catch_up(&w);
    assert_int_equal(out.len, 8);
    assert_int_equal(out.base[out.start + 7], (uint8_t)999999 ^ out.base[out.start + 3]);
    ws_catch_up(&w);
    assert_int_equal(out.len, 8);
    end();
}

static void a_message_buffer_grows_with_what_came_not_with_what_was_announced(void **state) {
    (void)state;
    struct ws_event ev;
    start(WS_CLIENT, 1000);
    w.max_message_size = UINT64_C(1) << 40;
    assert_int_equal(reads("\x82\x7F\0\0\0\xFF\0\0\0\0xyz", 13, &ev), WS_MORE);
    assert_in_range(w.partial->message.size, 3, WS_FIRST + WS_BEFORE + 1);
    end();
}

/* A byte of a message: each place has another. */
static uint8_t byte_at(size_t i) { return (uint8_t)(i * 31 + i / 256); }

/* Reads `wire` as a socket would be read, a cut behind every `cut` bytes; asks where to. Says how often the message's
 * own place was chosen. */
static unsigned read_cut(const uint8_t *wire, size_t n, size_t cut, struct ws_event *ev) {
    static uint8_t shared[8192];
    unsigned chosen = 0;
    for (size_t done = 0; done < n;) {
        uint8_t *at = shared;
        size_t room = sizeof shared;
        ws_place(&w, &at, &room);
        assert_in_range(room, 1, SIZE_MAX / 2);
        chosen += at != shared;
        size_t part = cut < room ? cut : room;
        if (part > n - done) part = n - done;
        memcpy(at, wire + done, part);
        done += part;
        struct slice in = slice_of(at, part);
        enum ws_step step = ws_step(&w, &in, ev);
        assert_int_equal(step, done < n ? WS_MORE : WS_EVENT);
    }
    return chosen;
}

static void a_large_message_is_read_to_where_it_stays(void **state) {
    (void)state;
    static const size_t sizes[] = {WS_LARGE, WS_FIRST, WS_FIRST + 1, 1000000}, cuts[] = {1, 7, 1000, 70000};
    static uint8_t wire[10 + 1000000];
    start(WS_CLIENT, 1000);
    ws_limit(&w, sizeof wire);
    for (size_t s = 0; s < 4; s++) {
        for (size_t k = sizes[s] > WS_FIRST ? 2 : 0; k < 4; k++) {
            size_t n = sizes[s];
            struct ws_event ev;
            struct buf mine;
            struct frame_head head = {.fin = true, .opcode = FRAME_BINARY, .length = n};
            size_t before = frame_head_write(wire, &head);
            for (size_t i = 0; i < n; i++) wire[before + i] = byte_at(i);
            assert_in_range(read_cut(wire, before + n, cuts[k], &ev), 1, n);
            assert_non_null(ev.memory);
            buf_init(&mine, SIZE_MAX);
            buf_swap(&mine, ev.memory); /* it may be had, with room around it */
            assert_int_equal(mine.start, WS_BEFORE);
            assert_int_equal(mine.size, WS_BEFORE + n + 1);
            assert_int_equal(mine.len, n);
            assert_memory_equal(mine.base + mine.start, wire + before, n);
            buf_clear(&mine);
        }
    }
    end();
}

static void other_messages_have_no_memory_to_give(void **state) {
    (void)state;
    static uint8_t wire[4 + WS_LARGE];
    struct frame_head head = {.opcode = FRAME_BINARY, .length = WS_LARGE};
    assert_int_equal(frame_head_write(wire, &head), 4);
    struct ws_event ev;
    start(WS_CLIENT, 1000);
    ws_limit(&w, 1 << 20);
    struct slice in = slice_of(wire, sizeof wire); /* a fragment */
    assert_int_equal(ws_step(&w, &in, &ev), WS_MORE);
    assert_int_equal(read_cut((const uint8_t *)"\x80\x01x", 3, 1, &ev), 0);
    assert_null(ev.memory);
    assert_int_equal(ev.data.n, WS_LARGE + 1);
    wire[0] |= 0x80;
    in = slice_of(wire, sizeof wire); /* whole in the input */
    assert_int_equal(ws_step(&w, &in, &ev), WS_EVENT);
    assert_null(ev.memory);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_message_is_read_to_where_it_stays),
        cmocka_unit_test(other_messages_have_no_memory_to_give),
        cmocka_unit_test(each_frame_has_a_mask_of_its_own),
        cmocka_unit_test(a_server_masks_nothing),
        cmocka_unit_test(a_text_that_is_not_utf8_is_not_sent),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(a_long_message_leaves_in_fragments),
        cmocka_unit_test(a_character_may_be_cut_and_text_that_is_not_utf8_is_refused_whole),
        cmocka_unit_test(fragments_that_do_not_all_fit_leave_nothing_behind),
        cmocka_unit_test(each_fragment_has_a_mask_of_its_own),
        cmocka_unit_test(control_frames_are_never_cut),
        cmocka_unit_test(nothing_is_sent_after_a_close),
        cmocka_unit_test(nothing_is_sent_after_a_fault),
        cmocka_unit_test(a_fault_names_what_was_wrong),
        cmocka_unit_test(a_close_that_may_not_be_sent_is_refused),
        cmocka_unit_test(a_ping_has_at_most_125_bytes),
        cmocka_unit_test(while_the_peer_does_not_read_only_the_latest_ping_is_answered),
        cmocka_unit_test(a_message_buffer_grows_with_what_came_not_with_what_was_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tls_ticket: what a server's first bytes say of the ticket that it was shown. */
#include "net/tls/ticket.h"
#include "unit.h"

/* A ServerHello of 2 bytes, which is enough for who only counts; the next message in the same record, or another. */
#define HELLO          "\x02\0\0\x02hi"
#define RECORD         "\x16\x03\x03\0" /* and the last byte of its size */
#define CERTIFICATE    "\x0b\0\0\1c"
#define TICKET         "\x04\0\0\1t"
#define CHANGE_CIPHER  "\x14\x03\x03\0\1\1"
#define SAYS(text, is) says(text, sizeof(text) - 1, is)

/* Told whole, it is this; told in part, more is asked for, until it is this and stays so. */
static void says(const char *bytes, size_t n, enum tls_ticket is) {
    assert_int_equal(tls_ticket_look(slice_of(bytes, n)), is);
    bool told = false;
    for (size_t part = 0; part <= n; part++) {
        enum tls_ticket now = tls_ticket_look(slice_of(bytes, part));
        told = told || now == is;
        assert_int_equal(now, told ? is : TLS_TICKET_MORE);
    }
}

static void a_certificate_is_a_full_handshake(void **state) {
    (void)state;
    SAYS(RECORD "\x06" HELLO RECORD "\x05" CERTIFICATE, TLS_TICKET_REFUSED);
    SAYS(RECORD "\x0b" HELLO CERTIFICATE, TLS_TICKET_REFUSED);
    SAYS(RECORD "\x04"
                "\x02\0\0\x02" RECORD "\x02"
                "hi" RECORD "\x05" CERTIFICATE,
         TLS_TICKET_REFUSED);
}

static void keys_or_a_new_ticket_are_a_resumption(void **state) {
    (void)state;
    SAYS(RECORD "\x06" HELLO CHANGE_CIPHER, TLS_TICKET_TAKEN);
    SAYS(RECORD "\x06" HELLO RECORD "\x05" TICKET, TLS_TICKET_TAKEN);
    SAYS(RECORD "\x0b" HELLO TICKET, TLS_TICKET_TAKEN);
}

static void what_is_no_answer_is_wolfssls(void **state) {
    (void)state;
    SAYS("\x15\x03\x03\0\x02\x02\x28", TLS_TICKET_TAKEN); /* an alert */
    SAYS("HTTP/1.1 400 Bad Request", TLS_TICKET_TAKEN);
    SAYS(RECORD "\x02"
                "\x02\0",
         TLS_TICKET_TAKEN);                          /* less than the head of a message */
    SAYS(RECORD "\0" RECORD "\0", TLS_TICKET_TAKEN); /* an empty record */
    SAYS(RECORD "\x04"
                "\x02\1\0\0",
         TLS_TICKET_TAKEN); /* a message without an end */
    SAYS(RECORD "\x06" HELLO RECORD "\0", TLS_TICKET_TAKEN);
    SAYS(RECORD "\x04"
                "\x02\0\x1f\xff" RECORD "\x01"
                "x",
         TLS_TICKET_MORE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_is_a_full_handshake),
        cmocka_unit_test(keys_or_a_new_ticket_are_a_resumption),
        cmocka_unit_test(what_is_no_answer_is_wolfssls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

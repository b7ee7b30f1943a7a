/* test_tls: two ends that speak to each other in memory. */
#include "net/tls/parts.h"
#include "testing/certificate.h"
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static struct tls_store *store;
static struct tls *client, *server;

static char *path_of(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Gives what one end has to say to the other. */
static void bring(struct tls *from, struct tls *to) {
    static uint8_t copy[1 << 20];
    struct slice said = buf_slice(tls_out(from));
    assert_true(said.n <= sizeof copy);
    assert_int_equal(tls_keep(to), 0);
    if (said.n) memcpy(copy, said.p, said.n);
    buf_reset(tls_out(from), SIZE_MAX);
    tls_feed(to, slice_of(copy, said.n));
}

static int open_both(void **state) {
    (void)state;
    struct fault fault = {0};
    struct tls_config at_client = {0}, at_server = {0};
    snprintf(folder, sizeof folder, "/tmp/wsbot-test-tls-XXXXXX");
    if (!mkdtemp(folder) || certificate_make(folder, CERTIFICATE_RIGHT, &fault) < 0) return -1;
    store = tls_store_new(NULL);
    at_client.ca_file = strdup(path_of("ca.pem"));
    at_server.cert = strdup(path_of("cert.pem"));
    at_server.key = strdup(path_of("key.pem"));
    client = tls_client_new(store, &at_client, "localhost", 443, &fault);
    server = tls_server_new(store, &at_server, &fault);
    tls_config_clear(&at_client);
    tls_config_clear(&at_server);
    if (!client || !server) return -1;
    for (int i = 0; i < 10 && !(client->done && server->done); i++) {
        tls_handshake(client);
        bring(client, server);
        tls_handshake(server);
        bring(server, client);
    }
    return client->done && server->done ? 0 : -1;
}

static int close_both(void **state) {
    (void)state;
    tls_free(client);
    tls_free(server);
    tls_store_free(store);
    unlink(path_of("ca.pem"));
    unlink(path_of("cert.pem"));
    unlink(path_of("key.pem"));
    return rmdir(folder);
}

/* Each update of its keys asks for one of ours (RFC 8446 4.6.3). */
static void a_peer_that_asks_and_does_not_read_is_given_up(void **state) {
    (void)state;
    uint8_t plain[100];
    size_t n, most = 0;
    enum tls_step step = TLS_MORE;
    for (int i = 0; i < 1000 && step == TLS_MORE; i++) {
        for (int k = 0; k < 1000; k++) assert_int_equal(wolfSSL_update_keys(server->ssl), WOLFSSL_SUCCESS);
        bring(server, client);
        step = tls_read(client, plain, sizeof plain, &n);
        if (tls_out(client)->len > most) most = tls_out(client)->len;
    }
    assert_int_equal(step, TLS_FAILED);
    assert_true(most < 2 << 20);
    assert_int_equal(tls_fault(client)->kind, FAULT_TLS);
    assert_non_null(strstr(tls_fault(client)->text, "does not read"));
}

static void noise_in_a_session_is_not_taken_for_an_old_server(void **state) {
    (void)state;
    uint8_t plain[100];
    size_t n;
    assert_int_equal(tls_keep(client), 0);
    tls_feed(client, slice_str("\x17\x09\x09 noise"));
    assert_int_equal(tls_read(client, plain, sizeof plain, &n), TLS_FAILED);
    assert_null(strstr(tls_fault(client)->text, "another version"));
}

/* For another server there is none, and for this one none after the first of its certificates has expired. */
static void a_session_lasts_as_long_as_its_certificates(void **state) {
    (void)state;
    struct tls_info info;
    assert_true(tls_info_read(client, &info));
    int64_t until = client->until;
    assert_in_range(until, time(NULL), info.not_after); /* its own, or its CA */
    assert_string_equal(client->server, "localhost:443");
    assert_non_null(tls_session_find(client->context, "localhost:443", until));
    assert_null(tls_session_find(client->context, "localhost:443", until + 1));
    assert_null(tls_session_find(client->context, "localhost:444", until));
    assert_null(tls_session_find(client->context, "localhos:443", until));
}

/* The context, with its sessions, is for one configuration alone. */
static void other_settings_have_other_sessions(void **state) {
    (void)state;
    struct fault fault = {0};
    for (int i = 0; i < 7; i++) {
        struct tls_config c;
        tls_config_copy(&c, &client->context->config);
        if (i == 1) c.server_name = strdup("localhost");
        if (i == 2) c.pins = strdup("sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        if (i == 3) c.system_ca = true;
        if (i == 4) c.no_stapling = true;
        if (i == 5) c.min_version = TLS_1_3;
        if (i == 6) c.to_proxy = true;
        struct tls *other = tls_client_new(store, &c, "localhost", 443, &fault);
        tls_config_clear(&c);
        assert_non_null(other);
        assert_int_equal(other->context == client->context, i == 0);
        assert_int_equal(tls_session_find(other->context, "localhost:443", time(NULL)) != NULL, i == 0);
        tls_free(other);
        if (i == 0)
            assert_null(tls_session_find(client->context, "localhost:443", time(NULL))); /* given up, so is it */
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_peer_that_asks_and_does_not_read_is_given_up),
        TEST(a_session_lasts_as_long_as_its_certificates),
        TEST(other_settings_have_other_sessions),
        TEST(noise_in_a_session_is_not_taken_for_an_old_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

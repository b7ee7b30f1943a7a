/* test_tls_anchors: files and folders of certificates: what is taken from them, what is not, and when they are read
 * again. */
#include "made.h"
#include "net/tls/anchors.h"
#include "net/tls/context.h"
#include "testing/certificate.h"
#include "unit.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wolfssl/wolfcrypt/coding.h>

static char folder[64];
static struct tls_store *store;
static struct slice der; /* of a CA */

static char *path_of(const char *name) {
    static char path[4][128];
    static unsigned next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof *path, "%s/%s", folder, name);
    return to;
}

static char *write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path_of(name);
}

static struct tls_config in_file(char *path) { return (struct tls_config){.ca_file = path}; }

static struct tls_anchors *get(struct tls_config c) {
    struct fault fault = {0};
    struct tls_anchors *a = tls_anchors_get(store, &c, &fault);
    assert_non_null(a);
    assert_true(a->is_ready);
    return a;
}

static size_t count_in(struct tls_config c) {
    struct tls_anchors *a = get(c);
    size_t n = a->count;
    assert_int_equal(fault_set(&a->fault), n == 0);
    tls_anchors_release(a);
    return n;
}

static int set_up(void **state) {
    (void)state;
    struct fault fault = {0};
    snprintf(folder, sizeof folder, "/tmp/wsbot-test-anchors-XXXXXX");
    if (!mkdtemp(folder) || certificate_make(folder, CERTIFICATE_RIGHT, &fault) < 0) return -1;
    wolfSSL_Init();
    store = tls_store_new(NULL);
    struct tls_anchors *a = get(in_file(path_of("ca.pem")));
    assert_int_equal(a->count, 1);
    der = made_bytes(a->certs[0].der.p, a->certs[0].der.n);
    tls_anchors_release(a);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    tls_store_free(store);
    wolfSSL_Cleanup();
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* ---- what they hold ---- */

/* A certificate, with this behind it, under this label. */
static const char *pem(const char *label, struct slice settings) {
    static char text[4096];
    static byte base64[3072];
    word32 n = sizeof base64;
    uint8_t bytes[2048];
    memcpy(bytes, der.p, der.n);
    if (settings.n) memcpy(bytes + der.n, settings.p, settings.n);
    assert_int_equal(Base64_Encode(bytes, (word32)(der.n + settings.n), base64, &n), 0);
    snprintf(text, sizeof text, "-----BEGIN %s-----\n%.*s-----END %s-----\n", label, (int)n, (char *)base64, label);
    return text;
}

static size_t count_of(const char *label, struct slice settings) {
    return count_in(in_file(write_file("some.pem", pem(label, settings))));
}

static void certificates_have_labels(void **state) {
    (void)state;
    assert_int_equal(count_of("CERTIFICATE", NOTHING), 1);
    assert_int_equal(count_of("X509 CERTIFICATE", NOTHING), 1);
    assert_int_equal(count_of("TRUSTED CERTIFICATE", NOTHING), 1);
    assert_int_equal(count_of("CERTIFICATE REQUEST", NOTHING), 0);
    assert_int_equal(count_of("X509 CRL", NOTHING), 0);
}

#define SERVER_AUTH OID_OF("\x2B\x06\x01\x05\x05\x07\x03\x01")
#define CLIENT_AUTH OID_OF("\x2B\x06\x01\x05\x05\x07\x03\x02")
#define ANY         OID_OF("\x55\x1D\x25\x00")

static void one_that_openssl_was_told_not_to_trust_is_not_trusted(void **state) {
    (void)state;
    const char *trusted = "TRUSTED CERTIFICATE";
    assert_int_equal(count_of(trusted, SEQUENCE(MADE(DER_CONTEXT_OF(0), SERVER_AUTH))), 0);
    assert_int_equal(count_of(trusted, SEQUENCE(MADE(DER_CONTEXT_OF(0), CLIENT_AUTH, ANY))), 0);
    assert_int_equal(count_of(trusted, SEQUENCE(SEQUENCE(CLIENT_AUTH))), 0);
    assert_int_equal(count_of(trusted, SEQUENCE(SEQUENCE(SERVER_AUTH), MADE(DER_CONTEXT_OF(0), SERVER_AUTH))), 0);
    assert_int_equal(count_of(trusted, BYTES("x")), 0);
    assert_int_equal(count_of(trusted, SEQUENCE(SEQUENCE(CLIENT_AUTH, SERVER_AUTH))), 1);
    assert_int_equal(count_of(trusted, SEQUENCE(SEQUENCE(ANY))), 1);
    assert_int_equal(count_of(trusted, SEQUENCE(MADE(DER_CONTEXT_OF(0), CLIENT_AUTH))), 1);
    assert_int_equal(count_of(trusted, SEQUENCE(MADE(0x0C, BYTES("its alias")))), 1);
}

static void what_is_none_is_passed_over(void **state) {
    (void)state;
    char text[16 << 10];
    const char *one = pem("CERTIFICATE", NOTHING);
    snprintf(text, sizeof text,
             "some words\n%s-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n"
             "MAA=\n-----END CERTIFICATE-----\n-----BEGIN \n%s-----BEGIN CERTIFICATE-----\nMA",
             one, one);
    assert_int_equal(count_in(in_file(write_file("some.pem", text))), 2);
    assert_int_equal(count_in(in_file(write_file("empty.pem", ""))), 0);
}

/* ---- where they are ---- */

static void is_refused(struct tls_config c, const char *why) {
    struct tls_anchors *a = get(c);
    assert_true(fault_set(&a->fault));
    assert_non_null(strstr(a->fault.text, why));
    tls_anchors_release(a);
}

static void what_is_no_file_is_refused_at_once(void **state) {
    (void)state;
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    is_refused(in_file(path_of("fifo")), "no regular file");
    is_refused(in_file(folder), "Is a directory");
    is_refused(in_file((char *)"/dev/zero"), "no regular file");
    assert_int_equal(truncate(write_file("large", ""), (off_t)1 << 30), 0);
    is_refused(in_file(path_of("large")), "too large");
    is_refused(in_file(write_file("words", "words")), "no certificates in PEM");
}

static void one_that_is_not_there_is_told(void **state) {
    (void)state;
    struct fault fault = {0};
    struct tls_config c = in_file(path_of("nowhere"));
    assert_null(tls_anchors_get(store, &c, &fault));
    assert_non_null(strstr(fault.text, "tls.ca_file: "));
}

static void a_folder_is_read_by_its_hashes_where_it_has_some(void **state) {
    (void)state;
    assert_int_equal(mkdir(path_of("cas"), 0700), 0);
    char path[128];
    struct tls_config c = {.ca_path = strcpy(path, path_of("cas"))};
    is_refused(c, "no certificates");
    assert_int_equal(mkdir(path_of("cas/folder"), 0700), 0);
    assert_int_equal(mkfifo(path_of("cas/fifo"), 0600), 0);
    write_file("cas/a.pem", pem("CERTIFICATE", NOTHING));
    write_file("cas/b.pem", pem("CERTIFICATE", NOTHING));
    write_file("cas/.hidden", pem("CERTIFICATE", NOTHING));
    assert_int_equal(count_in(c), 2);
    write_file("cas/0123abcd.0", pem("CERTIFICATE", NOTHING));
    write_file("cas/0123abcd.r0", pem("CERTIFICATE", NOTHING)); /* what was revoked is so named */
    assert_int_equal(count_in(c), 1);
}

static void the_systems_are_where_openssls_variables_say(void **state) {
    (void)state;
    struct tls_config c = {0};
    setenv("SSL_CERT_FILE", path_of("ca.pem"), 1);
    assert_int_equal(count_in(c), 1);
    assert_int_equal(mkdir(path_of("a"), 0700), 0);
    assert_int_equal(mkdir(path_of("b"), 0700), 0);
    write_file("a/a", pem("CERTIFICATE", NOTHING));
    write_file("b/b", pem("CERTIFICATE", NOTHING));
    char both[300];
    snprintf(both, sizeof both, "%s:%s:/no/such/folder", path_of("a"), path_of("b"));
    setenv("SSL_CERT_DIR", both, 1);
    assert_int_equal(count_in(c), 3);
    unsetenv("SSL_CERT_FILE");
    assert_int_equal(count_in(c), 2);
    setenv("SSL_CERT_FILE", "/no/such/file", 1);
    assert_int_equal(count_in(c), 2); /* what is there counts */
    setenv("SSL_CERT_DIR", "/no/such/folder", 1);
    is_refused(c, "/no/such/file");
    unsetenv("SSL_CERT_FILE");
    is_refused(c, "/no/such/folder");
}

static void so_many_are_taken_and_no_more(void **state) {
    (void)state;
    const char *one = pem("CERTIFICATE", NOTHING);
    char *path = path_of("many.pem");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < ANCHORS_MOST + 10 && ftell(file) < ANCHORS_FILE_MOST - 4096; i++) fputs(one, file);
    fclose(file);
    assert_in_range(count_in(in_file(path)), 1000, ANCHORS_MOST);
}

/* ---- again ---- */

static void one_file_is_read_once_for_all(void **state) {
    (void)state;
    struct tls_config a = in_file(path_of("ca.pem")), b = a;
    b.server_name = (char *)"another";
    b.allow_weak = true;
    struct tls_anchors *first = get(a), *second = get(b);
    assert_ptr_equal(first, second);
    tls_anchors_release(first);
    tls_anchors_release(second);
}

static void a_file_that_has_changed_is_read_again(void **state) {
    (void)state;
    char *path = write_file("some.pem", pem("CERTIFICATE", NOTHING));
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    struct tls_anchors *first = get(in_file(path));
    assert_true(tls_anchors_are_fresh(first));
    write_file("some.pem", pem("X509 CERTIFICATE", NOTHING));
    struct tls_anchors *second = get(in_file(path));
    assert_ptr_not_equal(first, second);
    assert_false(tls_anchors_are_fresh(first));
    assert_true(tls_anchors_are_fresh(second));
    tls_anchors_release(first);
    tls_anchors_release(second);
}

static void a_time_that_was_put_back_hides_no_change(void **state) {
    (void)state;
    char *path = write_file("some.pem", pem("CERTIFICATE", NOTHING));
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
    struct tls_anchors *first = get(in_file(path));
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    do { /* until the system's clock has ticked */
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        fputc('-', file);
        fclose(file);
        assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
        assert_int_equal(stat(path, &after), 0);
    } while (memcmp(&before.st_ctim, &after.st_ctim, sizeof before.st_ctim) == 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_false(tls_anchors_are_fresh(first));
    tls_anchors_release(first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(certificates_have_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_openssl_was_told_not_to_trust_is_not_trusted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_none_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_refused_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_not_there_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_is_read_by_its_hashes_where_it_has_some, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_systems_are_where_openssls_variables_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(so_many_are_taken_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_file_is_read_once_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_has_changed_is_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_that_was_put_back_hides_no_change, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_tls_aes: AES-GCM by the device and by wolfSSL itself agree, whoever's turn it is. Where there is no device,
 * wolfSSL is compared with itself. */
#include "net/tls/aes.h"
#include "unit.h"
#include <stdlib.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

enum { TEXT_MAX = 16384 + 256, KEYS = 40 };

static struct tls_aes *device;
static uint8_t text[TEXT_MAX], one[TEXT_MAX], other[TEXT_MAX];

struct record {
    uint8_t nonce[12], head[13], tag[16];
};

static void fill(void *out, size_t n) {
    for (uint8_t *p = out; n--;) *p++ = (uint8_t)rand();
}

/* The same key, for the device and for wolfSSL. */
static void set_keys(Aes *fast, Aes *plain, size_t size) {
    uint8_t key[32];
    fill(key, sizeof key);
    assert_int_equal(wc_AesInit(fast, NULL, tls_aes_device(device)), 0);
    assert_int_equal(wc_AesInit(plain, NULL, INVALID_DEVID), 0);
    assert_int_equal(wc_AesGcmSetKey(fast, key, (word32)size), 0);
    assert_int_equal(wc_AesGcmSetKey(plain, key, (word32)size), 0);
}

static int encrypt(Aes *aes, uint8_t *out, const uint8_t *in, size_t n, struct record *r) {
    return wc_AesGcmEncrypt(aes, out, in, (word32)n, r->nonce, sizeof r->nonce, r->tag, sizeof r->tag, r->head,
                            sizeof r->head);
}

static int decrypt(Aes *aes, uint8_t *out, const uint8_t *in, size_t n, const struct record *r) {
    return wc_AesGcmDecrypt(aes, out, in, (word32)n, r->nonce, sizeof r->nonce, r->tag, sizeof r->tag, r->head,
                            sizeof r->head);
}

static struct record new_record(size_t n) {
    struct record r;
    fill(&r, sizeof r);
    fill(text, n);
    return r;
}

static void check_agree(Aes *fast, Aes *plain, size_t n) {
    struct record r = new_record(n), same = r;
    assert_int_equal(encrypt(fast, one, text, n, &r), 0);
    assert_int_equal(encrypt(plain, other, text, n, &same), 0);
    assert_memory_equal(r.tag, same.tag, sizeof r.tag);
    if (n) assert_memory_equal(one, other, n);
    assert_int_equal(decrypt(fast, one, one, n, &r), 0); /* in place, as wolfSSL does */
    if (n) assert_memory_equal(one, text, n);
    assert_int_equal(encrypt(fast, one, one, n, &r), 0);
    if (n) assert_memory_equal(one, other, n);
}

static void every_size_is_right(void **state) {
    (void)state;
    for (size_t key = 16; key <= 32; key += 8) { /* 24, which TLS has not, is left to wolfSSL */
        Aes fast, plain;
        set_keys(&fast, &plain, key);
        for (size_t n = 0; n <= 600; n++) check_agree(&fast, &plain, n);
        for (size_t n = TEXT_MAX - 40; n <= TEXT_MAX; n++) check_agree(&fast, &plain, n);
        wc_AesFree(&fast);
        wc_AesFree(&plain);
    }
}

static void many_keys_take_turns(void **state) {
    (void)state;
    static Aes fast[KEYS], plain[KEYS];
    for (size_t i = 0; i < KEYS; i++) set_keys(&fast[i], &plain[i], i % 3 ? 16 : 32);
    for (int turn = 0; turn < 5000; turn++) {
        size_t i = (size_t)rand() % KEYS;
        check_agree(&fast[i], &plain[i], (size_t)rand() % 300);
        if (turn % 7 == 0)
            set_keys(&fast[i], &plain[i], turn % 2 ? 16 : 32); /* in the same place, as in a key update */
    }
    for (size_t i = 0; i < KEYS; i++) {
        wc_AesFree(&fast[i]);
        wc_AesFree(&plain[i]);
    }
}

static void a_changed_record_is_refused(void **state) {
    (void)state;
    Aes fast, plain;
    set_keys(&fast, &plain, 16);
    for (size_t n = 0; n < 100; n += 9) {
        struct record good = new_record(n);
        assert_int_equal(encrypt(&plain, other, text, n, &good), 0);
        for (size_t at = 0; at < sizeof good + n; at++) {
            struct record r = good;
            memcpy(one, other, n);
            *(at < sizeof r ? (uint8_t *)&r + at : one + at - sizeof r) ^= (uint8_t)(1 << at % 8);
            assert_int_equal(decrypt(&fast, one, one, n, &r), AES_GCM_AUTH_E);
        }
        assert_int_equal(decrypt(&fast, one, other, n, &good), 0);
        if (n) assert_memory_equal(one, text, n);
    }
    wc_AesFree(&fast);
    wc_AesFree(&plain);
}

static void keys_outlive_the_device(void **state) {
    (void)state;
    Aes fast, plain;
    set_keys(&fast, &plain, 32);
    check_agree(&fast, &plain, 1000);
    tls_aes_close(device);
    check_agree(&fast, &plain, 1000);
    device = tls_aes_open();
    check_agree(&fast, &plain, 1000);
    wc_AesFree(&fast);
    wc_AesFree(&plain);
}

static int open_device(void **state) {
    (void)state;
    wolfSSL_Init();
    device = tls_aes_open();
    print_message("AES-GCM by %s\n", device ? "libgcrypt" : "wolfSSL itself");
    return 0;
}

static int close_device(void **state) {
    (void)state;
    tls_aes_close(device);
    wolfSSL_Cleanup();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_right),
        cmocka_unit_test(many_keys_take_turns),
        cmocka_unit_test(a_changed_record_is_refused),
        cmocka_unit_test(keys_outlive_the_device),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}

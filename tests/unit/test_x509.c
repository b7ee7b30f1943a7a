/* test_x509: certificates of openssl's, and such as no tool makes. */
#include "base/err.h"
#include "made.h"
#include "unit.h"
#include "wire/x509_names.h"
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>

/* ---- as openssl makes them ---- */

/* CN=a, with a key of Ed25519, and each extension of RFC 5280 that openssl writes; from 2026-11-29 04:23:27 for a day
 */
static const char all[] =
    "MIICPDCCAeKgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARyb290MB4XDTI2MTEyOTA0MjMyN1oXDTI2MTEzMDA0MjMyN1owDDEKMA"
    "gGA1UEAwwBYTAqMAUGAytlcAMhADZDWKpIEBCEaw8kzsGTS1QoR5wBAssr7SpShO5OfhEOo4IBXzCCAVswEgYDVR0TAQH/BAgwBgEB/wIBAjAO"
    "BgNVHQ8BAf8EBAMCAoQwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsGAQUFBwMCMB0GA1UdDgQWBBTBWWdmrMFNr6/jw5glOhdT0wPo/DAfBgNVHS"
    "MEGDAWgBS1RHX4o6lkYAhyODlMV+Tkdk50kTBWBgNVHREETzBNgglhLmV4YW1wbGWCCyouYS5leGFtcGxlhwQKAAABhxAAAAAAAAAAAAAAAAAA"
    "AAABgQthQGIuZXhhbXBsZaQOMAwxCjAIBgNVBAMMAWEwOAYDVR0eAQH/BC4wLKAZMAuCCWEuZXhhbXBsZTAKhwgKAAAA/wAAAKEPMA2CC2IuYS"
    "5leGFtcGxlMA8GA1UdIAQIMAYwBAYCKgMwGQYDVR0fBBIwEDAOoAygCoYIaHR0cDovL2MwDAYDVR0kBAUwA4ABAzAKBgNVHTYEAwIBAjAKBggq"
    "hkjOPQQDAgNIADBFAiAI3ljCasmF+godBaQ/JrOurwdhSZ8y6+Fa5WtLU/tZUwIhANPy6aKUMePOTuK7VaGTnHAFO0LJSC7B5cVrHMuPLfDe";
/* of version 1; keys and signatures of the other kinds */
static const char ec[] =
    "MIH/MIGmAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwHhcNMjYxMTI5MDQxOTI1WhcNMjYxMjI5MDQxOTI1WjAMMQowCAYDVQQDDAFhMF"
    "kwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeJ+Zi6FfBNhOjBG2oRwJyRlZwQ0wSOCZ+k3fUsyxiavPHGbF7WEI9ybfiC3hI0HN8om3TnlD0g53"
    "M3L1RulavzAKBggqhkjOPQQDAgNIADBFAiBRSBvvP9n+7wwVpl1rqe+wplQhjR5Kipz6SCTyfTsYowIhAM+xhdIYzSrcbVo0NAUShq9d6rCtfH"
    "qqvcuoaxUCI5Oj";
static const char rsa[] =
    "MIIBhjCB8AIBATANBgkqhkiG9w0BAQsFADAMMQowCAYDVQQDDAFhMB4XDTI2MTEyOTA0MTkyNVoXDTI2MTIyOTA0MTkyNVowDDEKMAgGA1UEAw"
    "wBYTCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEApTThc6iADKuTahE8MIxjltaFqWZ4kSv5L7ZZjidjnJLhW2sqCpRbamwJMjWdYJPUvlO5"
    "p3yOE7fB4hBLONf36Wj8AGlDREHGc5wUcKdSLZCjbZWi+vWFya6CF1pA3r2yxEtJNqgGNFCKQYN2bkgVkdlymvcwty8+UGSiz58il40CAwEAAT"
    "ANBgkqhkiG9w0BAQsFAAOBgQB2jFmR89YA0wN4eCIYX5NQXqwS030Ca5XPr7w+bkJeWHkhAr23C7UqJUyYCJCfnr+QHjQeTLAcvMqHAf8RBSj4"
    "K3JViOzZN0FQnpdfBkrGspG+EtYN88uA0lxQDc2NOlpo6yuWBuV92wGihFMqXlalKXjFZ2OgIr1woIbWTsHbSQ==";
static const char pss[] = /* SHA-384, and so is its key */
    "MIIB7TCCASICAQEwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQMEAgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgFOMAwxCj"
    "AIBgNVBAMMAWEwHhcNMjYxMTI5MDQxOTI2WhcNMjYxMjI5MDQxOTI2WjAMMQowCAYDVQQDDAFhMIGdMAsGCSqGSIb3DQEBCgOBjQAwgYkCgYEA"
    "y2I94Z+y6XsE0dKb5Pjqda40VI+s0JJyjt+ffos8OuAJ5sdCz8cqtXzoeVIDEjmSI4x5SE7Rf+W0TNFVdm0uvMAT4JjIbXYfIg24ej254SeAzJ"
    "/H1vhWWFKzJAHBKRbNk7hdvCMWUVU6AHbUFcPiypZmctnNosOO4DIZYlVpEq8CAwEAATBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAgUA"
    "oRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAgUAogMCAU4DgYEAZI2fsJdv5aY/dGA//3Ch1HD3K+SCiZ2EA5QblOeyarGjrI5JDCCrboo1P0"
    "6jMnDgrJEgIJjdD47xIFRmvLQWxT9D7PC0WRLhri2YwRMWhRkFjYlbVE2CQuz3jZ1gYQPLQwoht64Miuxd30Gy4uDQ1ZGjo9O85lUolGYT0ffJ"
    "qss=";
static const char ed448[] =
    "MIIBCjCBiwIBATAFBgMrZXEwDDEKMAgGA1UEAwwBYTAeFw0yNjExMjkwNDE5MjVaFw0yNjEyMjkwNDE5MjVaMAwxCjAIBgNVBAMMAWEwQzAFBg"
    "MrZXEDOgAfNtZUtQIL8LWdSKz8ZqSKyBNhBeb27c7NsXp1/TfWWf8uwladjMsUlTmPp2KyVDGHoTo+7yHqSgAwBQYDK2VxA3MARb87+pkuYTaI"
    "PL/kaqHNDz3N6EMM77A5BsvUDpb6TB4+L9ZIHEdEIPsI3ZdtU0fpYKTtu9AlviGAXhZmDZfpP0f7dwMsxkvFs74BSwcApNy13AYesLOgrbRvlX"
    "dOpmifAXLEJhp6n1SWtY2yAuIpnQIA";

static struct slice decode(const char *base64) {
    byte der[1024];
    word32 n = sizeof der;
    assert_int_equal(Base64_Decode((const byte *)base64, (word32)strlen(base64), der, &n), 0);
    return made_bytes(der, n);
}

static struct x509 read_whole(struct slice der) {
    struct x509 x;
    assert_int_equal(x509_read(der, &x), 0);
    return x;
}

static void each_extension_is_read(void **state) {
    (void)state;
    struct slice der = decode(all);
    struct x509 x = read_whole(der);
    assert_true(slice_eq(x.der, der));
    assert_true(x.is_ca && x.is_for_servers && !x.demands_more && !x509_is_self_issued(&x));
    assert_int_equal(x.path_length, 2);
    assert_int_equal(x.usage, X509_DIGITAL_SIGNATURE | X509_CERT_SIGN);
    assert_int_equal(x.own_id.n, 20);
    assert_true(slice_eq(slice_head(x.own_id, 4), BYTES("\xC1\x59\x67\x66")));
    assert_true(slice_eq(slice_head(x.issuer_id, 4), BYTES("\xB5\x44\x75\xF8")));
    assert_int_equal(x.not_before, 1795926207);
    assert_int_equal(x.not_after - x.not_before, 24 * 3600);
    assert_true(x509_is_for(&x, slice_str("x.a.example"), NOTHING));
    assert_true(x509_is_for(&x, NOTHING, BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")));
    assert_true(
        slice_eq(x.permitted, slice_skip(SEQUENCE(SEQUENCE(MADE(DER_CONTEXT(2), BYTES("a.example"))),
                                                  SEQUENCE(MADE(DER_CONTEXT(7), BYTES("\x0A\0\0\0\xFF\0\0\0")))),
                                         2)));
    assert_true(slice_eq(x.excluded, SEQUENCE(MADE(DER_CONTEXT(2), BYTES("b.a.example")))));
}

static void keys_and_hashes_have_sizes(void **state) {
    (void)state;
    static const struct {
        const char *base64;
        enum x509_key key;
        unsigned key_size, hash_size;
    } kinds[] = {
        {all, X509_KEY_ED25519, 256, 256}, {ec, X509_KEY_EC, 256, 256},       {rsa, X509_KEY_RSA, 1024, 256},
        {pss, X509_KEY_RSA, 1024, 384},    {ed448, X509_KEY_ED448, 456, 512},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct x509 x = read_whole(decode(kinds[i].base64));
        assert_int_equal(x.key, kinds[i].key);
        assert_int_equal(x.key_size, kinds[i].key_size);
        assert_int_equal(x.hash_size, kinds[i].hash_size);
    }
}

static void one_of_version_1_says_nothing(void **state) {
    (void)state;
    struct x509 x = read_whole(decode(ec));
    assert_true(!x.is_ca && x.is_for_servers && !x.demands_more);
    assert_int_equal(x.path_length, -1);
    assert_int_equal(x.usage, -1);
    assert_true(!x.own_id.p && !x.issuer_id.p && !x.names.p && !x.permitted.p && !x.excluded.p);
}

/* ---- damaged ---- */

static void is_within(struct slice part, struct slice whole) {
    assert_true(!part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

/* Reads a copy of exactly these bytes, so that a sanitizer sees the first one too many; and goes on as a verifier
 * does. */
static int read_copy(struct slice der) {
    uint8_t *copy = malloc(der.n + !der.n);
    assert_non_null(copy);
    memcpy(copy, der.p, der.n);
    struct slice whole = slice_of(copy, der.n);
    struct x509 x;
    int rc = x509_read(whole, &x);
    if (rc == 0) {
        const struct slice parts[] = {x.der,    x.issuer,    x.subject, x.key_info,  x.key_bits,
                                      x.own_id, x.issuer_id, x.names,   x.permitted, x.excluded};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) is_within(parts[i], whole);
        x509_is_for(&x, slice_str("x.a.example"), NOTHING);
        x509_is_for(&x, NOTHING, BYTES("\x0A\0\0\1"));
        x509_allows(&x, &x);
    }
    free(copy);
    return rc;
}

static const char *const samples[] = {all, ec, rsa, pss, ed448};
enum { SAMPLES = sizeof samples / sizeof *samples };

static void one_that_is_cut_is_none(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct slice der = decode(samples[i]);
        for (size_t n = 0; n < der.n; n++) assert_int_equal(read_copy(slice_head(der, n)), ERR_SYNTAX);
        uint8_t more[1024];
        memcpy(more, der.p, der.n);
        more[der.n] = 0;
        assert_int_equal(read_copy(slice_of(more, der.n + 1)), ERR_SYNTAX);
    }
}

static void any_byte_may_be_another(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct slice der = decode(samples[i]);
        uint8_t *bytes = (uint8_t *)der.p; /* of the test's own */
        for (size_t at = 0; at < der.n; at++) {
            uint8_t was = bytes[at];
            for (int value = 0; value < 256; value++) {
                bytes[at] = (uint8_t)value;
                int rc = read_copy(der);
                assert_true(rc == 0 || rc == ERR_SYNTAX);
            }
            bytes[at] = was;
        }
        assert_int_equal(read_copy(der), 0);
    }
}

/* ---- as no tool makes them ---- */

struct parts {
    struct slice version, signature, inner_signature, from, to, key, more, behind;
};
#define ED25519 SEQUENCE(OID_OF("\x2B\x65\x70"))
#define V3      MADE(DER_CONTEXT_OF(0), MADE(DER_INTEGER, BYTES("\x02")))
#define UTC(t)  MADE(DER_UTC_TIME, BYTES(t))
#define GEN(t)  MADE(DER_GENERALIZED_TIME, BYTES(t))
#define KEY(...)                                                                                                       \
    SEQUENCE(SEQUENCE(__VA_ARGS__),                                                                                    \
             MADE(DER_BIT_STRING, BYTES("\0\x04xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyyyyyyyyyyyyyy"                       \
                                        "yyyyyyyyyyyyyyyy")))
#define EC_KEY  "\x2A\x86\x48\xCE\x3D\x02\x01"
#define P256    "\x2A\x86\x48\xCE\x3D\x03\x01\x07"
#define RSA_KEY "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"

static struct parts usual(void) {
    return (struct parts){.version = V3,
                          .signature = ED25519,
                          .inner_signature = ED25519,
                          .from = UTC("260101000000Z"),
                          .to = UTC("270101000000Z"),
                          .key = KEY(OID_OF(EC_KEY), OID_OF(P256))};
}

static struct slice put(struct parts p) {
    struct slice name = SEQUENCE(NOTHING);
    return SEQUENCE(SEQUENCE(p.version, MADE(DER_INTEGER, BYTES("\1")), p.inner_signature, name, SEQUENCE(p.from, p.to),
                             name, p.key, p.more),
                    p.signature, MADE(DER_BIT_STRING, BYTES("\0s")), p.behind);
}

static void reads(struct parts p) { assert_int_equal(read_copy(put(p)), 0); }
static void refuses(struct parts p) { assert_int_equal(read_copy(put(p)), ERR_SYNTAX); }

static void is_at(struct slice time, int64_t seconds) {
    struct parts p = usual();
    p.from = p.to = time;
    struct x509 x = read_whole(put(p));
    assert_int_equal(x.not_before, seconds);
    assert_int_equal(x.not_after, seconds);
}

static void is_never(struct slice time) {
    struct parts p = usual();
    p.to = time;
    refuses(p);
    p.to = p.from;
    p.from = time;
    refuses(p);
}

static void times_are_of_two_centuries_or_any(void **state) {
    (void)state;
    is_at(UTC("700101000000Z"), 0);
    is_at(UTC("491231235959Z"), 2524607999); /* 2049 */
    is_at(UTC("500101000000Z"), -631152000); /* 1950 */
    is_at(GEN("20500101000000Z"), 2524608000);
    is_at(GEN("19491231235959Z"), -631152001);
    is_at(GEN("99991231235959Z"), 253402300799); /* there is no end (RFC 5280 4.1.2.5) */
    is_at(GEN("00010101000000Z"), -62135596800);
    is_at(UTC("000229120000Z"), 951825600);
    is_at(GEN("20240229000000Z"), 1709164800);
    is_at(GEN("21000301000000Z"), 4107542400); /* 2100 has no leap day */
}

static void what_is_no_time_is_never(void **state) {
    (void)state;
    is_never(UTC("260101000000"));
    is_never(UTC("2601010000Z")); /* without seconds */
    is_never(UTC("260101000000+0000"));
    is_never(UTC("20260101000000Z"));
    is_never(GEN("260101000000Z"));
    is_never(GEN("20260101000000.5Z"));
    is_never(UTC("261301000000Z"));
    is_never(UTC("260001000000Z"));
    is_never(UTC("260132000000Z"));
    is_never(UTC("260100000000Z"));
    is_never(UTC("260431000000Z")); /* April has 30 days */
    is_never(UTC("260229000000Z"));
    is_never(GEN("21000229000000Z"));
    is_never(UTC("260101240000Z"));
    is_never(UTC("260101006000Z"));
    is_never(UTC("260101000060Z"));
    is_never(UTC("26010100000xZ"));
    is_never(UTC("-60101000000Z"));
    is_never(GEN("20-60101000000Z"));
    is_never(MADE(DER_OCTET_STRING, BYTES("260101000000Z")));
    is_never(NOTHING);
}

static struct parts with_extensions(struct slice extensions) {
    struct parts p = usual();
    p.more = MADE(DER_CONTEXT_OF(3), extensions);
    return p;
}
#define CRITICAL           MADE(DER_BOOLEAN, BYTES("\xFF"))
#define CE(number)         MADE(DER_OID, slice_of(((const uint8_t[]){0x55, 0x1D, number}), 3))
#define EXTENSION(id, ...) SEQUENCE(CE(id), MADE(DER_OCTET_STRING, __VA_ARGS__))
enum { OWN_ID = 14, KEY_USAGE = 15, NAMES = 17, BASIC = 19, CONSTRAINTS = 30, ISSUER_ID = 35, EXTENDED = 37 };

static void bad_extension(struct slice extension) { refuses(with_extensions(SEQUENCE(extension))); }

static struct x509 good_extension(struct slice extension) {
    return read_whole(put(with_extensions(SEQUENCE(extension))));
}

static void an_extension_must_be_as_it_must_be(void **state) {
    (void)state;
    struct slice junk = BYTES("\xFF\xFF");
    static const int known[] = {OWN_ID, KEY_USAGE, NAMES, BASIC, CONSTRAINTS, ISSUER_ID, EXTENDED};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        bad_extension(EXTENSION(known[i], junk));
        bad_extension(EXTENSION(known[i], NOTHING));
        bad_extension(EXTENSION(known[i], SEQUENCE(NOTHING), junk));
    }
    bad_extension(EXTENSION(BASIC, SEQUENCE(MADE(DER_BOOLEAN, BYTES("\1")))));   /* true is FF */
    bad_extension(EXTENSION(BASIC, SEQUENCE(MADE(DER_INTEGER, BYTES("\xFF"))))); /* -1 */
    bad_extension(EXTENSION(BASIC, SEQUENCE(MADE(DER_INTEGER, BYTES("\1")), CRITICAL)));
    bad_extension(EXTENSION(KEY_USAGE, MADE(DER_BIT_STRING, BYTES("\x05\xA1"))));
    bad_extension(EXTENSION(EXTENDED, SEQUENCE(MADE(DER_INTEGER, BYTES("\1")))));
    bad_extension(EXTENSION(CONSTRAINTS, SEQUENCE(MADE(DER_CONTEXT_OF(2), NOTHING))));
    bad_extension(SEQUENCE(CE(BASIC), MADE(DER_BOOLEAN, BYTES("\1")), MADE(DER_OCTET_STRING, SEQUENCE(NOTHING))));
    bad_extension(SEQUENCE(CE(BASIC)));
    bad_extension(SEQUENCE(CE(BASIC), MADE(DER_OCTET_STRING, SEQUENCE(NOTHING)), CRITICAL));
}

static void names_must_be_whole(void **state) {
    (void)state;
    struct slice dns = MADE(DER_CONTEXT(2), BYTES("a.example"));
    good_extension(EXTENSION(NAMES, SEQUENCE(dns)));
    bad_extension(EXTENSION(NAMES, SEQUENCE(dns, BYTES("\x82\x09"
                                                       "b"))));
    bad_extension(EXTENSION(NAMES, SEQUENCE(NOTHING)));
}

static void there_is_one_of_each_at_most(void **state) {
    (void)state;
    struct slice basic = EXTENSION(BASIC, SEQUENCE(NOTHING));
    reads(with_extensions(SEQUENCE(basic)));
    refuses(with_extensions(SEQUENCE(basic, basic)));
    refuses(with_extensions(SEQUENCE(basic, EXTENSION(BASIC, SEQUENCE(CRITICAL)))));
}

static void what_is_critical_and_not_known_is_told(void **state) {
    (void)state;
    struct slice of_others = OID_OF("\x2A\x03\x04"), value = MADE(DER_OCTET_STRING, BYTES("x"));
    assert_true(good_extension(SEQUENCE(of_others, CRITICAL, value)).demands_more);
    assert_false(good_extension(SEQUENCE(of_others, MADE(DER_BOOLEAN, BYTES("\0")), value)).demands_more);
    assert_false(good_extension(SEQUENCE(of_others, value)).demands_more);
    assert_true(good_extension(SEQUENCE(CE(33 + 100), CRITICAL, value)).demands_more);
}

static void what_is_not_said_is_not_so(void **state) {
    (void)state;
    assert_false(good_extension(EXTENSION(BASIC, SEQUENCE(NOTHING))).is_ca);
    assert_false(good_extension(EXTENSION(EXTENDED, SEQUENCE(NOTHING))).is_for_servers);
    assert_false(good_extension(EXTENSION(EXTENDED, SEQUENCE(OID_OF("\x55\x1D\x25\0")))).is_for_servers); /* any */
    assert_int_equal(good_extension(EXTENSION(KEY_USAGE, MADE(DER_BIT_STRING, BYTES("\0")))).usage, 0);
    struct x509 x = good_extension(EXTENSION(ISSUER_ID, SEQUENCE(NOTHING)));
    assert_null(x.issuer_id.p);
    x = good_extension(EXTENSION(OWN_ID, MADE(DER_OCTET_STRING, NOTHING)));
    assert_non_null(x.own_id.p);
}

static void extensions_are_of_version_3(void **state) {
    (void)state;
    struct parts p = with_extensions(SEQUENCE(EXTENSION(BASIC, SEQUENCE(CRITICAL))));
    p.version = NOTHING;
    refuses(p);
    p.version = MADE(DER_CONTEXT_OF(0), MADE(DER_INTEGER, BYTES("\1")));
    refuses(p);
    p.more = NOTHING;
    reads(p);
    p.version = MADE(DER_CONTEXT_OF(0), MADE(DER_INTEGER, BYTES("\3")));
    refuses(p);
    p.version = MADE(DER_CONTEXT_OF(0), MADE(DER_INTEGER, BYTES("\2")), MADE(DER_INTEGER, BYTES("\2")));
    refuses(p);
}

static void both_signatures_are_told_the_same(void **state) {
    (void)state;
    struct parts p = usual();
    p.inner_signature = SEQUENCE(OID_OF("\x2B\x65\x71"));
    refuses(p);
    p.inner_signature = SEQUENCE(OID_OF("\x2B\x65\x70"), MADE(0x05, NOTHING));
    refuses(p);
}

static void nothing_is_behind_it(void **state) {
    (void)state;
    struct parts p = usual();
    reads(p);
    p.behind = MADE(0x05, NOTHING);
    refuses(p);
    p = usual();
    p.more = MADE(0x05, NOTHING);
    refuses(p);
}

static struct slice rsa_key(struct slice modulus, struct slice exponent) {
    return SEQUENCE(SEQUENCE(OID_OF(RSA_KEY)), MADE(DER_BIT_STRING, BYTES("\0"),
                                                    SEQUENCE(MADE(DER_INTEGER, modulus), MADE(DER_INTEGER, exponent))));
}

static void keys_that_are_none_have_no_size(void **state) {
    (void)state;
    struct parts p = usual();
    p.key = KEY(OID_OF("\x2A\x03\x04"));
    struct x509 x = read_whole(put(p));
    assert_int_equal(x.key, X509_KEY_OTHER);
    assert_int_equal(x.key_size, 0);
    p.key = SEQUENCE(SEQUENCE(OID_OF(EC_KEY), OID_OF(P256)), MADE(DER_BIT_STRING, BYTES("\0\x06xy")));
    assert_int_equal(read_whole(put(p)).key_size, 0); /* a point in a form that nobody uses */
    p.key = SEQUENCE(SEQUENCE(OID_OF(EC_KEY), OID_OF(P256)), MADE(DER_BIT_STRING, BYTES("\0\x02xx")));
    assert_int_equal(read_whole(put(p)).key_size, 16); /* half of one */
    p.key = KEY(OID_OF(RSA_KEY));
    refuses(p);
    p.key = rsa_key(BYTES("\0\0\0\x0F\xFF"), BYTES("\3"));
    assert_int_equal(read_whole(put(p)).key_size, 12); /* zeros in front do not count */
}

static void an_exponent_that_would_hold_us_up_is_none(void **state) {
    (void)state;
    struct parts p = usual();
    p.key = rsa_key(BYTES("\x0F\xFF"), BYTES("\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
    reads(p);
    p.key = rsa_key(BYTES("\x0F\xFF"), BYTES("\x01\0\0\0\0\0\0\0\x01"));
    refuses(p);
}

static void a_curve_has_a_name(void **state) {
    (void)state;
    struct parts p = usual();
    p.key = KEY(OID_OF(EC_KEY), SEQUENCE(MADE(DER_INTEGER, BYTES("\1")))); /* and is not made up by who has the key */
    refuses(p);
    p.key = KEY(OID_OF(EC_KEY));
    refuses(p);
}

static void issuers_are_told_by_names_and_keys(void **state) {
    (void)state;
    struct x509 x = {.issuer = BYTES("A"), .issuer_id = BYTES("1")}, by = {.subject = BYTES("A"), .own_id = BYTES("1")};
    assert_true(x509_may_be_issued_by(&x, &by));
    by.own_id = BYTES("2");
    assert_false(x509_may_be_issued_by(&x, &by));
    by.own_id = slice_of(NULL, 0);
    assert_true(x509_may_be_issued_by(&x, &by));
    by.subject = BYTES("B");
    assert_false(x509_may_be_issued_by(&x, &by));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_extension_is_read),
        cmocka_unit_test(keys_and_hashes_have_sizes),
        cmocka_unit_test(one_of_version_1_says_nothing),
        cmocka_unit_test(one_that_is_cut_is_none),
        cmocka_unit_test(any_byte_may_be_another),
        cmocka_unit_test(times_are_of_two_centuries_or_any),
        cmocka_unit_test(what_is_no_time_is_never),
        cmocka_unit_test(an_extension_must_be_as_it_must_be),
        cmocka_unit_test(names_must_be_whole),
        cmocka_unit_test(there_is_one_of_each_at_most),
        cmocka_unit_test(what_is_critical_and_not_known_is_told),
        cmocka_unit_test(what_is_not_said_is_not_so),
        cmocka_unit_test(extensions_are_of_version_3),
        cmocka_unit_test(both_signatures_are_told_the_same),
        cmocka_unit_test(nothing_is_behind_it),
        cmocka_unit_test(keys_that_are_none_have_no_size),
        cmocka_unit_test(an_exponent_that_would_hold_us_up_is_none),
        cmocka_unit_test(a_curve_has_a_name),
        cmocka_unit_test(issuers_are_told_by_names_and_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

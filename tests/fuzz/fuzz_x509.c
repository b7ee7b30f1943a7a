/* Certificates are read, or not, and what is found lies within them; then they are asked for whom they are. Of two that
 * the input has, one behind the other, the first constrains the second. */
#include "fuzz.h"
#include "wire/der.h"
#include "wire/pin.h"
#include "wire/x509_names.h"

static void lies_within(struct slice part, struct slice whole) {
    MUST(!part.p || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void check(const struct x509 *x, struct slice der) {
    const struct slice parts[] = {x->issuer, x->subject,   x->key_info, x->key_bits, x->own_id,
                                  x->names,  x->issuer_id, x->excluded, x->permitted};
    MUST(slice_eq(x->der, der));
    MUST(x->issuer.n >= 2 && x->subject.n >= 2 && x->key_info.n && x->path_length >= -1 && x->usage >= -1);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lies_within(parts[i], der);
    MUST(x509_may_be_issued_by(x, x) || !x509_is_self_issued(x) || x->issuer_id.p);
}

/* One that is read has a pin, which is its key's. */
static void check_pin(const struct x509 *x) {
    char pin[PIN_SIZE + 1], of_key[PIN_SIZE + 1] = "sha256//";
    uint8_t digest[SHA256_SIZE];
    MUST(pin_of_certificate(x->der, pin) == 0 && pin_valid(slice_str(pin)));
    digest_sha256(x->key_info, digest);
    digest_base64_text(of_key + strlen(of_key), slice_of(digest, sizeof digest));
    MUST(strcmp(pin, of_key) == 0);
}

/* It is for each name that it has, but for wildcards; and a constraint that excludes all allows none. */
static void check_names(const struct x509 *x) {
    static const uint8_t everything[] = {0x30, 0x02, DER_CONTEXT(2), 0};
    const struct x509 none = {.excluded = slice_of(everything, sizeof everything)};
    struct slice names = x->names;
    struct der e;
    while (der_take(&names, &e)) {
        bool is_plain = e.tag == DER_CONTEXT(2) && e.body.n && !memchr(e.body.p, '*', e.body.n);
        bool is_address = e.tag == DER_CONTEXT(7) && e.body.n;
        MUST(!is_plain || x509_is_for(x, e.body, slice_of(NULL, 0)));
        MUST(!is_address || x509_is_for(x, slice_of(NULL, 0), e.body));
        MUST(e.tag != DER_CONTEXT(2) || !x509_allows(&none, x));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    size_t n = take_byte(&in) % 32;
    struct slice host = slice_head(in, n);
    in = slice_skip(in, host.n);
    struct der a, b;
    struct x509 first, second;
    char pin[PIN_SIZE + 1];
    pin_of_certificate(in, pin);
    if (!der_take(&in, &a) || x509_read(a.whole, &first) != 0) return 0;
    check(&first, a.whole);
    check_pin(&first);
    check_names(&first);
    x509_is_for(&first, host, slice_of(NULL, 0));
    x509_is_for(&first, slice_of(NULL, 0), host);
    MUST(x509_allows(&first, &first) || first.permitted.p || first.excluded.p);
    if (!der_take(&in, &b) || x509_read(b.whole, &second) != 0) return 0;
    x509_allows(&first, &second);
    x509_may_be_issued_by(&second, &first);
    return 0;
}

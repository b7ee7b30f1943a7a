/* pin: walks through a certificate as far as the key, which lies behind six other things. */
#include "wire/pin.h"

#include "base/err.h"
#include "wire/der.h"

static const char prefix[] = "sha256//";
enum { PREFIX = sizeof prefix - 1 };

int pin_of_certificate(struct slice der, char to[PIN_SIZE + 1]) {
    struct der e;
    uint8_t digest[SHA256_SIZE];
    to[0] = '\0';
    if (!der_take_tag(&der, DER_SEQUENCE, &e)) return ERR_SYNTAX; /* Certificate */
    struct slice in = e.body;
    if (!der_take_tag(&in, DER_SEQUENCE, &e)) return ERR_SYNTAX; /* TBSCertificate */
    in = e.body;
    der_take_tag(&in, DER_CONTEXT_OF(0), &e);  /* version */
    if (!der_take(&in, &e)) return ERR_SYNTAX; /* serialNumber */
    for (int i = 0; i < 5; i++)                /* signature, issuer, validity, subject, subjectPublicKeyInfo */
        if (!der_take_tag(&in, DER_SEQUENCE, &e)) return ERR_SYNTAX;
    digest_sha256(e.whole, digest);
    memcpy(to, prefix, PREFIX);
    digest_base64_text(to + PREFIX, slice_of(digest, sizeof digest));
    return 0;
}

bool pin_valid(struct slice text) {
    return text.n == PIN_SIZE && memcmp(text.p, prefix, PREFIX) == 0 &&
           digest_is_base64_of(slice_skip(text, PREFIX), SHA256_SIZE);
}

bool pin_is_among(const char *pins, const char *pin) {
    struct slice rest = slice_str(pins), each;
    while (slice_split(&rest, ',', &each))
        if (slice_eq(each, slice_str(pin))) return true;
    return false;
}

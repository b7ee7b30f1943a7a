/* pin: walks through a certificate as far as the key, which lies behind six other things. No more of DER than that. */
#include "wire/pin.h"

#include "base/err.h"

enum { SEQUENCE = 0x30, VERSION = 0xA0 }; /* identifier octets (X.690 8.1.2) */

static const char prefix[] = "sha256//";
enum { PREFIX = sizeof prefix - 1 };

struct element {
    uint8_t tag;
    struct slice whole, content;
};

/* Takes an element off the front of `*in` (X.690 8.1.3). False where there is none that fits. */
static bool take(struct slice *in, struct element *e) {
    if (in->n < 2) return false;
    size_t head = 2, size = in->p[1];
    if (size & 0x80) { /* so many bytes of length follow */
        size_t bytes = size & 0x7F;
        if (bytes == 0 || bytes > 3 || in->n < 2 + bytes) return false;
        for (size = 0; head < 2 + bytes; head++) size = size << 8 | in->p[head];
    }
    if (in->n - head < size) return false;
    e->tag = in->p[0];
    e->whole = slice_head(*in, head + size);
    e->content = slice_skip(e->whole, head);
    *in = slice_skip(*in, head + size);
    return true;
}

int pin_of_certificate(struct slice der, char to[PIN_SIZE + 1]) {
    struct element e;
    uint8_t digest[SHA256_SIZE];
    to[0] = '\0';
    if (!take(&der, &e) || e.tag != SEQUENCE) return ERR_SYNTAX; /* Certificate */
    struct slice in = e.content;
    if (!take(&in, &e) || e.tag != SEQUENCE) return ERR_SYNTAX; /* TBSCertificate */
    in = e.content;
    if (!take(&in, &e) || (e.tag == VERSION && !take(&in, &e))) return ERR_SYNTAX; /* serialNumber */
    for (int i = 0; i < 5; i++) /* signature, issuer, validity, subject, subjectPublicKeyInfo */
        if (!take(&in, &e) || e.tag != SEQUENCE) return ERR_SYNTAX;
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

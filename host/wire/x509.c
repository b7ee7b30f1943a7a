/* x509: from the front to the back, one field after the other. */
#include "wire/x509.h"

#include "base/err.h"
#include "wire/der.h"

#define OID(text) slice_of(text, sizeof(text) - 1)

/* ---- algorithms ---- */

/* Bits of the hash that an algorithm of signatures signs, or that an OID names. */
static unsigned hash_size_of(struct slice oid) {
    static const struct {
        const char *oid;
        uint8_t n;
        uint16_t bits;
    } known[] = {
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x04", 9, 128}, /* md5WithRSAEncryption and on (RFC 8017) */
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x05", 9, 160}, /* sha1 */
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0E", 9, 224},
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B", 9, 256},
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0C", 9, 384},
        {"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0D", 9, 512},
        {"\x2A\x86\x48\xCE\x3D\x04\x01", 7, 160}, /* ecdsa-with-SHA1 and on (RFC 5758) */
        {"\x2A\x86\x48\xCE\x3D\x04\x03\x01", 8, 224},
        {"\x2A\x86\x48\xCE\x3D\x04\x03\x02", 8, 256},
        {"\x2A\x86\x48\xCE\x3D\x04\x03\x03", 8, 384},
        {"\x2A\x86\x48\xCE\x3D\x04\x03\x04", 8, 512},
        {"\x2B\x65\x70", 3, 512},         /* Ed25519 (RFC 8410) */
        {"\x2B\x65\x71", 3, 512},         /* Ed448 */
        {"\x2B\x0E\x03\x02\x1A", 5, 160}, /* SHA-1 itself and on, as RSASSA-PSS names them (RFC 4055) */
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x04", 9, 224},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9, 256},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x02", 9, 384},
        {"\x60\x86\x48\x01\x65\x03\x04\x02\x03", 9, 512},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_eq(oid, slice_of(known[i].oid, known[i].n))) return known[i].bits;
    return 0;
}

/* The body of an AlgorithmIdentifier; id-RSASSA-PSS has the hash among its parameters (RFC 4055 3.1). */
static unsigned signature_hash(struct slice algorithm) {
    struct der oid, parameters, e;
    if (!der_take_tag(&algorithm, DER_OID, &oid)) return 0;
    if (!slice_eq(oid.body, OID("\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A"))) return hash_size_of(oid.body);
    if (!der_take_tag(&algorithm, DER_SEQUENCE, &parameters)) return 0;
    if (!der_take_tag(&parameters.body, DER_CONTEXT_OF(0), &e)) return 160; /* the default: SHA-1 */
    return der_take_tag(&e.body, DER_SEQUENCE, &e) && der_take_tag(&e.body, DER_OID, &oid) ? hash_size_of(oid.body) : 0;
}

/* ---- keys ---- */

static unsigned bits_of_integer(struct slice body) {
    while (body.n && body.p[0] == 0) body = slice_skip(body, 1);
    unsigned bits = body.n > 1 << 16 ? 0 : (unsigned)body.n * 8;
    for (int high = 7; bits && high > 0 && !(body.p[0] >> high); high--) bits--;
    return bits;
}

/* The field of the curve that a point is on (RFC 5480 2.2). */
static unsigned bits_of_point(struct slice point) {
    enum { COMPRESSED = 2, COMPRESSED_ODD, UNCOMPRESSED };
    if (point.n < 2 || point.n > 1 << 10) return 0;
    if (point.p[0] == UNCOMPRESSED) return (unsigned)(point.n - 1) / 2 * 8;
    return point.p[0] == COMPRESSED || point.p[0] == COMPRESSED_ODD ? (unsigned)(point.n - 1) * 8 : 0;
}

/* RSAPublicKey (RFC 8017 A.1.1). The time to check a signature grows with the exponent: one longer than any in use is
 * refused, since it could only take our time. */
static bool read_rsa(struct slice key, struct x509 *x) {
    enum { EXPONENT_MOST = 64 }; /* bits */
    struct der all, modulus, exponent;
    if (!der_take_tag(&key, DER_SEQUENCE, &all) || key.n || !der_take_tag(&all.body, DER_INTEGER, &modulus) ||
        !der_take_tag(&all.body, DER_INTEGER, &exponent) || all.body.n)
        return false;
    x->key = X509_KEY_RSA;
    x->key_size = bits_of_integer(modulus.body);
    return bits_of_integer(exponent.body) <= EXPONENT_MOST;
}

static bool read_key(struct slice *in, struct x509 *x) {
    struct der info, algorithm, oid, curve, bits;
    if (!der_take_tag(in, DER_SEQUENCE, &info) || !der_take_tag(&info.body, DER_SEQUENCE, &algorithm) ||
        !der_take_tag(&algorithm.body, DER_OID, &oid) || !der_take_tag(&info.body, DER_BIT_STRING, &bits) ||
        !der_bits(bits.body, &x->key_bits))
        return false;
    x->key_info = info.whole;
    struct slice key = x->key_bits;
    if (slice_eq(oid.body, OID("\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01")) ||
        slice_eq(oid.body, OID("\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A"))) {
        return read_rsa(key, x);
    } else if (slice_eq(oid.body, OID("\x2A\x86\x48\xCE\x3D\x02\x01"))) {
        if (!der_take_tag(&algorithm.body, DER_OID, &curve)) return false; /* namedCurve (RFC 5480 2.1.1) */
        x->key = X509_KEY_EC;
        x->key_size = bits_of_point(key);
    } else if (slice_eq(oid.body, OID("\x2B\x65\x70"))) {
        x->key = X509_KEY_ED25519;
        x->key_size = 256;
    } else if (slice_eq(oid.body, OID("\x2B\x65\x71"))) {
        x->key = X509_KEY_ED448;
        x->key_size = 456;
    }
    return true;
}

/* ---- times ---- */

static int two_digits(const uint8_t *p) {
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' ? (p[0] - '0') * 10 + p[1] - '0' : -1;
}

/* Days since 1970 in the Gregorian calendar; years begin in March, so that a leap day is the last of its year. */
static int64_t days(int year, int month, int day) {
    int y = month > 2 ? year : year - 1, m = (month + 9) % 12;
    return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* "YYMMDDHHMMSSZ", which is from 1950 to 2049, or with four digits for the year (RFC 5280 4.1.2.5). */
static bool read_time(struct slice *in, int64_t *seconds) {
    enum { MONTH, DAY, HOUR, MINUTE, SECOND, FIELDS };
    struct der e;
    int field[FIELDS];
    if (!der_take(in, &e) || (e.tag != DER_UTC_TIME && e.tag != DER_GENERALIZED_TIME)) return false;
    size_t digits = e.tag == DER_UTC_TIME ? 2 : 4;
    if (e.body.n != digits + 11 || e.body.p[e.body.n - 1] != 'Z') return false;
    int year = two_digits(e.body.p), low = digits == 4 ? two_digits(e.body.p + 2) : 0;
    for (int i = 0; i < FIELDS; i++)
        if ((field[i] = two_digits(e.body.p + digits + (size_t)i * 2)) < 0) return false;
    if (year < 0 || low < 0 || field[MONTH] < 1 || field[MONTH] > 12 || field[DAY] < 1 || field[HOUR] > 23 ||
        field[MINUTE] > 59 || field[SECOND] > 59)
        return false;
    year = digits == 4 ? year * 100 + low : year + (year < 50 ? 2000 : 1900);
    if (field[DAY] > days(year, field[MONTH] + 1, 1) - days(year, field[MONTH], 1)) return false;
    *seconds = ((days(year, field[MONTH], field[DAY]) * 24 + field[HOUR]) * 60 + field[MINUTE]) * 60 + field[SECOND];
    return true;
}

/* ---- extensions ---- */

static bool read_basic_constraints(struct slice value, struct x509 *x) {
    struct der all, e;
    if (!der_take_tag(&value, DER_SEQUENCE, &all) || value.n) return false;
    if (der_take_tag(&all.body, DER_BOOLEAN, &e) && !der_boolean(e.body, &x->is_ca)) return false;
    if (der_take_tag(&all.body, DER_INTEGER, &e) && !der_small_integer(e.body, &x->path_length)) return false;
    return all.body.n == 0;
}

static bool read_key_usage(struct slice value, struct x509 *x) {
    struct der e;
    struct slice bits;
    if (!der_take_tag(&value, DER_BIT_STRING, &e) || value.n || !der_bits(e.body, &bits)) return false;
    x->usage = 0;
    for (int i = 0; i < 8 && bits.n; i++)
        if (bits.p[0] & 0x80 >> i) x->usage |= 1 << i;
    return true;
}

static bool read_extended_key_usage(struct slice value, struct x509 *x) {
    struct der all, e;
    if (!der_take_tag(&value, DER_SEQUENCE, &all) || value.n) return false;
    x->is_for_servers = false;
    while (all.body.n) {
        if (!der_take_tag(&all.body, DER_OID, &e)) return false;
        if (slice_eq(e.body, OID("\x2B\x06\x01\x05\x05\x07\x03\x01"))) x->is_for_servers = true; /* serverAuth */
    }
    return true;
}

static bool read_names(struct slice value, struct x509 *x) {
    struct der all, e;
    if (!der_take_tag(&value, DER_SEQUENCE, &all) || value.n) return false;
    x->names = all.body;
    while (all.body.n)
        if (!der_take(&all.body, &e)) return false;
    return x->names.n > 0;
}

static bool read_name_constraints(struct slice value, struct x509 *x) {
    struct der all, e;
    if (!der_take_tag(&value, DER_SEQUENCE, &all) || value.n) return false;
    if (der_take_tag(&all.body, DER_CONTEXT_OF(0), &e)) x->permitted = e.body;
    if (der_take_tag(&all.body, DER_CONTEXT_OF(1), &e)) x->excluded = e.body;
    return all.body.n == 0;
}

static bool read_own_id(struct slice value, struct x509 *x) {
    struct der e;
    if (!der_take_tag(&value, DER_OCTET_STRING, &e) || value.n) return false;
    x->own_id = e.body;
    return true;
}

static bool read_issuer_id(struct slice value, struct x509 *x) {
    struct der all, e;
    if (!der_take_tag(&value, DER_SEQUENCE, &all) || value.n) return false;
    if (der_take_tag(&all.body, DER_CONTEXT(0), &e)) x->issuer_id = e.body;
    return true;
}

/* An extension about revocation or policies, which nothing here uses. */
static bool pass_over(struct slice value, struct x509 *x) {
    (void)value;
    (void)x;
    return true;
}

/* Those of RFC 5280 4.2.1: id-ce and a number. */
static const struct {
    uint8_t number;
    bool (*read)(struct slice value, struct x509 *x);
} extensions[] = {
    {14, read_own_id},
    {15, read_key_usage},
    {17, read_names},
    {19, read_basic_constraints},
    {30, read_name_constraints},
    {31, pass_over}, /* CRL distribution points */
    {32, pass_over}, /* certificate policies */
    {33, pass_over}, /* policy mappings */
    {35, read_issuer_id},
    {36, pass_over}, /* policy constraints */
    {37, read_extended_key_usage},
    {54, pass_over}, /* inhibit anyPolicy */
};
enum { EXTENSIONS = sizeof extensions / sizeof *extensions };

static bool read_extension(struct slice *in, struct x509 *x, unsigned *seen) {
    struct der all, oid, e;
    bool critical = false;
    if (!der_take_tag(in, DER_SEQUENCE, &all) || !der_take_tag(&all.body, DER_OID, &oid)) return false;
    if (der_take_tag(&all.body, DER_BOOLEAN, &e) && !der_boolean(e.body, &critical)) return false;
    if (!der_take_tag(&all.body, DER_OCTET_STRING, &e) || all.body.n) return false;
    for (size_t i = 0; i < EXTENSIONS; i++) {
        const uint8_t number[] = {0x55, 0x1D, extensions[i].number};
        if (!slice_eq(oid.body, slice_of(number, sizeof number))) continue;
        if (*seen & 1u << i) return false; /* there is one of each at most (RFC 5280 4.2) */
        *seen |= 1u << i;
        return extensions[i].read(e.body, x);
    }
    if (critical) x->demands_more = true;
    return true;
}

static bool read_extensions(struct slice all, struct x509 *x) {
    struct der e;
    unsigned seen = 0;
    if (!der_take_tag(&all, DER_SEQUENCE, &e) || all.n) return false;
    while (e.body.n)
        if (!read_extension(&e.body, x, &seen)) return false;
    return true;
}

/* ---- the whole ---- */

/* TBSCertificate (RFC 5280 4.1.2). `signature` is what it says it is signed with. */
static bool read_body(struct slice in, struct x509 *x, struct slice *signature) {
    struct der e, validity;
    int version = 0; /* 1 */
    if (der_take_tag(&in, DER_CONTEXT_OF(0), &e) && (!der_take_tag(&e.body, DER_INTEGER, &validity) || e.body.n ||
                                                     !der_small_integer(validity.body, &version) || version > 2))
        return false;
    if (!der_take_tag(&in, DER_INTEGER, &e) || !der_take_tag(&in, DER_SEQUENCE, &e)) return false; /* serialNumber */
    *signature = e.whole;
    x->hash_size = signature_hash(e.body);
    if (!der_take_tag(&in, DER_SEQUENCE, &e)) return false;
    x->issuer = e.whole;
    if (!der_take_tag(&in, DER_SEQUENCE, &validity) || !read_time(&validity.body, &x->not_before) ||
        !read_time(&validity.body, &x->not_after) || validity.body.n)
        return false;
    if (!der_take_tag(&in, DER_SEQUENCE, &e)) return false;
    x->subject = e.whole;
    if (!read_key(&in, x)) return false;
    der_take_tag(&in, DER_CONTEXT(1), &e); /* unique identifiers, which are obsolete */
    der_take_tag(&in, DER_CONTEXT(2), &e);
    if (der_take_tag(&in, DER_CONTEXT_OF(3), &e) && (version != 2 || !read_extensions(e.body, x))) return false;
    return in.n == 0;
}

int x509_read(struct slice der, struct x509 *x) {
    struct der all, body, signature, bits;
    struct slice inner, unused;
    *x = (struct x509){.path_length = -1, .usage = -1, .is_for_servers = true};
    if (!der_take_tag(&der, DER_SEQUENCE, &all) || der.n) return ERR_SYNTAX;
    x->der = all.whole;
    if (!der_take_tag(&all.body, DER_SEQUENCE, &body) || !read_body(body.body, x, &inner)) return ERR_SYNTAX;
    if (!der_take_tag(&all.body, DER_SEQUENCE, &signature) || !slice_eq(signature.whole, inner)) return ERR_SYNTAX;
    if (!der_take_tag(&all.body, DER_BIT_STRING, &bits) || !der_bits(bits.body, &unused)) return ERR_SYNTAX;
    return all.body.n ? ERR_SYNTAX : 0;
}

bool x509_may_be_issued_by(const struct x509 *x, const struct x509 *by) {
    if (!slice_eq(x->issuer, by->subject)) return false;
    return !x->issuer_id.p || !by->own_id.p || slice_eq(x->issuer_id, by->own_id);
}

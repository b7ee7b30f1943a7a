/* Whoever is believed is so by a chain that keeps every rule, told here once more in other words; and no server makes
 * us check more signatures than we like. A handful of certificates are made from the input, with few names, so that
 * they find each other; whose signature is whose is the input's, too. */
#include "fuzz.h"
#include "net/tls/trust.h"
#include "wire/x509_names.h"

enum { SENT = TRUST_SENT_MOST, ANCHORS = 6, ALL = SENT + ANCHORS, NOW = 100 };

static struct x509 all[ALL]; /* those that are sent, then anchors */
static uint32_t forged[ALL]; /* whose signatures are not theirs: a bit for each issuer */
static unsigned asked;

static bool is_signed(const struct x509 *x, const struct x509 *issuer) {
    return !(forged[x - all] >> (issuer - all) & 1);
}

static bool signed_by(const struct x509 *x, const struct x509 *issuer) {
    asked++;
    return is_signed(x, issuer);
}

static const uint8_t names[] = "0123"; /* of issuers and subjects */
static const struct slice hosts[] = {{(const uint8_t *)"\x82\x04host", 6}, {(const uint8_t *)"\x82\x05other", 7}};
static const struct slice trees[] = {{NULL, 0},
                                     {(const uint8_t *)"\x30\x06\x82\x04host", 8},
                                     {(const uint8_t *)"\x30\x07\x82\x05other", 9},
                                     {(const uint8_t *)"\x30", 1}};

/* Bits of the input that are 1 seldom, so that most certificates are good. */
static struct x509 make(struct slice *in) {
    uint8_t who = take_byte(in), flaws = take_byte(in), more = take_byte(in);
    static const struct slice ids[] = {{NULL, 0}, {(const uint8_t *)"k", 1}, {(const uint8_t *)"l", 1}};
    return (struct x509){
        .subject = slice_of(names + who % 4, 1),
        .issuer = slice_of(names + who / 4 % 4, 1),
        .own_id = ids[who / 16 % 4 % 3],
        .issuer_id = ids[who / 64 % 4 % 3],
        .not_before = flaws & 1 ? NOW + 1 : NOW - more % 2,
        .not_after = flaws & 2 ? NOW - 1 : NOW + more % 8,
        .key = flaws & 4 ? X509_KEY_EC : X509_KEY_RSA,
        .key_size = flaws & 4  ? 256
                    : more & 8 ? 1024
                               : 2048,
        .hash_size = flaws & 8 ? 160 : 256,
        .is_ca = !(flaws & 16),
        .path_length = flaws & 32 ? more % 4 : -1,
        .usage = more & 16 ? X509_DIGITAL_SIGNATURE << more % 8 : -1,
        .is_for_servers = !(flaws & 64),
        .demands_more = flaws & 128,
        .names = hosts[more >> 5 & 1],
        .permitted = more & 64 ? trees[flaws % 4] : trees[0],
        .excluded = more & 128 ? trees[flaws % 4] : trees[0],
    };
}

static uint8_t identity[ALL]; /* what `der` is: equal where certificates are */

static void set_up(struct slice *in, struct trust_question *q) {
    asked = 0;
    for (size_t i = 0; i < ALL; i++) {
        all[i] = make(in);
        forged[i] = (uint32_t)take_byte(in) << take_byte(in) % 24;
        identity[i] = (uint8_t)i;
        all[i].der = slice_of(&identity[i], 1);
    }
    uint8_t same = take_byte(in), lost = take_byte(in);
    if (same & 1) all[SENT].der = all[same / 2 % SENT].der;
    if (lost & 1) all[lost / 2 % SENT].der = slice_of(NULL, 0);
    q->sent_count = 1 + take_byte(in) % SENT;
    q->anchor_count = take_byte(in) % (ANCHORS + 1);
    q->allow_weak = take_byte(in) % 4 == 0;
}

/* ---- the rules, once more ---- */

static bool is_sent(const struct trust_question *q, const struct x509 *x) {
    return x >= q->sent && x < q->sent + q->sent_count;
}
static bool is_anchor(const struct trust_question *q, const struct x509 *x) {
    for (size_t i = 0; i < q->anchor_count; i++)
        if (slice_eq(q->anchors[i].der, x->der)) return true;
    return false;
}

static void check_each(const struct trust_question *q, const struct trust_verdict *v, size_t i) {
    const struct x509 *x = v->path[i];
    MUST(x->der.n && x->not_before <= q->now && q->now <= x->not_after && x->not_after >= v->until);
    MUST(x->is_for_servers && !x->demands_more);
    MUST(q->allow_weak || x->key_size >= (x->key == X509_KEY_RSA ? 2048 : 256));
    MUST(i == 0 ? is_sent(q, x) && x == q->sent : is_sent(q, x) || i == v->length - 1);
    for (size_t j = 0; j < i; j++) MUST(v->path[j] != x);
}

static void check_issuer(const struct trust_question *q, const struct trust_verdict *v, size_t i) {
    const struct x509 *x = v->path[i - 1], *issuer = v->path[i];
    MUST(slice_eq(x->issuer, issuer->subject) && is_signed(x, issuer));
    MUST(q->allow_weak || x->hash_size >= 256);
    MUST(issuer->is_ca && (issuer->usage == -1 || issuer->usage & X509_CERT_SIGN));
    int cas = 0;
    for (size_t j = 0; j < i; j++) {
        bool counts = !slice_eq(v->path[j]->issuer, v->path[j]->subject);
        if (j > 0 && counts) cas++;
        MUST((j > 0 && !counts) || x509_allows(issuer, v->path[j]));
    }
    MUST(issuer->path_length == -1 || cas <= issuer->path_length);
}

static void check_fine(const struct trust_question *q, const struct trust_verdict *v) {
    const struct x509 *own = v->path[0];
    MUST(v->length >= 1 && v->length <= TRUST_DEEPEST && is_anchor(q, v->path[v->length - 1]));
    for (size_t i = 0; i < v->length; i++) check_each(q, v, i);
    for (size_t i = 1; i < v->length; i++) check_issuer(q, v, i);
    MUST(own->usage == -1 || own->usage & X509_DIGITAL_SIGNATURE);
    MUST(slice_eq(own->names, hosts[0]));
}

static void check_refused(const struct trust_question *q, const struct trust_verdict *v) {
    MUST(v->about && (is_sent(q, v->about) || (v->about >= q->anchors && v->about < q->anchors + q->anchor_count)));
    MUST(!v->below || is_sent(q, v->below) || is_anchor(q, v->below));
    MUST(v->below || v->problem == TRUST_UNREADABLE);
    MUST(v->problem != TRUST_TOO_MUCH || asked == TRUST_SIGNATURES || q->sent_count >= TRUST_DEEPEST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_of(data, size);
    struct trust_question q = {
        .sent = all, .anchors = all + SENT, .name = slice_str("host"), .now = NOW, .signed_by = signed_by};
    set_up(&in, &q);
    struct trust_verdict v = trust_judge(&q);
    MUST(asked <= TRUST_SIGNATURES);
    if (v.problem == TRUST_FINE)
        check_fine(&q, &v);
    else
        check_refused(&q, &v);
    return 0;
}

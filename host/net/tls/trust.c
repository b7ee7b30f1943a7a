/* trust: a search from the server's certificate upwards, anchors first, one rule after the other. */
#include "net/tls/trust.h"

#include "wire/x509_names.h"

struct walk {
    const struct trust_question *q;
    struct trust_verdict verdict; /* its path is the one searched now */
    size_t farthest;     /* how far on the path the problem kept was found; SIZE_MAX: the search takes too long */
    unsigned signatures; /* that may still be checked */
};

/* Keeps a problem that was found farther on the path than the last one; at the same place others come before "no
 * issuer", since they say more. */
static bool refuse(struct walk *w, enum trust_problem problem, const struct x509 *about) {
    size_t far = 2 * w->verdict.length + (problem != TRUST_NO_ISSUER);
    if (far > w->farthest) {
        w->farthest = far;
        w->verdict.problem = problem;
        w->verdict.about = about;
        w->verdict.below = w->verdict.length ? w->verdict.path[w->verdict.length - 1] : NULL;
    }
    return false;
}

/* Ends the search, whatever was found. */
static bool give_up(struct walk *w, const struct x509 *about) {
    w->farthest = 0;
    refuse(w, TRUST_TOO_MUCH, about);
    w->farthest = SIZE_MAX;
    return false;
}

static void push(struct walk *w, const struct x509 *x) {
    struct trust_verdict *v = &w->verdict;
    v->path[v->length++] = x;
}

/* ---- rules ---- */

static bool is_in_time(struct walk *w, const struct x509 *x) {
    if (w->q->now < x->not_before) return refuse(w, TRUST_NOT_YET_VALID, x);
    return w->q->now <= x->not_after || refuse(w, TRUST_EXPIRED, x);
}

static bool has_weak_key(const struct x509 *x) {
    return x->key_size < (x->key == X509_KEY_RSA ? TRUST_RSA_LEAST : TRUST_CURVE_LEAST);
}

/* The rules for every certificate on the path. */
static bool is_sound(struct walk *w, const struct x509 *x) {
    if (!is_in_time(w, x)) return false;
    if (x->demands_more) return refuse(w, TRUST_DEMANDS_MORE, x);
    if (!x->is_for_servers) return refuse(w, TRUST_NOT_FOR_SERVERS, x);
    return w->q->allow_weak || !has_weak_key(x) || refuse(w, TRUST_WEAK_KEY, x);
}

/* The number of CAs on the path that count (RFC 5280 4.2.1.9): not the server's own certificate, nor self-issued
 * ones. */
static int count_cas(const struct trust_verdict *v) {
    int n = 0;
    for (size_t i = 1; i < v->length; i++) n += !x509_is_self_issued(v->path[i]);
    return n;
}

/* Do the name constraints of each CA on the path allow the names of those below it (RFC 5280 6.1.3 b, c)? Self-issued
 * ones are exempt, but not the server's own. It takes long where there are many constraints: so it is checked once an
 * anchor is found. */
static bool allows_all(struct walk *w) {
    const struct trust_verdict *v = &w->verdict;
    for (size_t ca = v->length; ca-- > 1;)
        for (size_t i = 0; i < ca; i++)
            if ((i == 0 || !x509_is_self_issued(v->path[i])) && !x509_allows(v->path[ca], v->path[i]))
                return refuse(w, TRUST_CONSTRAINED, v->path[ca]);
    return true;
}

/* May it issue the last certificate on the path, and stand above the others? */
static bool may_issue(struct walk *w, const struct x509 *issuer) {
    if (!issuer->is_ca) return refuse(w, TRUST_NOT_A_CA, issuer);
    if (!(issuer->usage & X509_CERT_SIGN)) return refuse(w, TRUST_NOT_TO_SIGN, issuer);
    if (!is_sound(w, issuer)) return false;
    bool fits = issuer->path_length < 0 || count_cas(&w->verdict) <= issuer->path_length;
    return fits || refuse(w, TRUST_PATH_LENGTH, issuer);
}

static bool did_sign(struct walk *w, const struct x509 *issuer, const struct x509 *x) {
    if (w->signatures == 0) return give_up(w, x);
    w->signatures--;
    return w->q->signed_by(x, issuer) || refuse(w, TRUST_FORGED, x);
}

/* ---- the path ---- */

static bool is_on_the_way(const struct trust_verdict *v, const struct x509 *x) {
    for (size_t i = 0; i < v->length; i++)
        if (slice_eq(v->path[i]->der, x->der)) return true;
    return false;
}

/* Searches on for an anchor from the last certificate on the path. */
static bool climb(struct walk *w) {
    const struct trust_question *q = w->q;
    struct trust_verdict *v = &w->verdict;
    const struct x509 *x = v->path[v->length - 1];
    bool found = false;
    if (v->length == TRUST_DEEPEST) return refuse(w, TRUST_TOO_MUCH, x);
    if (!q->allow_weak && x->hash_size < TRUST_HASH_LEAST) return refuse(w, TRUST_WEAK_HASH, x);
    for (size_t i = 0; i < q->anchor_count; i++) {
        const struct x509 *anchor = &q->anchors[i];
        if (!x509_may_be_issued_by(x, anchor)) continue;
        found = true;
        if (!may_issue(w, anchor) || !did_sign(w, anchor, x)) continue;
        push(w, anchor);
        if (allows_all(w)) return true;
        v->length--;
    }
    for (size_t i = 1; i < q->sent_count && w->farthest < SIZE_MAX; i++) {
        const struct x509 *next = &q->sent[i];
        if (!next->der.n || !x509_may_be_issued_by(x, next) || is_on_the_way(v, next)) continue;
        found = true;
        if (!may_issue(w, next) || !did_sign(w, next, x)) continue;
        push(w, next);
        if (climb(w)) return true;
        v->length--;
    }
    return !found && refuse(w, TRUST_NO_ISSUER, x);
}

static bool is_anchor(const struct trust_question *q, const struct x509 *x) {
    for (size_t i = 0; i < q->anchor_count; i++)
        if (slice_eq(q->anchors[i].der, x->der)) return true;
    return false;
}

static bool is_believed(struct walk *w, const struct x509 *own) {
    if (!own->der.n) return refuse(w, TRUST_UNREADABLE, own);
    push(w, own);
    if (!is_in_time(w, own) || !(is_anchor(w->q, own) || climb(w))) return false;
    w->farthest = 0; /* problems of other paths are dropped */
    if (!is_sound(w, own)) return false;
    if (!(own->usage & X509_DIGITAL_SIGNATURE)) return refuse(w, TRUST_NOT_FOR_TLS, own);
    return x509_is_for(own, w->q->name, w->q->address) || refuse(w, TRUST_OTHER_NAME, own);
}

struct trust_verdict trust_judge(const struct trust_question *q) {
    struct walk w = {.q = q, .signatures = TRUST_SIGNATURES};
    struct trust_verdict *v = &w.verdict;
    if (!is_believed(&w, &q->sent[0])) return w.verdict;
    v->problem = TRUST_FINE;
    v->until = INT64_MAX;
    for (size_t i = 0; i < v->length; i++)
        if (v->path[i]->not_after < v->until) v->until = v->path[i]->not_after;
    return w.verdict;
}

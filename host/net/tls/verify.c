/* verify: between wolfSSL and trust_judge. wolfSSL looks at the certificates that a server sent from the last to the
 * first. When it calls for the first time, all are judged; then the path that was found is all that wolfSSL trusts, so
 * that it verifies the server's own certificate, and an OCSP response for that, by nothing else. */
#include "net/net.h"
#include "net/tls/parts.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

static bool signed_by(const struct x509 *x, const struct x509 *issuer) {
    static const int kinds[] = {
        [X509_KEY_RSA] = RSAk, [X509_KEY_EC] = ECDSAk, [X509_KEY_ED25519] = ED25519k, [X509_KEY_ED448] = ED448k};
    if (issuer->key == X509_KEY_OTHER) return false;
    struct slice key = issuer->key == X509_KEY_EC ? issuer->key_info : issuer->key_bits;
    return wc_CheckCertSigPubKey(x->der.p, (word32)x->der.n, NULL, key.p, (word32)key.n, kinds[issuer->key]) == 0;
}

static struct trust_verdict judge(const struct tls *t) {
    uint8_t address[16];
    size_t n = inet_pton(AF_INET, t->host, address) == 1 ? 4 : inet_pton(AF_INET6, t->host, address) == 1 ? 16 : 0;
    const struct tls_anchors *anchors = t->context->anchors;
    const struct trust_question q = {
        .sent = t->trial->sent,
        .sent_count = t->trial->count,
        .anchors = anchors->certs,
        .anchor_count = anchors->count,
        .name = slice_str(t->host),
        .address = slice_of(address, n),
        .now = time(NULL),
        .allow_weak = t->context->config.allow_weak,
        .signed_by = signed_by,
    };
    return trust_judge(&q);
}

/* From now on wolfSSL trusts the CAs on the path that was found, and no others. */
static void lead_wolfssl(struct tls *t) {
    const struct trust_verdict *v = &t->trial->verdict;
    WOLFSSL_X509_STORE *store = wolfSSL_X509_STORE_new();
    if (!store) return; /* no memory: then it searches for a path itself */
    for (size_t i = v->length; i-- > 1;)
        wolfSSL_CertManagerLoadCABuffer(store->cm, v->path[i]->der.p, (long)v->path[i]->der.n, WOLFSSL_FILETYPE_ASN1);
#ifdef HAVE_CERTIFICATE_STATUS_REQUEST
    if (!t->context->config.no_stapling) wolfSSL_CertManagerEnableOCSPStapling(store->cm);
#endif
    wolfSSL_set0_verify_cert_store(t->ssl, store);
}

/* wolfSSL calls for the first time: judges the server. False: there is no memory. */
static bool begin(struct tls *t, const WOLFSSL_X509_STORE_CTX *store) {
    struct tls_trial *trial = t->trial = calloc(1, sizeof *t->trial);
    if (!trial) return false;
    for (int i = 0; i < store->totalCerts && trial->count < TRUST_SENT_MOST; i++) {
        struct x509 *x = &trial->sent[trial->count++];
        if (x509_read(slice_of(store->certs[i].buffer, store->certs[i].length), x) < 0) *x = (struct x509){0};
    }
    trial->verdict = judge(t);
    if (trial->count > 1) lead_wolfssl(t);
    return true;
}

/* wolfSSL adds each CA that a server sends to those it trusts, for good, and fails where it has no key usage. But what
 * it adds is the certificate at this place after the call: so the anchor is put there, which it has already. (All that
 * in 5.5.4 and in 5.7.2; no version is known that adds none.) */
static void put_anchor(const struct tls *t, WOLFSSL_X509_STORE_CTX *store) {
    const struct trust_verdict *v = &t->trial->verdict;
    struct slice anchor = v->path[v->length - 1]->der;
    store->certs[store->error_depth].buffer = (byte *)anchor.p;
    store->certs[store->error_depth].length = (unsigned)anchor.n;
}

/* Is this an error of wolfSSL that does not count where trust_judge has found a path? There the issuer was found and
 * the signature checked, while wolfSSL looks for issuers in the order in which they were sent, and takes the first of a
 * name. Nor does it compare names with constraints by labels, or tell which constraints are for addresses. */
static bool does_not_count(int error) {
    switch (error) {
    case ASN_NO_SIGNER_E:
    case ASN_SELF_SIGNED_E:
    case ASN_SIG_CONFIRM_E:
    case ASN_NAME_INVALID_E:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: /* the first three as OpenSSL numbers them */
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return true;
    default: return false;
    }
}

/* Decides, when wolfSSL calls for the server's own certificate, which comes last. A server that trust_judge refuses is
 * refused at the first call: wolfSSL may refuse other certificates for reasons of its own (5.7: key usage), and would
 * not call again. */
static bool decide(struct tls *t, int error) {
    if (t->trial->verdict.problem != TRUST_FINE)
        tls_refusal_tell_verdict(t);
    else if (error && !does_not_count(error))
        tls_refusal_tell_error(t, error);
    if (fault_set(&t->fault)) return false;
    t->until = t->trial->verdict.until;
    t->is_believed = true;
    return true;
}

static void drop_trial(struct tls *t) {
    free(t->trial);
    t->trial = NULL;
}

int tls_verify(int ok, WOLFSSL_X509_STORE_CTX *store) {
    struct tls *t = store->userCtx;
    if (!t) return 0;
    if (!t->trial && !begin(t, store)) {
        fault_put(&t->fault, FAULT_TLS, "no memory for the server's certificates");
        return 0;
    }
    if (store->error_depth > 0 && t->trial->verdict.problem == TRUST_FINE) {
        put_anchor(t, store);
        return 1; /* what counts is the path that was found */
    }
    bool believed = decide(t, ok ? 0 : store->error);
    drop_trial(t); /* what was sent is in wolfSSL's buffer, which is freed */
    return believed;
}

void tls_verify_done(struct tls *t) {
    drop_trial(t);
    if (t->context->is_ready) wolfSSL_set0_verify_cert_store(t->ssl, wolfSSL_CTX_get_cert_store(t->context->ctx));
}

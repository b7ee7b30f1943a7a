/* refusal: describes a certificate that is refused: whose it is, which rule it breaks, and what to do about that. */
#include "net/tls/certificate.h"
#include "net/tls/parts.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/wolfcrypt/error-crypt.h>

/* The certificate to be described. */
struct suspect {
    const struct x509 *about;
    WOLFSSL_X509 *cert; /* the same; NULL: it could not be read */
    int place, total;   /* in what the server sent: 0 is its own; -1: it is an anchor */
    char subject[100], issuer[100];
    char root[100];         /* the issuer of the last one on the path */
    bool issuer_is_trusted; /* the problem is one of an anchor */
    bool to_proxy;          /* see struct tls_config */
};

/* "2026-01-02" */
static const char *day_of(time_t at, char text[16]) {
    struct tm tm;
    if (!gmtime_r(&at, &tm) || !strftime(text, 16, "%Y-%m-%d", &tm)) snprintf(text, 16, "an unknown day");
    return text;
}

/* Adds to a text, as far as there is room. */
static void add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...) {
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, size - n, format, args);
    va_end(args);
}

/* Adds what to do if it should be trusted all the same. */
static void say_way_out(char *text, size_t size, const struct suspect *s) {
    char pin[PIN_SIZE + 1];
    add(text, size, "; trust it with tls.ca_file");
    if (s->cert && s->place == 0 && !s->to_proxy)
        add(text, size, ", or its key alone with tls.pin = \"%s\" and verify = false",
            tls_certificate_pin(s->cert, pin));
}

static void say_no_issuer(char *text, size_t size, const struct suspect *s) {
    bool is_self_signed = s->cert && tls_certificate_is_self_signed(s->cert);
    if (is_self_signed)
        add(text, size, "is self-signed and not trusted");
    else if (strcmp(s->root, s->issuer) == 0)
        add(text, size, "is from an issuer that is not trusted: %s", s->issuer);
    else
        add(text, size, "is from issuers that are not trusted: %s, by way of %s", s->root, s->issuer);
    if (s->total == 1 && !is_self_signed)
        add(text, size, " (the server sends no intermediate certificate: should it?)");
    say_way_out(text, size, s);
}

/* Describes a certificate whose issuer may not issue it. */
static void say_no_authority(char *text, size_t size, const struct suspect *s, const struct trust_verdict *v) {
    const char *why =
        v->problem == TRUST_NOT_A_CA ? "is no authority (CA)" : "may not sign others: its key usage has no keyCertSign";
    add(text, size, "is signed by %s, who %s", s->issuer, why);
    if (s->issuer_is_trusted)
        add(text, size, ": in tls.ca_file it is trusted as itself alone");
    else
        say_way_out(text, size, s);
}

static void say_weak(char *text, size_t size, const struct x509 *x, bool hash) {
    static const char way_out[] = " (tls.allow_weak = true accepts it all the same)";
    const char *name = x->hash_size == 128   ? "MD5"
                       : x->hash_size == 160 ? "SHA-1"
                       : x->hash_size == 224 ? "SHA-224"
                                             : "";
    if (hash && !name[0])
        add(text, size, "is too weak: it is signed in a way that is not known here");
    else if (hash)
        add(text, size, "is too weak: it is signed with %s, which can be forged%s", name, way_out);
    else if (x->key == X509_KEY_RSA)
        add(text, size, "has a key that is too short to be safe: RSA of %u bits, and 2048 is the least%s", x->key_size,
            way_out);
    else
        add(text, size, "has a key that is too short to be safe: %u bits of a curve, and 256 is the least%s",
            x->key_size, way_out);
}

static bool is_address(const char *host) {
    uint8_t a[16];
    return inet_pton(AF_INET, host, a) == 1 || inet_pton(AF_INET6, host, a) == 1;
}

static void say_other_name(char *text, size_t size, const struct suspect *s, const char *host) {
    char names[160];
    if (!s->about->names.p) {
        add(text, size,
            "names no host: it has no subjectAltName, and a common name does not count (RFC 9525); the server needs "
            "one that is made with subjectAltName=DNS:... or IP:...");
        return;
    }
    add(text, size, "is for another name: %s",
        s->cert ? tls_certificate_names(s->cert, names, sizeof names) : "unknown");
    if (strstr(text, host) && is_address(host))
        add(text, size, " (as a name: an address has to be an IP address of its subjectAltName)");
    else if (!s->to_proxy)
        add(text, size, " (tls.server_name says which one is meant)");
}

/* Adds which rule it breaks, and what to do. */
static void say_problem(char *text, size_t size, const struct suspect *s, const struct trust_verdict *v,
                        const char *host) {
    char day[16], today[16];
    const struct x509 *x = s->about;
    switch (v->problem) {
    case TRUST_EXPIRED:
        add(text, size, "expired on %s (today is %s by this machine's clock): %s", day_of(x->not_after, day),
            day_of(time(NULL), today), s->place < 0 ? "tls.ca_file needs a newer one" : "the server needs a new one");
        break;
    case TRUST_NOT_YET_VALID:
        add(text, size, "is not valid before %s (today is %s by this machine's clock: is it right?)",
            day_of(x->not_before, day), day_of(time(NULL), today));
        break;
    case TRUST_OTHER_NAME: say_other_name(text, size, s, host); break;
    case TRUST_FORGED:
        add(text, size,
            "is not signed by the key of its issuer %s that is trusted: it is forged or damaged, or the issuer has "
            "another key now (is tls.ca_file old?)",
            s->issuer);
        break;
    case TRUST_NO_ISSUER: say_no_issuer(text, size, s); break;
    case TRUST_NOT_A_CA:
    case TRUST_NOT_TO_SIGN: say_no_authority(text, size, s, v); break;
    case TRUST_PATH_LENGTH:
        add(text, size,
            "is of an authority with more CAs below it than it may have (the path length of its basicConstraints)");
        break;
    case TRUST_CONSTRAINED:
        add(text, size,
            "is of an authority that may not vouch for the names of what is below it (its name constraints)");
        break;
    case TRUST_NOT_FOR_SERVERS: add(text, size, "is not for servers: its extended key usage has no serverAuth"); break;
    case TRUST_NOT_FOR_TLS:
        add(text, size, "has a key that is not for TLS: its key usage has no digitalSignature");
        break;
    case TRUST_DEMANDS_MORE: add(text, size, "has a critical extension that is not known here (RFC 5280 4.2)"); break;
    case TRUST_WEAK_KEY: say_weak(text, size, x, false); break;
    case TRUST_WEAK_HASH: say_weak(text, size, x, true); break;
    case TRUST_UNREADABLE: add(text, size, "cannot be read: it is none as RFC 5280 has them"); break;
    case TRUST_TOO_MUCH:
        add(text, size, "comes with so many others that it takes too long to find out who vouches for it");
        break;
    case TRUST_FINE: break;
    }
}

/* From 5.6.0 on, 5.7.2 included, wolfSSL has one error in TLS 1.2 for an unusable OCSP response and a revoked
 * certificate. */
static bool hides_revoked(const struct tls *t) {
    return LIBWOLFSSL_VERSION_HEX >= 0x05006000 && strcmp(wolfSSL_get_version(t->ssl), "TLSv1.2") == 0;
}

/* The same for errors that wolfSSL alone can find. */
static void say_error(char *text, size_t size, const struct tls *t, int error) {
    switch (error) {
    case MEMORY_E: add(text, size, "has a kind of key, or an extension, that is unsupported by wolfSSL"); break;
    case OCSP_CERT_REVOKED:
        add(text, size, "was revoked: its issuer says so in the OCSP response that the server sends along");
        break;
    case BAD_CERTIFICATE_STATUS_ERROR:
        add(text, size,
            "comes with an OCSP response that is not valid: out of date, of another certificate, or not signed by "
            "its issuer%s. The server needs a new one (tls.stapling = false does not ask for it)",
            hides_revoked(t) ? "; or it says that the certificate was revoked" : "");
        break;
    case OCSP_LOOKUP_FAIL:
        add(text, size,
            "comes without the OCSP response that the server announced, which wolfSSL does not bear (tls.stapling = "
            "false does not ask for it)");
        break;
    default:
        add(text, size, "is refused: %s (wolfSSL %d)",
            wolfSSL_ERR_reason_error_string((unsigned long)(error < 0 ? -error : error)), error);
    }
}

/* ---- the certificate at fault ---- */

static struct suspect suspect_of(const struct tls *t, const struct x509 *x) {
    const struct tls_trial *trial = t->trial;
    bool is_sent = x >= trial->sent && x < trial->sent + trial->count;
    struct suspect s = {
        .about = x,
        .cert = x->der.n ? wolfSSL_X509_d2i(NULL, x->der.p, (int)x->der.n) : NULL,
        .place = is_sent ? (int)(x - trial->sent) : -1,
        .total = (int)trial->count,
        .subject = "unknown",
        .issuer = "unknown",
        .to_proxy = t->context->config.to_proxy,
    };
    if (s.cert) tls_certificate_issuer(s.cert, s.issuer, sizeof s.issuer);
    if (s.cert) tls_certificate_subject(s.cert, s.subject, sizeof s.subject);
    return s;
}

/* Puts its subject, its problem and its place into t->fault. */
static void tell(struct tls *t, const struct suspect *s, const char *problem) {
    char place[40] = "one that is trusted";
    bool is_own = s->place == 0;
    if (s->place >= 0) snprintf(place, sizeof place, "no. %d of %d", s->place + 1, s->total);
    fault_put(&t->fault, FAULT_TLS, "the certificate of %s%s%s%s %s [%s: %s, signed by %s]",
              is_own ? t->host : s->subject, is_own ? "" : ", which vouches for ", is_own ? "" : t->host,
              is_own ? "" : ",", problem, place, s->subject, s->issuer);
    wolfSSL_X509_free(s->cert);
}

/* The certificate to describe: without an issuer that is known, the server's own; where an issuer may not issue, the
 * one that it signed. */
static const struct x509 *culprit(const struct tls_trial *trial) {
    const struct trust_verdict *v = &trial->verdict;
    if (v->problem == TRUST_NO_ISSUER) return trial->sent;
    if (v->problem == TRUST_NOT_A_CA || v->problem == TRUST_NOT_TO_SIGN) return v->below;
    return v->about;
}

void tls_refusal_tell_verdict(struct tls *t) {
    char problem[400] = "";
    const struct trust_verdict *v = &t->trial->verdict;
    struct suspect s = suspect_of(t, culprit(t->trial)), last = suspect_of(t, v->about);
    memcpy(s.root, last.issuer, sizeof s.root);
    s.issuer_is_trusted = last.place < 0;
    say_problem(problem, sizeof problem, &s, v, t->host);
    wolfSSL_X509_free(last.cert);
    tell(t, &s, problem);
}

static void tell_error(struct tls *t, const struct x509 *about, int error) {
    char problem[400] = "";
    struct suspect s = suspect_of(t, about);
    say_error(problem, sizeof problem, t, error);
    tell(t, &s, problem);
}

void tls_refusal_tell_error(struct tls *t, int error) { tell_error(t, t->trial->sent, error); }

/* Reads the chain that the server sent from where wolfSSL keeps it. */
static bool see_chain(struct tls *t) {
    free(t->trial);
    WOLFSSL_X509_CHAIN *chain = wolfSSL_get_peer_chain(t->ssl);
    int n = chain ? wolfSSL_get_chain_count(chain) : 0;
    struct tls_trial *trial = t->trial = n > 0 ? calloc(1, sizeof *t->trial) : NULL;
    for (int i = 0; trial && i < n && trial->count < TRUST_SENT_MOST; i++) {
        struct slice der = slice_of(wolfSSL_get_chain_cert(chain, i), (size_t)wolfSSL_get_chain_length(chain, i));
        if (x509_read(der, &trial->sent[trial->count++]) < 0) trial->sent[trial->count - 1] = (struct x509){0};
    }
    return trial;
}

/* A certificate of which wolfSSL can make no object, for which 5.7 reports that there is no memory; NULL: there is
 * none. */
static const struct x509 *find_unmade(const struct tls_trial *trial) {
    for (size_t i = 0; i < trial->count; i++) {
        struct slice der = trial->sent[i].der;
        WOLFSSL_X509 *cert = wolfSSL_X509_d2i(NULL, der.p, (int)der.n);
        if (!cert) return &trial->sent[i];
        wolfSSL_X509_free(cert);
    }
    return NULL;
}

bool tls_refusal_tell(struct tls *t, int error) {
    switch (error) {
    case MEMORY_E:
    case OCSP_CERT_REVOKED:
    case OCSP_LOOKUP_FAIL:
    case BAD_CERTIFICATE_STATUS_ERROR:
    case ASN_PARSE_E:
    case ASN_NAME_INVALID_E:
    case ASN_CRIT_EXT_E: break;
    default: return false;
    }
    if (t->done || !see_chain(t)) return false;
    const struct x509 *about = error == MEMORY_E ? find_unmade(t->trial) : t->trial->sent;
    if (about) tell_error(t, about, error);
    return about;
}

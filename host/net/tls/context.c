/* context: CAs, certificates and keys, loaded when first needed; every failure names its file. */
#include "net/tls/context.h"

#include "base/log.h"
#include "base/reserve.h"
#include "net/net.h"
#include "net/tls/aes.h"
#include "net/tls/anchors.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <wolfssl/openssl/evp.h>
#include <wolfssl/openssl/pem.h>

/* The fastest cipher on this machine goes first, so that a server that leaves the choice to us takes it. AES-256 goes
 * last, for servers that insist on it: it costs more, and adds nothing that matters. */
#define CHACHA20_1_3 "TLS13-CHACHA20-POLY1305-SHA256"
#define AES_1_3      "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384"
#define CHACHA20_1_2 "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define AES_1_2                                                                                                        \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                                       \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
#define DHE_1_2 "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384"

static const char chacha20_first[] = CHACHA20_1_3 ":" AES_1_3 ":" CHACHA20_1_2 ":" AES_1_2 ":" DHE_1_2;
static const char aes_first[] = AES_1_3 ":" CHACHA20_1_3 ":" AES_1_2 ":" CHACHA20_1_2 ":" DHE_1_2;

/* The algorithms by which a server may sign its handshake: without SHA-1, which TLS 1.2 still allows (RFC 9155). */
static const char safe_signatures[] =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ED25519:ED448:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
    "RSA+SHA256:RSA+SHA384:RSA+SHA512";

enum { DH_LEAST = 2048 }; /* bits */

static int refuse(struct fault *fault, const char *option, const char *file, const char *why) {
    fault_put(fault, FAULT_TLS, "tls.%s: %s: %s", option, file, why);
    return ERR_SYSTEM;
}

static int check_readable(const char *option, const char *file, struct fault *fault) {
    return access(file, R_OK) == 0 ? 0 : refuse(fault, option, file, strerror(errno));
}

static int give_password(char *out, int size, int writing, void *arg) {
    (void)writing;
    const char *password = arg;
    size_t n = password ? strlen(password) : 0;
    if (n > (size_t)size) return 0;
    if (n) memcpy(out, password, n);
    return (int)n;
}

/* wolfSSL_CTX_check_private_key misses a wrong EC key, so sign and verify. True where that cannot be tried. */
static bool key_belongs(const struct tls_config *config) {
    static const uint8_t text[] = "wsbot";
    uint8_t signature[1024];
    size_t n = sizeof signature;
    bool belongs = true;
    FILE *file = fopen(config->key, "r");
    WOLFSSL_EVP_PKEY *key = file ? wolfSSL_PEM_read_PrivateKey(file, NULL, give_password, config->key_password) : NULL;
    WOLFSSL_X509 *cert = wolfSSL_X509_load_certificate_file(config->cert, WOLFSSL_FILETYPE_PEM);
    WOLFSSL_EVP_PKEY *public_key = cert ? wolfSSL_X509_get_pubkey(cert) : NULL;
    WOLFSSL_EVP_MD_CTX *sign = wolfSSL_EVP_MD_CTX_new(), *verify = wolfSSL_EVP_MD_CTX_new();
    if (key && public_key && sign && verify &&
        wolfSSL_EVP_DigestSignInit(sign, NULL, wolfSSL_EVP_sha256(), NULL, key) == WOLFSSL_SUCCESS &&
        wolfSSL_EVP_DigestSignUpdate(sign, text, sizeof text) == WOLFSSL_SUCCESS &&
        wolfSSL_EVP_DigestSignFinal(sign, signature, &n) == WOLFSSL_SUCCESS) {
        belongs =
            wolfSSL_EVP_DigestVerifyInit(verify, NULL, wolfSSL_EVP_sha256(), NULL, public_key) == WOLFSSL_SUCCESS &&
            wolfSSL_EVP_DigestVerifyUpdate(verify, text, sizeof text) == WOLFSSL_SUCCESS &&
            wolfSSL_EVP_DigestVerifyFinal(verify, signature, n) == WOLFSSL_SUCCESS;
    }
    wolfSSL_EVP_MD_CTX_free(sign);
    wolfSSL_EVP_MD_CTX_free(verify);
    wolfSSL_EVP_PKEY_free(public_key);
    wolfSSL_EVP_PKEY_free(key);
    wolfSSL_X509_free(cert);
    if (file) fclose(file);
    return belongs;
}

static int load_own(struct tls_context *c, struct fault *fault) {
    const struct tls_config *config = &c->config;
    if (!config->cert) return 0;
    int rc = check_readable("cert", config->cert, fault);
    if (rc == 0) rc = check_readable("key", config->key, fault);
    if (rc < 0) return rc;
    if (wolfSSL_CTX_use_certificate_chain_file(c->ctx, config->cert) != WOLFSSL_SUCCESS)
        return refuse(fault, "cert", config->cert, "it holds no certificate in PEM that can be read");
    wolfSSL_CTX_set_default_passwd_cb(c->ctx, give_password);
    wolfSSL_CTX_set_default_passwd_cb_userdata(c->ctx, config->key_password);
    if (wolfSSL_CTX_use_PrivateKey_file(c->ctx, config->key, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS)
        return refuse(
            fault, "key", config->key,
            config->key_password
                ? "it does not open with tls.key_password (or is encrypted with scrypt, which is not supported)"
                : "it holds no key in PEM that can be read (an encrypted one needs tls.key_password)");
    if (!key_belongs(config))
        return refuse(fault, "key", config->key, "it is not the key of the certificate in tls.cert");
    return 0;
}

/* Sets what a client offers and accepts. */
static void set_up_client(struct tls_context *c) {
    static int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1, WOLFSSL_ECC_SECP384R1};
    /* both calls, or a TLS 1.2 server may choose P-521, ten times as slow */
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        wolfSSL_CTX_UseSupportedCurve(c->ctx, (word16)groups[i]);
    wolfSSL_CTX_set_groups(c->ctx, groups, sizeof groups / sizeof *groups);
    wolfSSL_CTX_UseSessionTicket(c->ctx);
    if (c->config.allow_weak) return;
    wolfSSL_CTX_SetMinDhKey_Sz(c->ctx, DH_LEAST);
    wolfSSL_CTX_set1_sigalgs_list(c->ctx, safe_signatures);
}

int tls_context_refused(struct fault *fault) {
    int error = uv_translate_sys_error(errno ? errno : ENOMEM);
    fault->system = uv_err_name(error);
    fault_put(fault, FAULT_TLS, "cannot begin a TLS session: %s", uv_strerror(error));
    return error == UV_ENOMEM ? ERR_NOMEM : ERR_SYSTEM;
}

static int load(struct tls_context *c, struct tls_store *s, struct fault *fault) {
    errno = 0;
    c->ctx = wolfSSL_CTX_new(c->server ? wolfSSLv23_server_method() : wolfSSLv23_client_method());
    if (!c->ctx) return tls_context_refused(fault);
    wolfSSL_CTX_SetMinVersion(c->ctx, c->config.min_version == TLS_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2);
    wolfSSL_CTX_set_cipher_list(c->ctx, tls_aes_is_fast(s->aes) ? aes_first : chacha20_first);
    wolfSSL_CTX_SetDevId(c->ctx, tls_aes_device(s->aes));
    if (!c->server) set_up_client(c);
    int rc = load_own(c, fault);
    if (rc < 0 || c->server || c->config.no_verify) return rc;
    c->anchors = tls_anchors_get(s, &c->config, fault);
    return c->anchors ? 0 : ERR_SYSTEM;
}

int tls_context_settle(struct tls_context *c, struct fault *fault) {
    if (c->is_ready || !c->anchors) return 0;
    if (fault_set(&c->anchors->fault)) {
        *fault = c->anchors->fault;
        return ERR_SYSTEM;
    }
    wolfSSL_X509_STORE_up_ref(c->anchors->of_wolfssl);
    wolfSSL_CTX_set_cert_store(c->ctx, c->anchors->of_wolfssl);
#ifdef HAVE_CERTIFICATE_STATUS_REQUEST /* set for the context: then a connection has memory for it only where the      \
                                          server agrees */
    if (!c->config.no_stapling) {
        wolfSSL_CTX_EnableOCSPStapling(c->ctx);
        wolfSSL_CTX_UseOCSPStapling(c->ctx, WOLFSSL_CSR_OCSP, 0);
    }
#endif
    c->is_ready = true;
    return 0;
}

static void free_context(struct tls_context *c) {
    for (size_t i = 0; i < TLS_SESSIONS; i++) {
        free(c->sessions[i].server);
        if (c->sessions[i].session) wolfSSL_SESSION_free(c->sessions[i].session);
    }
    if (c->ctx) wolfSSL_CTX_free(c->ctx);
    tls_anchors_release(c->anchors);
    tls_config_clear(&c->config);
    free(c);
}

/* Logs a warning about doubtful settings once. */
static void warn(bool *warned, const char *text) {
    if (!*warned) log_line(LOG_WARN, "%s", text);
    *warned = true;
}

static void warn_of(struct tls_store *s, const struct tls_config *config) {
    if (config->no_verify && !config->pins)
        warn(&s->warned, "tls.verify = false: certificates are NOT checked, anyone between here and the server can "
                         "read and change what is sent (tls.pin checks the server's key)");
    if (config->allow_weak && !config->no_verify)
        warn(&s->warned_weak, "tls.allow_weak = true: keys and hashes are accepted that can be forged (RSA under 2,048 "
                              "bits, MD5, SHA-1)");
}

static struct tls_context *find(struct tls_store *s, const struct tls_config *config, bool server) {
    for (struct tls_context *c = s->contexts; c; c = c->next) {
        if (c->is_old || c->server != server || !tls_config_equal(&c->config, config)) continue;
        if (!c->anchors || tls_anchors_are_fresh(c->anchors)) return c;
        c->is_old = true;
    }
    return NULL;
}

static struct tls_context *new_context(struct tls_store *s, const struct tls_config *config, bool server,
                                       struct fault *fault) {
    if (!s->contexts) wolfSSL_Init();
    if (!s->aes) s->aes = tls_aes_open();
    struct tls_context *c = reserve_take(sizeof *c);
    c->server = server;
    int rc = tls_config_copy(&c->config, config);
    if (rc < 0) fault_put(fault, FAULT_TLS, "not enough memory for the options");
    if (rc < 0 || load(c, s, fault) < 0) {
        free_context(c);
        return NULL;
    }
    c->next = s->contexts;
    s->contexts = c;
    return c;
}

struct tls_context *tls_context_get(struct tls_store *s, const struct tls_config *config, bool server,
                                    struct fault *fault) {
    struct tls_context *c = find(s, config, server);
    if (!c && !(c = new_context(s, config, server, fault))) return NULL;
    if (!server) warn_of(s, config);
    c->users++;
    return c;
}

void tls_context_release(struct tls_store *s, struct tls_context *c) {
    err_must(c->users > 0);
    c->users--;
    unsigned idle = 0;
    for (struct tls_context **at = &s->contexts; *at;) { /* newest first, so the oldest idle ones go */
        struct tls_context *each = *at;
        if (each->users == 0 && (each->is_old || ++idle > TLS_IDLE_CONTEXTS)) {
            *at = each->next;
            free_context(each);
        } else {
            at = &each->next;
        }
    }
}

const struct tls_session *tls_session_find(struct tls_context *c, const char *server, int64_t now) {
    for (size_t i = 0; i < TLS_SESSIONS; i++) {
        const struct tls_session *each = &c->sessions[i];
        if (each->server && strcmp(each->server, server) == 0) return each->session && now <= each->until ? each : NULL;
    }
    return NULL;
}

void tls_session_keep(struct tls_context *c, const char *server, WOLFSSL_SESSION *session, int64_t until) {
    size_t i = 0;
    while (i < TLS_SESSIONS && !(c->sessions[i].server && strcmp(c->sessions[i].server, server) == 0)) i++;
    if (i == TLS_SESSIONS && !session) return;
    if (i == TLS_SESSIONS) i = c->next_session++ % TLS_SESSIONS;
    struct tls_session *kept = &c->sessions[i];
    if (kept->session) wolfSSL_SESSION_free(kept->session);
    free(kept->server);
    *kept = (struct tls_session){.server = reserve_copy(server), .session = session, .until = until};
}

struct tls_store *tls_store_new(struct net *net) {
    struct tls_store *s = reserve_take(sizeof *s);
    s->net = net;
    return s;
}

void tls_store_free(struct tls_store *s) {
    bool used = s->contexts != NULL;
    while (s->contexts) {
        struct tls_context *c = s->contexts;
        s->contexts = c->next;
        free_context(c);
    }
    tls_anchors_forget(s);
    tls_aes_close(s->aes);
    if (used) wolfSSL_Cleanup();
    free(s);
}

static void close_store(struct net *net) {
    tls_store_free(net->tls);
    net->tls = NULL;
}

struct tls_store *tls_store_of(struct net *net) {
    static const struct net_room room = {.close = close_store};
    if (!net->tls) net->tls = tls_store_new(net);
    net_join(net, &room);
    return net->tls;
}

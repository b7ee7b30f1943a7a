/* tls: wolfSSL as a transformer, either role: ciphertext in, plaintext out. It owns no socket; what is to be sent waits
 * in a buffer for its caller. One context for each distinct configuration, made when first needed, with the TLS
 * sessions of servers, so that the next connection to one of them resumes. */
#ifndef NET_TLS_TLS_H
#define NET_TLS_TLS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/trace.h"
#include "net/option.h"
#include "wire/pin.h"

enum tls_version { TLS_1_2, TLS_1_3 };

/* How to speak. Strings are owned; NULL: not given. All zero: verify against the system's CAs, TLS 1.2 and above. What
 * is an option of ws.connect has a row in options.c. */
struct tls_config {
    char *ca_file, *ca_path;         /* trust these CAs instead of the system's */
    bool system_ca;                  /* trust the system's CAs as well */
    char *pins;                      /* of a client, with commas between them (wire/pin.h): the server has one of these
                                        keys; holds without verification, too */
    char *alpn;                      /* of a client: protocols to offer (RFC 7301), with commas between them */
    char *cert, *key, *key_password; /* our own certificate (PEM, chain included) and its key */
    char *server_name;               /* sent and verified instead of the host */
    bool no_verify;
    bool allow_weak;  /* of a client: keys, hashes and groups that are not safe any more (net/tls/trust.h) */
    bool no_stapling; /* of a client: do not ask for an OCSP response beside the certificate (RFC 6066 8) */
    bool to_proxy; /* of a client: this is TLS to a proxy; errors do not advise options that are for the server alone */
    enum tls_version min_version;
};

extern const struct option tls_options[];

void tls_config_clear(struct tls_config *c);

/* Makes `to`, which is empty, a copy. 0, or ERR_NOMEM, and then it is still empty. */
int tls_config_copy(struct tls_config *to, const struct tls_config *from);

bool tls_config_equal(const struct tls_config *a, const struct tls_config *b);

/* The contexts made so far. `net` may be NULL: then all files are read at once. */
struct tls_store;
struct net;
struct tls_store *tls_store_new(struct net *net);
void tls_store_free(struct tls_store *s);

/* The store of all connections of `net`, which is freed with the net. */
struct tls_store *tls_store_of(struct net *net);

/* One side of one connection. */
struct tls;

/* A client for `host` (what is sent as SNI, and verified) at `port`. NULL with `fault` ("tls") where the configuration
 * does not load. */
struct tls *tls_client_new(struct tls_store *s, const struct tls_config *config, const char *host, uint16_t port,
                           struct fault *fault);

/* A server with config->cert and config->key. NULL with `fault`. */
struct tls *tls_server_new(struct tls_store *s, const struct tls_config *config, struct fault *fault);
void tls_free(struct tls *t);

/* Has it bytes that tls_read did not give yet, plain or not? */
bool tls_has_unread(const struct tls *t);

/* A client begins its handshake when the CAs that it trusts have been read. Where they are being read now, `ready` is
 * called in a later turn of the loop, and tls_handshake goes on from there. */
void tls_await(struct tls *t, void (*ready)(void *arg), void *arg);

/* Its lines in the trace are about `subject` from now on, which must outlive the handshake; the first line says with
 * what context it was made. */
void tls_trace_as(struct tls *t, const struct trace_subject *subject);

/* Gives it ciphertext, borrowed until the next call of tls_feed or tls_keep. */
void tls_feed(struct tls *t, struct slice ciphertext);

/* Copies what it has not used of the ciphertext fed. 0 or ERR_NOMEM. */
int tls_keep(struct tls *t);

enum tls_step {
    TLS_MORE = 0,    /* needs more ciphertext */
    TLS_DONE = 1,    /* of tls_handshake: done; of tls_read: *n bytes were read */
    TLS_ENDED = 2,   /* the peer said that it sends no more (close_notify) */
    TLS_FAILED = -1, /* tls_fault says why */
};

/* From the end of the handshake on, connections to the same server resume the session, with tickets that come later,
 * too (RFC 8446 4.6.1); not after a fault. */
enum tls_step tls_handshake(struct tls *t);
enum tls_step tls_read(struct tls *t, uint8_t *out, size_t size, size_t *n);

/* Encrypts all of `plain` into tls_out. 0 or ERR_SYSTEM with a fault. */
int tls_write(struct tls *t, struct slice plain);

/* Says that we send no more (writes close_notify into tls_out). */
void tls_end(struct tls *t);

/* Ciphertext that waits to be sent. */
struct buf *tls_out(struct tls *t);

/* Bytes that wait in it, received and to be sent. */
size_t tls_waiting(const struct tls *t);
const struct fault *tls_fault(const struct tls *t);

/* What was agreed on, and whose certificate was shown. Texts are empty where there is none. */
struct tls_info {
    const char *version; /* "1.2", "1.3" */
    const char *cipher;  /* as the RFCs name it: "TLS_AES_128_GCM_SHA256" */
    bool resumed;        /* from an earlier session; the certificate is the one that was verified then */
    bool has_certificate;
    char alpn[256];
    char subject[128], issuer[128]; /* cut where they are longer */
    int64_t not_after;              /* seconds since 1970; -1: not known */
    char pin[PIN_SIZE + 1];
};

/* False before the handshake is done. Takes the time of parsing a certificate, and keeps nothing. */
bool tls_info_read(const struct tls *t, struct tls_info *out);

#endif

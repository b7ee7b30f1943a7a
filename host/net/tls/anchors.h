/* anchors: the CA certificates that a configuration trusts (trust anchors), read once for all configurations that name
 * the same files, and in another thread where they are many. */
#ifndef NET_TLS_ANCHORS_H
#define NET_TLS_ANCHORS_H

#include "net/tls/tls.h"
#include "wire/x509.h"
#include <uv.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum {
    ANCHORS_FILE_MOST = 16 << 20, /* bytes of a file */
    ANCHORS_MOST = 20000,         /* certificates, or files of a folder */
    ANCHORS_AT_ONCE = 32 << 10,   /* bytes of the largest file that is read on the loop's own thread */
};

/* A caller that waits until they are read. */
struct tls_anchors_wait {
    struct tls_anchors_wait *next, **at; /* `at` NULL: it does not wait */
    void (*ready)(struct tls_anchors_wait *w);
};

struct tls_anchors {
    struct tls_anchors *next;
    struct tls_store *store; /* NULL: it was freed, and what is read is dropped */
    unsigned users;
    char *file, *path;               /* as the configuration has them; NULL: not given */
    char *system_file, *system_path; /* of the system; NULL: not asked for, or not there */
    bool is_ready;
    struct tls_anchors_wait *waiting;
    uint64_t mark; /* a hash of the files' metadata when they were read */
    uv_work_t work;

    struct fault fault; /* why there are none */
    int error;          /* errno: why `file` could not be read */
    struct buf bytes;
    struct x509 *certs;
    size_t count;
    WOLFSSL_X509_STORE *of_wolfssl; /* the same for wolfSSL, which adds none of its own (verify.c) */
};

/* Those of a configuration, held until tls_anchors_release; they may not be ready yet. NULL with `fault` where a file
 * cannot be read. */
struct tls_anchors *tls_anchors_get(struct tls_store *s, const struct tls_config *config, struct fault *fault);
void tls_anchors_release(struct tls_anchors *a);

/* Are the files still what they were? */
bool tls_anchors_are_fresh(const struct tls_anchors *a);

/* Calls w->ready in a later turn of the loop. */
void tls_anchors_wait(struct tls_anchors *a, struct tls_anchors_wait *w);
void tls_anchors_leave(struct tls_anchors_wait *w);

/* The store is about to be freed. */
void tls_anchors_forget(struct tls_store *s);

#endif

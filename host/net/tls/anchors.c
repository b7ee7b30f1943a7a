/* anchors: PEM files (RFC 7468) and folders of them. What is no certificate in them is ignored, as OpenSSL does. */
#include "net/tls/anchors.h"

#include "base/file_mark.h"
#include "base/text.h"
#include "net/net.h"
#include "net/tls/context.h"
#include "wire/der.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wolfssl/wolfcrypt/coding.h>

static const char *const system_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora */
    "/etc/ssl/ca-bundle.pem",             /* openSUSE */
    "/etc/ssl/cert.pem",                  /* Alpine, macOS, BSD */
};
static const char system_folder[] = "/etc/ssl/certs";

/* ---- where they are ---- */

/* The system's, or what OpenSSL's variables name instead; `*path` may be several, with colons between them. */
static void find_system(const char **file, const char **path) {
    *file = getenv("SSL_CERT_FILE");
    *path = getenv("SSL_CERT_DIR");
    for (size_t i = 0; !*file && !*path && i < sizeof system_bundles / sizeof *system_bundles; i++)
        if (access(system_bundles[i], R_OK) == 0) *file = system_bundles[i];
    if (!*file && !*path) *path = system_folder;
}

/* Calls fn for each file and each folder that is to be read. */
static void each_place(struct tls_anchors *a, void (*fn)(struct tls_anchors *a, const char *path, bool is_folder)) {
    char one[4096];
    if (a->file) fn(a, a->file, false);
    if (a->path) fn(a, a->path, true);
    if (a->system_file) fn(a, a->system_file, false);
    struct slice rest = slice_str(a->system_path), part;
    while (slice_split(&rest, ':', &part)) {
        snprintf(one, sizeof one, "%.*s", SLICE_ARGS(part));
        fn(a, one, true);
    }
}

static void add_to_mark(struct tls_anchors *a, uint64_t value) {
    a->mark = (a->mark ^ value) * UINT64_C(0x100000001b3); /* FNV-1a's prime */
}

static void mark_place(struct tls_anchors *a, const char *path, bool is_folder) {
    struct file_mark m = file_mark_at(path);
    (void)is_folder;
    add_to_mark(a, m.device);
    add_to_mark(a, m.inode);
    add_to_mark(a, m.size);
    add_to_mark(a, (uint64_t)m.written.tv_sec);
    add_to_mark(a, (uint64_t)m.written.tv_nsec);
    add_to_mark(a, (uint64_t)m.changed.tv_sec); /* which no program can set */
    add_to_mark(a, (uint64_t)m.changed.tv_nsec);
}

static uint64_t mark_of(const struct tls_anchors *a) {
    struct tls_anchors now = {
        .file = a->file, .path = a->path, .system_file = a->system_file, .system_path = a->system_path};
    each_place(&now, mark_place);
    return now.mark;
}

bool tls_anchors_are_fresh(const struct tls_anchors *a) { return a->mark == mark_of(a); }

/* ---- reading; in any thread ---- */

/* Takes the input up to the end of the next line "`before` LABEL-----" off the front. */
static bool skip_to(struct slice *in, const char *before, struct slice *label) {
    static const char dashes[] = "-----";
    size_t n = strlen(before);
    for (const uint8_t *at; in->n && (at = memmem(in->p, in->n, before, n));) {
        *in = slice_skip(*in, (size_t)(at - in->p) + n);
        const uint8_t *end = memmem(in->p, in->n < 64 ? in->n : 64, dashes, sizeof dashes - 1);
        if (!end || memchr(in->p, '\n', (size_t)(end - in->p))) continue;
        *label = slice_of(in->p, (size_t)(end - in->p));
        *in = slice_skip(*in, label->n + sizeof dashes - 1);
        return true;
    }
    return false;
}

static bool is_certificate(struct slice label) {
    static const char *const labels[] = {"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE"};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (slice_eq(label, slice_str(labels[i]))) return true;
    return false;
}

static bool has_servers(struct slice purposes) {
    static const char server_auth[] = "\x2B\x06\x01\x05\x05\x07\x03\x01", any[] = "\x55\x1D\x25\x00";
    struct der e;
    while (der_take_tag(&purposes, DER_OID, &e))
        if (slice_eq(e.body, slice_str(server_auth)) || slice_eq(e.body, slice_of(any, sizeof any - 1))) return true;
    return false;
}

/* Does OpenSSL trust it for servers? Its "TRUSTED CERTIFICATE" has such settings behind the certificate. */
static bool is_for_servers(struct slice settings) {
    struct der all, e;
    if (settings.n == 0) return true;
    if (!der_take_tag(&settings, DER_SEQUENCE, &all)) return false;
    if (der_take_tag(&all.body, DER_SEQUENCE, &e) && !has_servers(e.body)) return false;
    return !der_take_tag(&all.body, DER_CONTEXT_OF(0), &e) || !has_servers(e.body);
}

/* Decodes a certificate from Base64 and adds its DER. */
static void add_certificate(struct tls_anchors *a, struct slice base64, bool has_settings) {
    struct buf *b = &a->bytes;
    struct der e;
    word32 n = (word32)(base64.n / 4 * 3 + 3);
    uint8_t *room = a->count < ANCHORS_MOST ? buf_reserve(b, n) : NULL;
    if (!room || Base64_Decode(base64.p, (word32)base64.n, room, &n) != 0) return;
    struct slice der = slice_of(room, n);
    if (!der_take_tag(&der, DER_SEQUENCE, &e) || (has_settings && !is_for_servers(der))) return;
    buf_commit(b, e.whole.n);
    a->count++;
}

static void read_pem(struct tls_anchors *a, struct slice text) {
    struct slice label, end;
    while (skip_to(&text, "-----BEGIN ", &label)) {
        struct slice base64 = text;
        if (!skip_to(&text, "-----END ", &end)) return;
        base64.n = (size_t)(end.p - base64.p) - strlen("-----END ");
        if (is_certificate(label)) add_certificate(a, base64, label.p[0] == 'T');
    }
}

/* A file's descriptor, where it is one that can be read at once, and its size. */
static int open_file(const char *path, size_t *size) {
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -1;
    if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size <= ANCHORS_FILE_MOST) {
        *size = (size_t)s.st_size;
        return fd;
    }
    close(fd);
    errno = S_ISREG(s.st_mode) ? EFBIG : S_ISDIR(s.st_mode) ? EISDIR : EOPNOTSUPP;
    return -1;
}

static void read_file(struct tls_anchors *a, const char *path) {
    size_t size = 0, n = 0;
    int fd = open_file(path, &size);
    if (fd < 0 && path == a->file) a->error = errno;
    uint8_t *text = fd < 0 ? NULL : malloc(size + 1);
    for (ssize_t got = 1; text && n < size && got > 0; n += got > 0 ? (size_t)got : 0)
        got = read(fd, text + n, size - n);
    if (text) read_pem(a, slice_of(text, n));
    free(text);
    if (fd >= 0) close(fd);
}

/* As `openssl rehash` names them: by the hash of the subject, eight digits, and a number. */
static bool is_hash(const char *name) {
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] >= '0' && name[9] <= '9';
}

/* Reads a folder's files, or with `hashes` those named by a hash; returns how many there were. */
static unsigned read_files(struct tls_anchors *a, const char *path, bool hashes) {
    char file[4096 + 256];
    unsigned n = 0;
    DIR *folder = opendir(path);
    for (const struct dirent *e; folder && n < ANCHORS_MOST && (e = readdir(folder));) {
        if (e->d_name[0] == '.' || (hashes && !is_hash(e->d_name))) continue;
        if (snprintf(file, sizeof file, "%s/%s", path, e->d_name) >= (int)sizeof file) continue;
        read_file(a, file);
        n++;
    }
    if (folder) closedir(folder);
    return n;
}

static void read_place(struct tls_anchors *a, const char *path, bool is_folder) {
    if (!is_folder)
        read_file(a, path);
    else if (read_files(a, path, true) == 0) /* its hashes are links to the other files */
        read_files(a, path, false);
}

/* Gives those that are CAs to wolfSSL, too. */
static void give_to_wolfssl(struct tls_anchors *a) {
    a->of_wolfssl = wolfSSL_X509_STORE_new();
    for (size_t i = 0; a->of_wolfssl && i < a->count; i++)
        if (a->certs[i].is_ca)
            wolfSSL_CertManagerLoadCABuffer(a->of_wolfssl->cm, a->certs[i].der.p, (long)a->certs[i].der.n,
                                            WOLFSSL_FILETYPE_ASN1);
}

static void tell_none(struct tls_anchors *a) {
    const char *why = a->error == EFBIG        ? "it is too large for a file of certificates"
                      : a->error == EOPNOTSUPP ? "it is no regular file"
                      : a->error               ? strerror(a->error)
                                               : "it holds no certificates in PEM that can be read";
    if (a->file || a->path)
        fault_put(&a->fault, FAULT_TLS, "tls.%s: %s: %s", a->file ? "ca_file" : "ca_path", a->file ? a->file : a->path,
                  why);
    else
        fault_put(&a->fault, FAULT_TLS,
                  "the system's CA certificates were not found in %s (install ca-certificates, or give tls.ca_file; "
                  "SSL_CERT_FILE and SSL_CERT_DIR say where else they are)",
                  a->system_file ? a->system_file : a->system_path);
}

static void read_all(struct tls_anchors *a) {
    each_place(a, read_place);
    a->certs = calloc(a->count + 1, sizeof *a->certs);
    struct slice rest = buf_slice(&a->bytes);
    struct der e;
    a->count = 0;
    while (a->certs && der_take(&rest, &e))
        if (x509_read(e.whole, &a->certs[a->count]) == 0) a->count++;
    if (a->certs) give_to_wolfssl(a);
    if (!a->certs || !a->of_wolfssl)
        fault_put(&a->fault, FAULT_TLS, "no memory for the CA certificates");
    else if (a->count == 0)
        tell_none(a);
}

/* ---- life ---- */

static void free_anchors(struct tls_anchors *a) {
    wolfSSL_X509_STORE_free(a->of_wolfssl);
    buf_clear(&a->bytes);
    free(a->certs);
    free(a->file);
    free(a->path);
    free(a->system_file);
    free(a->system_path);
    free(a);
}

static void unlink_anchors(struct tls_anchors *a) {
    for (struct tls_anchors **at = &a->store->anchors; *at; at = &(*at)->next) {
        if (*at != a) continue;
        *at = a->next;
        return;
    }
}

void tls_anchors_wait(struct tls_anchors *a, struct tls_anchors_wait *w) {
    if (w->at) return;
    w->next = a->waiting;
    if (w->next) w->next->at = &w->next;
    w->at = &a->waiting;
    a->waiting = w;
}

void tls_anchors_leave(struct tls_anchors_wait *w) {
    if (!w->at) return;
    *w->at = w->next;
    if (w->next) w->next->at = w->at;
    w->at = NULL;
}

static void on_work(uv_work_t *work) { read_all(work->data); }

static void on_worked(uv_work_t *work, int status) {
    struct tls_anchors *a = work->data;
    (void)status;
    if (!a->store) {
        free_anchors(a);
        return;
    }
    a->store->net->lookups--;
    a->is_ready = true;
    a->users++; /* for the time in which waiting callers are told */
    for (struct tls_anchors_wait *w; (w = a->waiting);) {
        tls_anchors_leave(w);
        w->ready(w);
    }
    tls_anchors_release(a);
}

/* Reads them now where that is quick, else in another thread. */
static void start(struct tls_anchors *a) {
    struct stat s;
    struct net *net = a->store->net;
    bool little = a->file && !a->path && !a->system_file && !a->system_path && stat(a->file, &s) == 0 &&
                  s.st_size <= ANCHORS_AT_ONCE;
    a->work.data = a;
    if (net && !little && uv_queue_work(net->loop, &a->work, on_work, on_worked) == 0) {
        net->lookups++;
        return;
    }
    read_all(a);
    a->is_ready = true;
}

static int check_readable(const char *option, const char *path, struct fault *fault) {
    if (!path || access(path, R_OK) == 0) return 0;
    fault_put(fault, FAULT_TLS, "tls.%s: %s: %s", option, path, strerror(errno));
    return ERR_SYSTEM;
}

/* The files that a configuration asks for, in borrowed fields. */
static struct tls_anchors wanted(const struct tls_config *c) {
    const char *file = NULL, *path = NULL;
    if (c->system_ca || !(c->ca_file || c->ca_path)) find_system(&file, &path);
    return (struct tls_anchors){
        .file = c->ca_file, .path = c->ca_path, .system_file = (char *)file, .system_path = (char *)path};
}

static struct tls_anchors *find(struct tls_store *s, const struct tls_anchors *like) {
    for (struct tls_anchors *a = s->anchors; a; a = a->next)
        if (text_is_same(a->file, like->file) && text_is_same(a->path, like->path) &&
            text_is_same(a->system_file, like->system_file) && text_is_same(a->system_path, like->system_path) &&
            tls_anchors_are_fresh(a))
            return a;
    return NULL;
}

static struct tls_anchors *new_anchors(struct tls_store *s, const struct tls_anchors *like) {
    struct tls_anchors *a = calloc(1, sizeof *a);
    if (!a) return NULL;
    a->store = s;
    buf_init(&a->bytes, ANCHORS_FILE_MOST);
    if (!text_copy(&a->file, like->file) || !text_copy(&a->path, like->path) ||
        !text_copy(&a->system_file, like->system_file) || !text_copy(&a->system_path, like->system_path)) {
        free_anchors(a);
        return NULL;
    }
    a->mark = mark_of(a);
    a->next = s->anchors;
    s->anchors = a;
    start(a);
    return a;
}

struct tls_anchors *tls_anchors_get(struct tls_store *s, const struct tls_config *c, struct fault *fault) {
    struct tls_anchors like = wanted(c);
    if (check_readable("ca_file", like.file, fault) < 0 || check_readable("ca_path", like.path, fault) < 0) return NULL;
    struct tls_anchors *a = find(s, &like);
    if (!a && !(a = new_anchors(s, &like))) {
        fault_put(fault, FAULT_TLS, "no memory for the CA certificates");
        return NULL;
    }
    a->users++;
    return a;
}

void tls_anchors_release(struct tls_anchors *a) {
    if (!a) return;
    err_must(a->users > 0);
    if (--a->users || !a->store || !a->is_ready) return; /* one that is being read may get another user */
    unlink_anchors(a);
    free_anchors(a);
}

void tls_anchors_forget(struct tls_store *s) {
    for (struct tls_anchors *a = s->anchors, *next; a; a = next) {
        next = a->next;
        a->store = NULL;
        if (a->is_ready) free_anchors(a);
    }
    s->anchors = NULL;
}

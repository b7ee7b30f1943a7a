/* floor: recv, send and frame heads in plain C, one blocking socket, OpenSSL for TLS: nobody can be much faster. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <zlib.h>

#include "client.h"
#include "frames.h"

enum { ROOM = 256 * 1024, CORK = 64 * 1024 };

struct link {
    int fd;
    SSL *ssl;
};

static SSL_CTX *tls;
static SSL_SESSION *session;
static uint8_t in[ROOM + 1];
static size_t at, have; /* in[at..have) is not used yet */

static int on_session(SSL *ssl, SSL_SESSION *s) {
    (void)ssl;
    SSL_SESSION_free(session);
    session = s;
    return 1;
}

static void link_put(struct link *l, const uint8_t *p, size_t n) {
    while (n > 0) {
        ssize_t rc = l->ssl ? SSL_write(l->ssl, p, (int)n) : send(l->fd, p, n, MSG_NOSIGNAL);
        if (rc <= 0) client_die("floor: send");
        p += rc;
        n -= (size_t)rc;
    }
}

static bool link_read(struct link *l, size_t room) {
    ssize_t rc = l->ssl ? SSL_read(l->ssl, in + have, (int)(room - have)) : recv(l->fd, in + have, room - have, 0);
    if (rc <= 0) return false;
    have += (size_t)rc;
    return true;
}

/* Reads more behind what is not used yet. */
static bool link_more(struct link *l) {
    if (at > 0) memmove(in, in + at, have - at);
    have -= at;
    at = 0;
    return link_read(l, ROOM);
}

static struct link link_open(const struct client *c) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    struct link l = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    inet_pton(AF_INET, c->host, &a.sin_addr);
    if (connect(l.fd, (struct sockaddr *)&a, sizeof a) < 0) client_die("floor: connect");
    setsockopt(l.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (c->secure) {
        l.ssl = SSL_new(tls);
        SSL_set_fd(l.ssl, l.fd);
        SSL_set1_host(l.ssl, c->host);
        if (session) SSL_set_session(l.ssl, session);
        if (SSL_connect(l.ssl) != 1) client_die("floor: TLS");
    }
    char request[1024];
    link_put(&l, (uint8_t *)request,
             frames_request(request, sizeof request, c->host, c->port, c->path, client_is(c, "deflate")));
    at = have = 0;
    long head = 0;
    while (head == 0) {
        if (!link_more(&l)) client_die("floor: no answer");
        head = frames_answer((char *)in, have);
    }
    if (head < 0) client_die("floor: refused");
    at = (size_t)head;
    return l;
}

static void link_close(struct link *l) {
    uint8_t frame[FRAMES_HEAD_MAX + 2];
    link_put(l, frame, frames_put(frame, FRAMES_CLOSE, (const uint8_t *)"\x03\xE8", 2));
    while (link_read(l, ROOM)) at = have = 0;
    if (l->ssl)
        SSL_set_shutdown(l->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else the session is thrown away */
    SSL_free(l->ssl);
    close(l->fd);
}

/* Messages until Close; their bytes go by, as many at a time as come. */
static void receive(const struct client *c, struct link *l) {
    double start = client_cpu();
    size_t messages = 0;
    uint64_t rest = 0;
    (void)c;
    for (;;) {
        size_t part = rest < have - at ? (size_t)rest : have - at;
        at += part;
        rest -= part;
        size_t head = rest ? 0 : frames_head(in + at, have - at, &rest);
        if (head && (in[at] & 0xF) == FRAMES_CLOSE) break;
        if (head) messages++;
        at += head;
        if (!head && !link_more(l)) client_die("floor: lost");
    }
    client_result(client_cpu() - start, messages);
}

static void receive_deflated(const struct client *c, struct link *l) {
    static uint8_t out[ROOM];
    z_stream z = {0};
    double start = client_cpu();
    size_t messages = 0, bytes = 0;
    inflateInit2(&z, -15);
    for (;;) {
        uint64_t length = 0;
        size_t head = frames_head(in + at, have - at, &length);
        if (!head || have - at < head + length) {
            if (!link_more(l)) client_die("floor: lost");
            continue;
        }
        if ((in[at] & 0xF) == FRAMES_CLOSE) break;
        z.next_in = in + at + head;
        z.avail_in = (uInt)length;
        z.next_out = out;
        z.avail_out = ROOM;
        inflate(&z, Z_SYNC_FLUSH);
        z.next_in = (Bytef *)"\0\0\xFF\xFF";
        z.avail_in = 4;
        inflate(&z, Z_SYNC_FLUSH);
        bytes += ROOM - z.avail_out;
        messages++;
        at += head + (size_t)length;
    }
    if (bytes != messages * c->size) client_die("floor: wrong bytes");
    client_result(client_cpu() - start, messages);
}

static void echo(const struct client *c, struct link *l) {
    uint8_t *payload = calloc(1, c->size + 1), *frame = malloc(c->size + FRAMES_HEAD_MAX);
    if (!payload || !frame) abort();
    memset(payload, 'x', c->size);
    double start = client_cpu();
    for (size_t i = 0; i < c->count; i++) {
        uint64_t length;
        size_t head;
        link_put(l, frame, frames_put(frame, c->text ? FRAMES_TEXT : FRAMES_BINARY, payload, c->size));
        while (!(head = frames_head(in + at, have - at, &length)) || have - at < head + length)
            if (!link_more(l)) client_die("floor: lost");
        at += head + (size_t)length;
    }
    client_result(client_cpu() - start, c->count);
    free(payload);
    free(frame);
}

static void send_all(const struct client *c, struct link *l) {
    uint8_t *payload = calloc(1, c->size + 1), *out = malloc(CORK + c->size + FRAMES_HEAD_MAX);
    size_t n = 0;
    if (!payload || !out) abort();
    memset(payload, 'x', c->size);
    double start = client_cpu();
    for (size_t i = 0; i < c->count; i++) {
        n += frames_put(out + n, c->text ? FRAMES_TEXT : FRAMES_BINARY, payload, c->size);
        if (n < CORK) continue;
        link_put(l, out, n);
        n = 0;
    }
    link_put(l, out, n);
    if (at == have && !link_more(l)) client_die("floor: lost");
    client_result(client_cpu() - start, c->count);
    free(payload);
    free(out);
}

static void connect_all(const struct client *c) {
    struct link l = link_open(c);
    link_close(&l);
    double start = client_cpu();
    for (size_t i = 0; i < c->count; i++) {
        l = link_open(c);
        link_close(&l);
    }
    client_result(client_cpu() - start, c->count);
}

static void idle(const struct client *c) {
    struct link *all = calloc(c->count + 1, sizeof *all);
    if (!all) abort();
    all[c->count] = link_open(c);
    double before = client_memory();
    for (size_t i = 0; i < c->count; i++) all[i] = link_open(c);
    client_result(client_memory() - before, c->count);
    free(all);
}

int main(int argc, char **argv) {
    struct client c = client_read(argc, argv);
    if (client_is(&c, "start")) return puts("up") < 0;
    if (c.secure) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_read_ahead(tls, 1);
        SSL_CTX_set_default_read_buffer_len(tls, ROOM);
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(tls, on_session);
        if (SSL_CTX_load_verify_locations(tls, c.ca_file, NULL) != 1) client_die("floor: CA file");
    }
    if (client_is(&c, "connect"))
        connect_all(&c);
    else if (client_is(&c, "idle"))
        idle(&c);
    else {
        struct link l = link_open(&c);
        if (client_is(&c, "receive"))
            receive(&c, &l);
        else if (client_is(&c, "deflate"))
            receive_deflated(&c, &l);
        else if (client_is(&c, "echo"))
            echo(&c, &l);
        else if (client_is(&c, "send"))
            send_all(&c, &l);
        else
            return CLIENT_CANNOT;
    }
    return 0;
}

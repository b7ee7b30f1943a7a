/* load: the server side of the benchmark. One process, one thread, epoll; it costs next to nothing, so that what is
 * measured is the client. It listens on 127.0.0.1 only, prints its two addresses ("ws://... wss://..."), and ends with
 * its standard input, at SIGTERM or after two hours, whatever comes first.
 *
 *     load [--spin] [CERTIFICATE KEY]      PEM files; without them there is no wss
 *
 * With --spin it does not sleep until 20 ms after the last event: to wake a CPU that sleeps costs whoever sends (in a
 * virtual machine three times as much as all the rest of an echo), and the client would pay. It wants a CPU of its own.
 *
 * What a client gets is told by the path of its url:
 *   /send?kind=K&size=N&count=M   M messages of feed.h, as fast as the client reads, then Close
 *   /ask?kind=K&size=N&count=M    the same, but Close when M messages came back
 *   /echo                         each frame back
 *   /sink?count=M                 nothing, until M messages came; then the message "done"
 *   anything else                 nothing: to connect, to be idle and to close
 * permessage-deflate is agreed on only where the path says kind=deflate.
 *
 * It trusts its clients: it is for benchmarks, and no server. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "feed.h"

enum {
    BIG = 1 << 20,      /* bytes read at once */
    HEAD_MAX = 8192,    /* bytes of a request */
    LIFE = 2 * 60 * 60, /* seconds */
    SPIN = 20,          /* ms */
};

/* The TLS handshake, the request, open, a Close that is still to be written, the end. */
enum phase { SHAKING, ASKING, OPEN, CLOSING, DEAD };
enum job { IDLE, SEND, ECHO, SINK };

struct bytes {
    uint8_t *p;
    size_t n, room, done; /* p[done..n) is to be written */
};

struct conn {
    int fd;
    SSL *ssl;
    enum phase phase;
    enum job job;
    uint32_t events; /* that epoll watches for */
    struct bytes out;
    struct bytes request;

    const struct feed *feed; /* SEND: the rest of `left` messages, from byte `offset` of the feed, in message `at` */
    size_t left, at, offset;
    bool said_close;

    size_t count; /* SINK: messages to come; SEND: the same, before Close */

    uint8_t head[14]; /* of the frame being read, `have` bytes of it */
    size_t have;
    uint64_t length, got; /* of its payload; all of the head is here when in_payload */
    bool in_payload;
    uint8_t mask[4], control[125];
};

static int epoll;
static SSL_CTX *tls;
static uint8_t big[BIG];
static uint64_t listeners[2]; /* their descriptors; epoll's pointer is one of these, or a conn */

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void append(struct bytes *b, const void *p, size_t n) {
    if (b->n + n > b->room) {
        b->room = (b->n + n) * 2;
        b->p = realloc(b->p, b->room);
        if (!b->p) abort();
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* ---- bytes in and out ---- */

/* Returns what was written, 0 where the socket is full, -1 at the end. */
static ssize_t put(struct conn *c, const void *p, size_t n) {
    if (!c->ssl) {
        ssize_t rc = send(c->fd, p, n, MSG_NOSIGNAL);
        return rc < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : rc;
    }
    int rc = SSL_write(c->ssl, p, (int)n);
    if (rc > 0) return rc;
    return SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* Returns what was read, 0 where there is nothing now, -1 at the end. */
static ssize_t get(struct conn *c) {
    if (!c->ssl) {
        ssize_t rc = recv(c->fd, big, BIG, 0);
        if (rc < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
        return rc > 0 ? rc : -1;
    }
    int rc = SSL_read(c->ssl, big, BIG);
    if (rc > 0) return rc;
    return SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : -1;
}

static void send_feed(struct conn *c) {
    const struct feed *f = c->feed;
    while (c->left > 0) {
        size_t last = c->at + c->left < f->count ? c->at + c->left : f->count;
        ssize_t n = put(c, f->bytes + c->offset, f->ends[last - 1] - c->offset);
        if (n < 0) c->phase = DEAD;
        if (n <= 0) return;
        c->offset += (size_t)n;
        if (c->offset < f->ends[last - 1]) continue;
        c->left -= last - c->at;
        c->at = last == f->count ? f->again : last;
        c->offset = c->at ? f->ends[c->at - 1] : 0;
    }
    if (c->count > 0) return;
    if (!c->said_close) append(&c->out, "\x88\x02\x03\xE8", 4);
    c->said_close = true;
}

static void flush(struct conn *c) {
    if (c->phase == OPEN && c->job == SEND && c->out.n == 0) send_feed(c);
    while (c->phase != DEAD && c->out.done < c->out.n) {
        ssize_t n = put(c, c->out.p + c->out.done, c->out.n - c->out.done);
        if (n < 0) c->phase = DEAD;
        if (n <= 0) break;
        c->out.done += (size_t)n;
    }
    if (c->out.done == c->out.n) {
        c->out.n = c->out.done = 0;
        if (c->phase == OPEN && c->job == SEND && !c->said_close) send_feed(c);
        if (c->phase == CLOSING) c->phase = DEAD;
        if (c->out.n > 0) flush(c);
    }
}

/* ---- the conversation ---- */

static void reply(struct conn *c, uint8_t opcode, const uint8_t *payload, size_t n) {
    uint8_t head[10];
    append(&c->out, head, feed_head(head, 0x80 | opcode, n));
    append(&c->out, payload, n);
}

static void unmask(struct conn *c, uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] ^= c->mask[(c->got + i) & 3];
}

static void on_frame_end(struct conn *c) {
    uint8_t opcode = c->head[0] & 0xF;
    c->in_payload = false;
    c->have = 0;
    if (opcode == 0x8) {
        if (!c->said_close) reply(c, 0x8, c->control, (size_t)c->length);
        c->phase = CLOSING;
    } else if (opcode == 0x9 && c->left == 0) { /* not in the middle of a message; no client here has to have it soon */
        reply(c, 0xA, c->control, (size_t)c->length);
    } else if (c->count > 0 && (c->head[0] & 0x80) && opcode < 0x8 && --c->count == 0 && c->job == SINK) {
        reply(c, 0x1, (const uint8_t *)"done", 4);
    }
}

/* Takes what it can of a head from `n` bytes; returns how many it took. */
static size_t on_head(struct conn *c, const uint8_t *p, size_t n) {
    size_t need = 2, took = 0;
    for (;;) {
        while (c->have < need && took < n) c->head[c->have++] = p[took++];
        if (c->have < need) return took;
        uint8_t form = c->head[1] & 0x7F;
        size_t wide = form == 126 ? 2 : form == 127 ? 8 : 0;
        if (need == 2) {
            need = 2 + wide + (c->head[1] & 0x80 ? 4 : 0);
            if (c->have < need) continue;
        }
        c->length = wide ? 0 : form;
        for (size_t i = 0; i < wide; i++) c->length = c->length << 8 | c->head[2 + i];
        memcpy(c->mask, c->head + 2 + wide, 4);
        if (!(c->head[1] & 0x80)) memset(c->mask, 0, 4);
        c->got = 0;
        c->in_payload = true;
        if (c->job == ECHO && (c->head[0] & 0xF) < 0x8) {
            uint8_t head[10];
            append(&c->out, head, feed_head(head, c->head[0], (size_t)c->length));
        }
        return took;
    }
}

static void on_frames(struct conn *c, uint8_t *p, size_t n) {
    while (c->phase == OPEN && (n > 0 || (c->in_payload && c->length == 0))) {
        if (!c->in_payload) {
            size_t took = on_head(c, p, n);
            p += took;
            n -= took;
            if (!c->in_payload) return;
        }
        size_t part = c->length - c->got < n ? (size_t)(c->length - c->got) : n;
        bool control = c->head[0] & 0x8;
        if (control && c->length > sizeof c->control) {
            c->phase = DEAD;
            return;
        }
        if (control || c->job == ECHO) unmask(c, p, part);
        if (control)
            memcpy(c->control + c->got, p, part);
        else if (c->job == ECHO)
            append(&c->out, p, part);
        c->got += part;
        p += part;
        n -= part;
        if (c->got == c->length)
            on_frame_end(c);
        else
            return;
    }
}

/* ---- the opening handshake ---- */

/* The value of a header, to the end of its line; "" where there is none. */
static const char *header(const char *request, const char *name, size_t *n) {
    size_t long_ = strlen(name);
    for (const char *line = strstr(request, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, long_) != 0 || line[long_] != ':') continue;
        const char *value = line + long_ + 1 + strspn(line + long_ + 1, " \t");
        *n = strcspn(value, "\r");
        return value;
    }
    *n = 0;
    return "";
}

static size_t number(const char *query, const char *name) {
    const char *at = strstr(query, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* Sets what the path asks for; returns what to say of extensions, NULL where the path is wrong. */
static const char *choose(struct conn *c, const char *path, const char *offer) {
    static const char shared[] = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    static const char alone[] = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
                                "client_no_context_takeover\r\n";
    const char *answer = "";
    char kind[16] = "binary";
    if (strncmp(path, "/echo", 5) == 0) c->job = ECHO;
    if (strncmp(path, "/sink", 5) == 0) c->job = SINK;
    if (strncmp(path, "/send", 5) == 0 || strncmp(path, "/ask", 4) == 0) c->job = SEND;
    size_t count = number(path, "count=");
    if (c->job == SINK && count == 0) return NULL;
    if (c->job == SINK || strncmp(path, "/ask", 4) == 0) c->count = count;
    if (c->job != SEND) return answer;
    const char *at = strstr(path, "kind=");
    if (at) sscanf(at, "kind=%15[a-z]", kind);
    if (strcmp(kind, "deflate") == 0) {
        if (!strstr(offer, "permessage-deflate")) return NULL;
        bool forget = strstr(offer, "server_no_context_takeover");
        answer = forget ? alone : shared;
        strcpy(kind, forget ? "alone" : "shared");
    }
    c->left = count;
    c->feed = feed_get(kind, number(path, "size="));
    return c->feed ? answer : NULL;
}

static void on_request(struct conn *c) {
    char *request = (char *)c->request.p, accept[64], line[160], offer[512], path[512];
    uint8_t digest[SHA_DIGEST_LENGTH];
    size_t n;
    if (sscanf(request, "GET %511[^ \r]", path) != 1) goto refuse;
    const char *value = header(request, "Sec-WebSocket-Extensions", &n);
    snprintf(offer, sizeof offer, "%.*s", (int)n, value);
    const char *extensions = choose(c, path, offer);
    value = header(request, "Sec-WebSocket-Key", &n);
    if (!extensions || n == 0 || n > 100) goto refuse;
    int keyed = snprintf(line, sizeof line, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)n, value);
    SHA1((const uint8_t *)line, (size_t)keyed, digest);
    EVP_EncodeBlock((uint8_t *)accept, digest, sizeof digest);

    char answer[1024], protocol[128] = "";
    value = header(request, "Sec-WebSocket-Protocol", &n);
    if (n > 0 && n < 64) {
        snprintf(protocol, sizeof protocol, "Sec-WebSocket-Protocol: %.*s\r\n", (int)strcspn(value, ",\r"), value);
    }
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n%s%s\r\n",
                        accept, protocol, extensions);
    append(&c->out, answer, (size_t)size);
    c->phase = OPEN;
    return;
refuse:
    append(&c->out, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 67);
    c->phase = CLOSING;
}

static void on_asking(struct conn *c, uint8_t *p, size_t n) {
    append(&c->request, p, n);
    append(&c->request, "", 1); /* a string, for a moment */
    c->request.n--;
    char *end = strstr((char *)c->request.p, "\r\n\r\n");
    if (!end) {
        if (c->request.n > HEAD_MAX) c->phase = DEAD;
        return;
    }
    size_t head = (size_t)(end + 4 - (char *)c->request.p);
    end[2] = 0;
    on_request(c);
    if (c->phase == OPEN) on_frames(c, c->request.p + head, c->request.n - head);
    free(c->request.p);
    c->request = (struct bytes){0};
}

/* ---- the loop ---- */

static void watch(struct conn *c) {
    bool waits = c->out.n > 0 || (c->phase == OPEN && c->job == SEND && c->left > 0);
    /* Whoever does not take his echoes is not read. */
    uint32_t events = (waits ? EPOLLOUT : 0) | (c->out.n - c->out.done > BIG ? 0 : EPOLLIN);
    if (events == c->events) return;
    c->events = events;
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){.events = events, .data.ptr = c});
}

static void end(struct conn *c) {
    if (c->ssl) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    close(c->fd);
    free(c->out.p);
    free(c->request.p);
    free(c);
}

static void on_event(struct conn *c, uint32_t events) {
    if (c->phase == SHAKING) {
        int rc = SSL_accept(c->ssl);
        if (rc == 1)
            c->phase = ASKING;
        else if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ)
            c->phase = DEAD;
    }
    if (c->phase != SHAKING && c->phase != DEAD && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        do {
            ssize_t n = get(c);
            if (n < 0) c->phase = DEAD;
            if (n <= 0) break;
            if (c->phase == ASKING)
                on_asking(c, big, (size_t)n);
            else
                on_frames(c, big, (size_t)n);
        } while (c->ssl && c->phase < CLOSING);
    }
    if (c->phase == ASKING || c->phase == OPEN || c->phase == CLOSING) flush(c);
    if (c->phase == DEAD)
        end(c);
    else
        watch(c);
}

static void on_incoming(int listener, bool secure) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct conn *c = calloc(1, sizeof *c);
        if (!c) abort();
        c->fd = fd;
        c->phase = secure ? SHAKING : ASKING;
        c->events = EPOLLIN;
        if (secure) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = c});
    }
}

static int listen_on(uint64_t *tag) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 4096) < 0) die("load: listen");
    getsockname(fd, (struct sockaddr *)&a, &n);
    *tag = (uint64_t)fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = tag});
    return ntohs(a.sin_port);
}

static void tls_open(const char *certificate, const char *key) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_session_id_context(tls, (const uint8_t *)"load", 4);
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "load: cannot use %s and %s\n", certificate, key);
        exit(1);
    }
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* As epoll_wait. */
static int wait_for(struct epoll_event *events, int room, bool spin) {
    int n = epoll_wait(epoll, events, room, 0);
    if (n != 0) return n;
    for (int64_t until = now_ms() + SPIN; spin && n == 0 && now_ms() < until;) n = epoll_wait(epoll, events, room, 0);
    return n != 0 ? n : epoll_wait(epoll, events, room, -1);
}

int main(int argc, char **argv) {
    bool spin = argc > 1 && strcmp(argv[1], "--spin") == 0;
    argc -= spin;
    argv += spin;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    alarm(LIFE);

    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (argc == 3) tls_open(argv[1], argv[2]);
    printf("ws://127.0.0.1:%d", listen_on(&listeners[0]));
    if (tls) printf(" wss://127.0.0.1:%d", listen_on(&listeners[1]));
    puts("");
    fflush(stdout);
    /* A file or /dev/null as standard input cannot be watched, and says nothing of whoever started us. */
    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});

    for (;;) {
        struct epoll_event events[256];
        int n = wait_for(events, 256, spin);
        for (int i = 0; i < n; i++) {
            void *what = events[i].data.ptr;
            if (!what) {
                if (read(STDIN_FILENO, big, 1) <= 0) return 0;
            } else if (what == &listeners[0] || what == &listeners[1]) {
                on_incoming((int)*(uint64_t *)what, what == &listeners[1]);
            } else {
                on_event(what, events[i].events);
            }
        }
    }
}

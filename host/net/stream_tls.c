/* stream_tls: between a stream's socket and its owner. */
#include "net/stream_tls.h"

#include <sys/socket.h>

enum { PLAIN_SIZE = 16 * 1024 }; /* bytes of a record (RFC 8446 5.1) */

static int put(struct stream *s) {
    struct buf *out = tls_out(s->tls);
    int rc = stream_put(s, out);
    net_give_buffer(s->net, out);
    return rc;
}

void stream_tls_flush(struct stream *s) {
    if (!stream_busy(s) && tls_out(s->tls)->len) put(s); /* where that fails, reading tells why */
}

/* False when it has failed, or its owner has closed it. */
static bool shake_hands(struct stream *s) {
    enum tls_step step = tls_handshake(s->tls);
    stream_tls_flush(s);
    if (step == TLS_MORE) return true;
    s->tls_is_up = step == TLS_DONE;
    if (s->owner) s->events->connected(s->owner, s, s->tls_is_up ? 0 : UV_EPROTO);
    return s->tls_is_up && s->owner;
}

static void on_ready(void *arg) { shake_hands(arg); }

void stream_tls_start(struct stream *s, struct tls *tls) {
    s->tls = tls;
    s->tls_is_up = false;
    tls_await(tls, on_ready, s);
    shake_hands(s); /* a client's first words: it cannot be done yet */
}

/* An owner who does not read has not seen all that came before: it meets the end of the socket when it reads on. */
static void end(struct stream *s, int error) {
    uv_os_fd_t fd;
    if (!s->reading) {
        if (uv_fileno(&s->uv.handle, &fd) == 0) shutdown(fd, SHUT_RD);
        return;
    }
    stream_read(s, false);
    if (s->owner) s->events->ended(s->owner, error);
}

/* The owner is told all that came, also when it has said meanwhile that it wants no more: it holds that, as it holds
 * the rest of what a plain socket gave. After each call of its own, s->tls may be gone. */
void stream_tls_received(struct stream *s, uint8_t *data, size_t n) {
    uint8_t plain[PLAIN_SIZE]; /* the one of `net` may be what the owner decrypts it into */
    enum tls_step step = TLS_MORE;
    tls_feed(s->tls, slice_of(data, n));
    if (!s->tls_is_up && !shake_hands(s)) return;
    while (s->tls_is_up && (step = tls_read(s->tls, plain, sizeof plain, &n)) == TLS_DONE) {
        s->events->received(s->owner, plain, n);
        if (!s->owner) return;
    }
    stream_tls_flush(s); /* an alert, or the answer to a key update */
    int rc = tls_keep(s->tls);
    if (step != TLS_MORE)
        end(s, step == TLS_ENDED ? UV_EOF : UV_EPROTO);
    else if (rc < 0)
        end(s, UV_ENOMEM);
}

int stream_tls_write(struct stream *s, struct buf *plain) {
    int rc = tls_write(s->tls, buf_slice(plain));
    buf_reset(plain, SIZE_MAX);
    return rc < 0 ? UV_EPROTO : put(s);
}

void stream_tls_end(struct stream *s) {
    tls_end(s->tls);
    stream_tls_flush(s);
    tls_free(s->tls);
    s->tls = NULL;
}

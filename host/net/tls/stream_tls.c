/* stream_tls: the TLS layer between a stream's socket and its owner. */
#include "net/tls/stream_tls.h"

#include "base/container_of.h"
#include "base/reserve.h"
#include <stdlib.h>
#include <sys/socket.h>

enum { PLAIN_SIZE = 16 * 1024 }; /* bytes of a record (RFC 8446 5.1) */

struct stream_tls {
    struct stream_layer layer;
    struct tls *tls;
    bool is_up;
};

static struct stream_tls *within(const struct stream *s) { return container_of(s->layer, struct stream_tls, layer); }

static int put(struct stream *s) {
    struct buf *out = tls_out(within(s)->tls);
    int rc = stream_put(s, out);
    net_give_buffer(s->net, out);
    return rc;
}

static void flush(struct stream *s) {
    if (!stream_busy(s) && tls_out(within(s)->tls)->len) put(s); /* where that fails, reading tells why */
}

/* False when it has failed, or its owner has closed it. */
static bool shake_hands(struct stream *s) {
    struct stream_tls *t = within(s);
    enum tls_step step = tls_handshake(t->tls);
    flush(s);
    if (step == TLS_MORE) return true;
    bool is_up = t->is_up = step == TLS_DONE;
    if (s->owner) s->events->connected(s->owner, s, is_up ? 0 : UV_EPROTO); /* which may close it */
    return is_up && s->owner;
}

static void on_ready(void *arg) { shake_hands(arg); }

/* Ends reading. An owner that does not read now has bytes left to see: it meets the end of the socket when it reads
 * on. */
static void end_reading(struct stream *s, int error) {
    uv_os_fd_t fd;
    if (!s->reading) {
        if (uv_fileno(&s->uv.handle, &fd) == 0) shutdown(fd, SHUT_RD);
        return;
    }
    stream_read(s, false);
    if (s->owner) s->events->ended(s->owner, error);
}

/* The owner is given all that came, even where it has stopped reading meanwhile: it keeps that back, as it does with
 * the rest of a plain read. After each call of the owner, the stream may be gone. */
static void received(struct stream *s, uint8_t *data, size_t n) {
    uint8_t plain[PLAIN_SIZE]; /* not net->plain: the owner may decrypt into that */
    struct stream_tls *t = within(s);
    enum tls_step step = TLS_MORE;
    tls_feed(t->tls, slice_of(data, n));
    if (!t->is_up && !shake_hands(s)) return;
    while (t->is_up && (step = tls_read(t->tls, plain, sizeof plain, &n)) == TLS_DONE) {
        s->events->received(s->owner, plain, n);
        if (!s->owner) return;
    }
    flush(s); /* an alert, or the answer to a key update */
    int rc = tls_keep(t->tls);
    if (step != TLS_MORE)
        end_reading(s, step == TLS_ENDED ? UV_EOF : UV_EPROTO);
    else if (rc < 0)
        end_reading(s, UV_ENOMEM);
}

static int write_plain(struct stream *s, struct buf *plain) {
    int rc = tls_write(within(s)->tls, buf_slice(plain));
    buf_reset(plain, SIZE_MAX);
    return rc < 0 ? UV_EPROTO : put(s);
}

static void end(struct stream *s) {
    struct stream_tls *t = within(s);
    tls_end(t->tls);
    flush(s);
    tls_free(t->tls);
    free(t);
    s->layer = NULL;
}

void stream_tls_start(struct stream *s, struct tls *tls) {
    struct stream_tls *t = reserve_take(sizeof *t);
    *t = (struct stream_tls){.layer = {received, write_plain, flush, end}, .tls = tls};
    s->layer = &t->layer;
    tls_await(tls, on_ready, s);
    shake_hands(s); /* a client's first words: it cannot be done yet */
}

const struct tls *stream_tls(const struct stream *s) { return s->layer ? within(s)->tls : NULL; }

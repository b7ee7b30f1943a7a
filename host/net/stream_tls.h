/* stream_tls: TLS within a stream, below the bytes of its owner, who may speak TLS of his own inside: for the way to a
 * proxy. A plain stream pays one pointer for it. */
#ifndef NET_STREAM_TLS_H
#define NET_STREAM_TLS_H

#include "net/stream.h"
#include "net/tls/tls.h"

/* From now on the stream, which is connected, speaks TLS; `tls` becomes its own. `connected` tells the result of the
 * handshake: 0, or UV_EPROTO, and then tls_fault(tls) says why. Reading must be on until then. What goes wrong later is
 * an end with UV_EPROTO. */
void stream_tls_start(struct stream *s, struct tls *tls);

/* ---- for stream.c, where s->tls is not NULL ---- */

/* Ciphertext came; its plain bytes are given to the owner. */
void stream_tls_received(struct stream *s, uint8_t *data, size_t n);

/* Writes all of `plain`, as stream_write does. */
int stream_tls_write(struct stream *s, struct buf *plain);

/* The system has taken what it was given: what TLS has to say by itself may follow. */
void stream_tls_flush(struct stream *s);

/* The stream closes: says so to the peer (close_notify), as far as the system takes it at once, and frees s->tls. */
void stream_tls_end(struct stream *s);

#endif

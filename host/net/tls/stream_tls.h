/* stream_tls: TLS within a stream, below its owner, which may speak TLS of its own inside that: for the connection to a
 * proxy. A plain stream pays one pointer for it. */
#ifndef NET_TLS_STREAM_TLS_H
#define NET_TLS_STREAM_TLS_H

#include "net/stream.h"
#include "net/tls/tls.h"

/* From now on the stream, which is connected, speaks TLS; `tls` becomes its own. `connected` tells the result of the
 * handshake: 0, or UV_EPROTO, and then tls_fault(tls) says why. Reading must be on until then. A later failure ends
 * reading with UV_EPROTO. When the stream closes it says so to the peer (close_notify), as far as the system takes that
 * at once. */
void stream_tls_start(struct stream *s, struct tls *tls);

/* The TLS of the stream; NULL: it is plain. */
const struct tls *stream_tls(const struct stream *s);

#endif

/* words: what options of ws.connect are called on the command line of `wsbot connect`, whose user never wrote the
 * others. */
#ifndef APP_WORDS_H
#define APP_WORDS_H

#include "base/buf.h"

/* Appends a message of the host in these words: "--insecure" for "tls.verify = false". */
void words_append(struct buf *out, struct slice message);

#endif
